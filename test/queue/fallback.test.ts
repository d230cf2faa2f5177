import { afterEach, describe, expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { withFallback } from "../../src/queue/fallback.ts";
import { openFsQueue } from "../../src/queue/fs.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { openRedisQueue } from "../../src/queue/redis.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";
import { fallbackBench } from "./bench.ts";
import { queueConformance } from "./conformance.ts";
import { entry } from "./entry.ts";
import { keepsAll, RedisServer } from "./redis-server.ts";

const testWithRedis = needs("redis-server");

queueConformance("redis with fallback", { makeBench: fallbackBench, test: testWithRedis });

const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

interface Setting {
  server: RedisServer;
  place: string;
  started: Set<string>;
  open(): QueueBackend;
}

async function setting(): Promise<Setting> {
  const folder = tempFolder();
  const server = new RedisServer(join(folder, "r"));
  mkdirSync(server.folder);
  const place = join(folder, "queue");
  const started = new Set<string>();
  closing.push({ close: () => server.kill() });
  const open = () => {
    const redis = openRedisQueue(server.url, {
      namespace: folder,
      timeoutMs: 1500,
      pauseMs: 20,
      tendMs: 50,
      pollMs: 100,
    });
    const options = { mergeLock: join(place, "merge.lock"), isQueued: (runId: string) => !started.has(runId), place };
    const queue = withFallback(redis, openFsQueue(place, { clock: systemClock }), { ...options, tendMs: 50 });
    closing.push(queue);
    return queue;
  };
  return { server, place, started, open };
}

const ids = async (queue: QueueBackend) => (await queue.waiting(100, true)).map((each) => each.runId);

describe("a queue whose redis goes away", () => {
  testWithRedis(
    "[Q3] takes new runs into the folder, starts nothing, and merges them back in their order",
    async () => {
      const { server, open } = await setting();
      await server.start(...keepsAll);
      const queue = open();
      await queue.rebuilt();
      await queue.add([entry("before")]);
      expect(await queue.health()).toMatchObject({ ok: true, degraded: false, problem: null });
      await server.kill();

      expect(await queue.add([entry("a"), entry("b", { held: true })])).toBe(2);
      expect(await queue.add([entry("c", { priority: 9 }), entry("a")])).toBe(1);
      const health = await queue.health();
      expect(health).toMatchObject({ backend: "redis", ok: true, degraded: true });
      expect(health.problem).toContain("nothing starts until it is back");
      expect(await queue.waiting(10, false)).toEqual([]);
      expect(await ids(queue)).toEqual(["c", "a", "b"]);
      await expect(queue.claim("a", "w", 1000)).rejects.toMatchObject({ code: "try_later" });
      expect(await queue.update(["b"], { held: false })).toEqual(["b"]);
      expect(await queue.update(["a"], { held: true })).toEqual(["a"]);
      await expect(queue.remove(["before"])).rejects.toMatchObject({ code: "try_later" });

      await server.start();
      await until("the merge", async () => (await queue.health()).degraded === false);
      expect(await ids(queue)).toEqual(["c", "before", "a", "b"]);
      expect((await queue.waiting(10, false)).map((each) => each.runId)).toEqual(["c", "before", "b"]);
      expect(await queue.count()).toBe(4);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] works from the start without redis, and merges without being asked",
    async () => {
      const { server, open } = await setting();
      const queue = open();
      expect(await queue.add([entry("a")])).toBe(1);
      await server.start();
      const direct = openRedisQueue(server.url, { namespace: join(server.folder, "..") });
      closing.push(direct);
      await until("the entry in redis", async () => (await direct.count()) === 1);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] an entry in both places is in the line once, and claimed once",
    async () => {
      const { server, open, place } = await setting();
      await server.start();
      const queue = open();
      await queue.add([entry("a")]);
      const standIn = openFsQueue(place, { clock: systemClock });
      closing.push(standIn);
      await standIn.add([entry("a"), entry("b")]);
      const other = open();
      const lists = await Promise.all([queue.waiting(10, false), other.waiting(10, false), queue.waiting(10, false)]);
      expect(lists.flat().every((each) => ["a", "b"].includes(each.runId))).toBe(true);
      await until("the merge", async () => (await standIn.count()) === 0);
      expect(await ids(queue)).toEqual(["a", "b"]);
      const claims = await Promise.all([queue.claim("a", "w1", 60_000), other.claim("a", "w2", 60_000)]);
      expect(claims.filter((claim) => claim !== null).length).toBe(1);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] a run that started before a merge was finished is dropped, not brought back",
    async () => {
      const { server, open, place, started } = await setting();
      await server.start();
      const standIn = openFsQueue(place, { clock: systemClock });
      closing.push(standIn);
      await standIn.add([entry("a"), entry("b")]);
      started.add("a");
      const queue = open();
      expect(await ids(queue)).toEqual(["b"]);
      expect(await standIn.count()).toBe(0);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] a merge killed between its two halves is done again, and nothing is lost or doubled",
    async () => {
      const { server, open, place } = await setting();
      await server.start();
      const standIn = openFsQueue(place, { clock: systemClock });
      closing.push(standIn);
      for (const point of ["queue/merge-claimed", "queue/merge-added"]) {
        await standIn.add([entry(`${point}-a`), entry(`${point}-b`, { held: true })]);
        const spec = { kind: "fallback", url: server.url, namespace: join(server.folder, ".."), path: place };
        const child = Bun.spawn(
          [process.execPath, join(import.meta.dir, "child.ts"), JSON.stringify(spec), "work", "w"],
          {
            env: { ...process.env, ML_FAULTS: `${point}:1:kill` },
            stdout: "ignore",
            stderr: "inherit",
          },
        );
        await child.exited;
        expect(child.signalCode).toBe("SIGKILL");
      }
      const queue = open();
      await until(
        "the leases of the killed merge to be over",
        async () => (await queue.count()) === 4 && (await standIn.count()) === 0,
        120_000,
      );
      expect((await ids(queue)).sort()).toEqual(
        ["queue/merge-added-a", "queue/merge-added-b", "queue/merge-claimed-a", "queue/merge-claimed-b"].sort(),
      );
    },
    120_000,
  );

  testWithRedis(
    "[Q3] a redis that hangs costs a time limit, not a hang",
    async () => {
      const { server, open } = await setting();
      await server.start();
      const queue = open();
      await queue.add([entry("a")]);
      server.signal("SIGSTOP");
      expect(await queue.add([entry("b")])).toBe(1);
      expect((await queue.health()).degraded).toBe(true);
      server.signal("SIGCONT");
      await until("the merge", async () => (await queue.count()) === 2);
      expect((await ids(queue)).sort()).toEqual(["a", "b"]);
    },
    120_000,
  );
});
