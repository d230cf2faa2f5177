import { afterEach, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openFsQueue } from "../../src/queue/fs.ts";
import { entryName, parseEntryName } from "../../src/queue/fs-name.ts";
import { type QueueFileOps, queueFileOps } from "../../src/queue/fs-self-test.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { rebuildQueue } from "../../src/queue/rebuild.ts";
import { basePaths } from "../../src/run/paths.ts";
import { tempFolder } from "../support/temp.ts";
import { turnedClock } from "./bench.ts";
import { entry } from "./entry.ts";
import { makeRun } from "./run-folder.ts";

const closing: QueueBackend[] = [];
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

function open(folder: string, clock = turnedClock()): QueueBackend {
  const queue = openFsQueue(folder, { clock });
  closing.push(queue);
  return queue;
}

const ids = async (queue: QueueBackend) => (await queue.waiting(100, true)).map((each) => each.runId);

describe("the filesystem queue", () => {
  const bad: Record<string, [Partial<QueueFileOps>, string]> = {
    "without hard links": [
      {
        link: () => {
          throw Object.assign(new Error("EPERM: link"), { code: "EPERM" });
        },
      },
      "EPERM",
    ],
    "whose link replaces": [
      {
        link: (from, to) => {
          rmSync(to, { force: true });
          queueFileOps.link(from, to);
        },
      },
      "a second link to one name is not refused",
    ],
    "whose rename copies": [{ rename: () => {} }, "a rename is not seen at once"],
    "with a cached listing": [{ list: () => ["first", "name", "second"] }, "it is cached"],
    "that counts no links": [{ links: () => 1 }, "it does not count hard links"],
  };
  for (const [what, [ops, reason]] of Object.entries(bad)) {
    test(`[Q5] a file system ${what} is refused with the reason`, () => {
      const folder = tempFolder();
      const act = () => openFsQueue(folder, { clock: turnedClock(), ops: { ...queueFileOps, ...ops } });
      expect(act).toThrow(reason);
      expect(act).toThrow(`the folder \`${folder}\` cannot hold a queue`);
      expect(readdirSync(folder)).toEqual([]);
    });
  }

  test("a worker on another host, whose clock is hours off, judges a lease by its own watch", async () => {
    const folder = join(tempFolder(), "queue");
    const [here, there] = [turnedClock(), turnedClock()];
    there.jump(-7 * 3_600_000);
    there.advance(123_456);
    const [mine, theirs] = [open(folder, here), open(folder, there)];
    await mine.add([entry("a")]);
    const claim = await mine.claim("a", "w1", 1000);
    expect(await theirs.claim("a", "w2", 1000)).toBeNull();
    there.advance(900);
    expect(await mine.renew(claim!, 1000)).toBe(true);
    there.advance(900);
    expect(await theirs.claim("a", "w2", 1000)).toBeNull();
    there.advance(1000);
    const taken = await theirs.claim("a", "w2", 1000);
    expect(taken!.token).toBeGreaterThan(claim!.token);
    expect(await mine.renew(claim!, 1000)).toBe(false);
    expect(await mine.settle(claim!)).toBe(false);
  });

  test("[D6] a damaged entry is kept aside, said so, and comes back from its run folder", async () => {
    const folder = join(tempFolder(), "queue");
    const base = basePaths(tempFolder());
    const runs = ["2026-11-23_aaaaaa", "2026-11-23_bbbbbb"];
    for (const run_id of runs) makeRun(base, { run_id });
    await rebuildQueue(open(folder), base);
    for (const damage of ["", '{"user":', '{"user":"ada","queued_at":7}']) {
      writeFileSync(join(folder, "ids", runs[0]!), damage);
      const queue = open(folder);
      expect(await ids(queue)).toEqual([runs[1]!]);
      expect(await queue.health()).toMatchObject({ ok: true, needsRebuild: true });
      expect((await queue.health()).problem).toContain(runs[0]!);
      expect(readdirSync(join(folder, "damaged")).length).toBeGreaterThan(0);
      expect(await rebuildQueue(queue, base)).toEqual({ restored: 1, damaged: [] });
      expect((await ids(queue)).sort()).toEqual(runs);
      expect((await queue.health()).problem).toBeNull();
    }
  });

  test("[D6] deleted under a running process, the queue is new and asks for its entries", async () => {
    const folder = join(tempFolder(), "queue");
    const queue = open(folder);
    await queue.add([entry("a")]);
    await queue.rebuilt();
    rmSync(folder, { recursive: true });
    expect(await ids(queue)).toEqual([]);
    expect((await queue.health()).needsRebuild).toBe(true);
    expect(await queue.add([entry("a")])).toBe(1);
  });

  test("what a killed process leaves between two steps is cleared by the next", async () => {
    const folder = join(tempFolder(), "queue");
    const childScript = join(import.meta.dir, "child.ts");
    const points = [
      "queue/before-line-link:1",
      "queue/before-add-sync:1",
      "queue/before-forgetting-id:1",
      "queue/before-settle:1",
    ];
    for (const point of points) {
      const mode = point.includes("add") || point.includes("link") ? "add" : "work";
      const queue = open(folder);
      await queue.add([entry("left")]);
      const child = Bun.spawn(
        [process.execPath, childScript, JSON.stringify({ kind: "fs", path: folder }), mode, "x"],
        {
          env: { ...process.env, ML_FAULTS: `${point}:kill` },
          stdout: "ignore",
          stderr: "inherit",
        },
      );
      await child.exited;
      expect(child.signalCode).toBe("SIGKILL");
      await queue.add([entry("x-0-0"), entry("left")]);
      expect((await ids(queue)).sort()).toEqual(["left", "x-0-0"]);
      expect(await queue.count()).toBe(2);
      expect(await queue.remove(["x-0-0"])).toEqual(["x-0-0"]);
      const fresh = open(join(folder, "..", `again-${points.indexOf(point)}`));
      await fresh.add([entry("left")]);
    }
  }, 120_000);

  test("a name says everything and comes back from the file name", () => {
    for (const priority of [1, 10]) {
      const parts = { priority, sequence: 42, runId: "a.b/c%_ü", token: 1_800_000_000_000, held: false };
      const claim = { worker: "host.example.org:1/2", leaseMs: 30_000, renewals: 7 };
      expect(parseEntryName(entryName({ ...parts, claim: null }))).toEqual({ ...parts, claim: null });
      expect(parseEntryName(entryName({ ...parts, claim }))).toEqual({ ...parts, claim });
      expect(entryName({ ...parts, claim })).not.toContain("/");
    }
    expect(() =>
      entryName({
        priority: 5,
        sequence: 1,
        runId: "r",
        token: 0,
        held: false,
        claim: { worker: "w".repeat(200), leaseMs: 1, renewals: 0 },
      }),
    ).toThrow("too long");
    for (const other of [".x.tmp", "README", "05.1.a.0.w", ""]) expect(parseEntryName(other)).toBeNull();
  });

  test("files that are no entries are left alone", async () => {
    const folder = join(tempFolder(), "queue");
    const queue = open(folder);
    await queue.add([entry("a")]);
    writeFileSync(join(folder, "line", "README"), "hello");
    mkdirSync(join(folder, "line", "x"));
    expect(await ids(queue)).toEqual(["a"]);
    expect(await queue.claim("a", "w", 1000)).not.toBeNull();
  });

  test.skipIf(process.getuid?.() === 0)("a folder that cannot be written says so", () => {
    const folder = tempFolder();
    chmodSync(folder, 0o500);
    expect(() => openFsQueue(folder, { clock: turnedClock() })).toThrow("permission denied");
  });
});
