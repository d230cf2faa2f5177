import { Database } from "bun:sqlite";
import { afterEach, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { rebuildQueue } from "../../src/queue/rebuild.ts";
import { openSqliteQueue } from "../../src/queue/sqlite.ts";
import { basePaths } from "../../src/run/paths.ts";
import { tempFolder } from "../support/temp.ts";
import { turnedClock } from "./bench.ts";
import { entry } from "./entry.ts";
import { makeRun } from "./run-folder.ts";

const closing: QueueBackend[] = [];
afterEach(async () => {
  for (const each of closing.splice(0)) await each.close();
});

function open(path: string, boot = "this-boot", clock = turnedClock()): QueueBackend {
  const leases = { nowMs: () => clock.monotonicMs(), boot: () => boot };
  const queue = openSqliteQueue(path, { clock, leases });
  closing.push(queue);
  return queue;
}

const ids = async (queue: QueueBackend) => (await queue.waiting(100, true)).map((each) => each.runId);
function intoMainFile(path: string): void {
  const checkpoint = new Database(path);
  checkpoint.run("pragma wal_checkpoint(truncate)");
  checkpoint.close();
}
const keptAside = (folder: string) => readdirSync(folder).filter((name) => /\.damaged-\S*\d$/.test(name));

describe("the sqlite queue", () => {
  test("a lease of another boot is over", async () => {
    const path = join(tempFolder(), "queue.db");
    const before = open(path, "boot-1");
    await before.add([entry("a")]);
    const claim = await before.claim("a", "w", 3_600_000);
    const after = open(path, "boot-2");
    expect((await after.waiting(1, false))[0]).toMatchObject({ runId: "a", claim: null });
    expect(await after.renew(claim!, 1000)).toBe(false);
    expect((await after.claim("a", "w", 1000))!.token).toBeGreaterThan(claim!.token);
  });

  test("[D7] refuses a network mount and names state_dir", () => {
    const path = join(tempFolder(), "queue.db");
    const act = () => openSqliteQueue(path, { clock: systemClock, networkOf: () => "NFS" });
    expect(act).toThrow("on NFS: SQLite is not safe there");
    try {
      act();
    } catch (cause) {
      expect(cause).toMatchObject({ code: "bad_config", detail: { hint: expect.stringContaining("state_dir") } });
    }
    expect(existsSync(path)).toBe(false);
  });

  test("[D6] a damaged file is kept aside, said so, and the line comes back from the run folders", async () => {
    const folder = tempFolder();
    const path = join(folder, "queue.db");
    const base = basePaths(tempFolder());
    makeRun(base, { run_id: "2026-11-23_aaaaaa" });
    const first = openSqliteQueue(path, { clock: systemClock });
    await rebuildQueue(first, base);
    await first.close();
    writeFileSync(path, "this is no database".repeat(1000));

    const queue = open(path);
    const health = await queue.health();
    expect(health).toMatchObject({ ok: true, needsRebuild: true });
    const [aside] = keptAside(folder);
    expect(health.problem).toContain(join(folder, aside!));
    expect(readFileSync(join(folder, aside!), "utf8")).toStartWith("this is no database");
    expect(await rebuildQueue(queue, base)).toEqual({ restored: 1, damaged: [] });
    expect((await queue.health()).problem).toBeNull();
    expect(await ids(queue)).toEqual(["2026-11-23_aaaaaa"]);
  });

  test("[D6] truncated or overwritten anywhere, it opens, and what is lost is known to be", async () => {
    const folder = tempFolder();
    const whole = join(folder, "whole.db");
    const first = openSqliteQueue(whole, { clock: systemClock });
    await first.add(Array.from({ length: 200 }, (_, at) => entry(`r${at}`)));
    await first.rebuilt();
    await first.close();
    const { size } = statSync(whole);
    for (let at = 0; at < size; at += Math.floor(size / 25)) {
      for (const how of ["truncate", "overwrite"] as const) {
        const path = join(folder, `${how}-${at}.db`);
        copyFileSync(whole, path);
        const bytes = readFileSync(path);
        const damaged =
          how === "truncate"
            ? bytes.subarray(0, at)
            : Buffer.concat([bytes.subarray(0, at), Buffer.alloc(600, 0xa5), bytes.subarray(at + 600)]);
        writeFileSync(path, damaged);
        const queue = open(path);
        const complete = (await ids(queue)).length === 100 && (await queue.count()) === 200;
        const health = await queue.health();
        expect(health.ok).toBe(true);
        if (!complete) expect(health.needsRebuild).toBe(true);
        expect(await queue.add([entry("new")])).toBe(1);
      }
    }
  }, 120_000);

  test("[D6] deleted or damaged under a running process, both processes go on with one new file", async () => {
    const folder = tempFolder();
    const path = join(folder, "queue.db");
    const [one, two] = [open(path), open(path)];
    await one.add([entry("a")]);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    expect(await two.add([entry("b")])).toBe(1);
    expect(await ids(one)).toEqual(["b"]);
    expect((await one.health()).needsRebuild).toBe(true);
    await one.rebuilt();

    intoMainFile(path);
    writeFileSync(path, "x".repeat(8192));
    const third = open(path);
    expect(await third.add([entry("c")])).toBe(1);
    await two.add([entry("d")]);
    await one.add([entry("d")]);
    for (const queue of [one, two, third]) expect(await ids(queue)).toEqual(["c", "d"]);
    expect(keptAside(folder).length).toBe(1);
    expect((await two.health()).needsRebuild).toBe(true);
    await one.close();
    expect(await ids(two)).toEqual(["c", "d"]);
    expect(await ids(open(path))).toEqual(["c", "d"]);
  });

  test("a writer that pauses inside its transaction delays the others without blocking them", async () => {
    const path = join(tempFolder(), "queue.db");
    const queue = open(path);
    const other = new Database(path);
    other.run("pragma busy_timeout = 1000");
    other.run("begin immediate");
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
      if (turns === 3) other.run("commit");
    }, 1);
    expect(await queue.add([entry("a")])).toBe(1);
    clearInterval(timer);
    other.close();
    expect(turns).toBeGreaterThanOrEqual(3);
  });

  test("[S9] the database is readable for its owner only", () => {
    const path = join(tempFolder(), "queue.db");
    open(path);
    expect(statSync(path).mode & 0o077).toBe(0);
  });
});
