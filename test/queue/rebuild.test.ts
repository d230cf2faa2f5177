import { afterEach, describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { openQueue } from "../../src/queue/open.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { rebuildQueue } from "../../src/queue/rebuild.ts";
import { basePaths, statePaths } from "../../src/run/paths.ts";
import { tempFolder } from "../support/temp.ts";
import { makeRun } from "./run-folder.ts";

const closing: QueueBackend[] = [];
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

async function setting(backend: "sqlite" | "fs" | "redis") {
  const folder = tempFolder();
  const base = basePaths(folder);
  const queue = await openQueue({
    backend,
    base,
    state: statePaths(join(folder, "state")),
    redisUrl: "redis://127.0.0.1:1",
    fallback: true,
    clock: systemClock,
  });
  closing.push(queue);
  return { base, queue };
}

describe("rebuilding a queue from run folders", () => {
  for (const backend of ["sqlite", "fs", "redis"] as const) {
    test(`${backend}${backend === "redis" ? " while it is away" : ""}: adds what is queued, oldest first, once`, async () => {
      const { base, queue } = await setting(backend);
      const requested = { gpus: 1, cpu_cores: 2 };
      makeRun(base, { run_id: "2026-11-23_late22", queued_at: "2026-11-23T19:00:00.000Z", priority: 5 });
      makeRun(base, {
        run_id: "2026-11-22_early2",
        queued_at: "2026-11-22T19:00:00.000Z",
        resources: { requested },
        launch: { held: true },
      });
      makeRun(base, { run_id: "2026-11-23_urgent", priority: 9 });
      for (const status of ["starting", "running", "completed", "failed", "cancelled"] as const) {
        makeRun(base, { run_id: `2026-11-23_${status.slice(0, 6)}` }, status);
      }
      expect(await rebuildQueue(queue, base)).toEqual({ restored: 3, damaged: [] });
      expect(await rebuildQueue(queue, base)).toEqual({ restored: 0, damaged: [] });
      const listed = await queue.waiting(10, true);
      expect(listed.map((each) => each.runId)).toEqual(["2026-11-23_urgent", "2026-11-22_early2", "2026-11-23_late22"]);
      expect(listed[1]).toMatchObject({ user: "ada", held: true, queuedAt: "2026-11-22T19:00:00.000Z", requested });
      if (backend !== "redis") expect((await queue.health()).problem).toBeNull();
      else expect(await queue.health()).toMatchObject({ ok: true, degraded: true });
    });
  }

  test("[K9] damaged and missing manifests are named and stop nothing", async () => {
    const { base, queue } = await setting("sqlite");
    makeRun(base, { run_id: "2026-11-23_goodaa" });
    for (const [runId, text] of [
      ["2026-11-23_emptya", ""],
      ["2026-11-23_tornaa", '{"run_id": "2026'],
    ] as const) {
      mkdirSync(base.run(runId).folder);
      writeFileSync(base.run(runId).manifest, text);
    }
    mkdirSync(base.run("2026-11-23_nothing").folder);
    const { restored, damaged } = await rebuildQueue(queue, base);
    expect(restored).toBe(1);
    expect(damaged.sort()).toEqual(["2026-11-23_emptya", "2026-11-23_nothing", "2026-11-23_tornaa"]);
  });

  test("a base without runs is rebuilt to an empty line", async () => {
    const { base, queue } = await setting("sqlite");
    expect(await rebuildQueue(queue, base)).toEqual({ restored: 0, damaged: [] });
    expect((await queue.health()).needsRebuild ?? false).toBe(false);
  });
});
