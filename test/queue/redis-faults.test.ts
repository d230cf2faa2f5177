import { afterEach, describe, expect } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { QueueBackend } from "../../src/queue/port.ts";
import { rebuildQueue } from "../../src/queue/rebuild.ts";
import { openRedisQueue } from "../../src/queue/redis.ts";
import { redactRedisUrl } from "../../src/queue/redis-connection.ts";
import { basePaths } from "../../src/run/paths.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";
import { entry } from "./entry.ts";
import { keepsAll, RedisServer } from "./redis-server.ts";
import { makeRun } from "./run-folder.ts";

const testWithRedis = needs("redis-server");
const closing: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of closing.splice(0).reverse()) await each.close();
});

async function setting(...more: string[]): Promise<{ server: RedisServer; queue: QueueBackend; open(): QueueBackend }> {
  const server = new RedisServer(join(tempFolder(), "r"));
  mkdirSync(server.folder);
  closing.push({ close: () => server.kill() });
  await server.start(...more);
  const open = () => {
    const fast = { timeoutMs: 1500, pauseMs: 20, tendMs: 50, pollMs: 60_000 };
    const queue = openRedisQueue(server.url, { namespace: "test", ...fast });
    closing.push(queue);
    return queue;
  };
  return { server, queue: open(), open };
}

const ids = async (queue: QueueBackend) => (await queue.waiting(100, true)).map((each) => each.runId);

describe("the redis queue", () => {
  testWithRedis(
    "a socket is found by `unix://` and by `redis+unix://`",
    async () => {
      const { server } = await setting();
      const queue = openRedisQueue(`unix://${server.socket}`, { namespace: "test", timeoutMs: 500 });
      closing.push(queue);
      await queue.add([entry("a")]);
      expect(await ids(queue)).toEqual(["a"]);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] throws try_later while redis is down and works again when it is back",
    async () => {
      const { server, queue } = await setting(...keepsAll);
      await queue.add([entry("a")]);
      await server.kill();
      await expect(queue.add([entry("b")])).rejects.toMatchObject({ code: "try_later" });
      await expect(queue.claim("a", "w", 1000)).rejects.toMatchObject({ code: "try_later" });
      const health = await queue.health();
      expect(health).toMatchObject({ ok: false, degraded: false });
      expect(health.problem).toContain(server.socket);
      await server.start();
      await until("redis to be used again", async () => (await queue.health()).ok);
      expect(await ids(queue)).toEqual(["a"]);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] a restart and FLUSHALL ask for a rebuild, which brings back every queued run",
    async () => {
      const { server, queue } = await setting(...keepsAll);
      const base = basePaths(tempFolder());
      for (const n of [2, 3, 4])
        makeRun(base, { run_id: `2026-11-23_aaaaa${n}`, queued_at: `2026-11-23T18:00:0${9 - n}.000Z` });
      makeRun(base, { run_id: "2026-11-23_bbbbbb" }, "running");
      expect(await rebuildQueue(queue, base)).toEqual({ restored: 3, damaged: [] });
      expect((await queue.health()).needsRebuild ?? false).toBe(false);
      const order = ["2026-11-23_aaaaa4", "2026-11-23_aaaaa3", "2026-11-23_aaaaa2"];
      expect(await ids(queue)).toEqual(order);

      const claim = await queue.claim(order[0]!, "w", 60_000);
      await server.command("FLUSHALL");
      expect(await queue.health()).toMatchObject({ ok: true, needsRebuild: true });
      expect(await rebuildQueue(queue, base)).toEqual({ restored: 3, damaged: [] });
      expect(await ids(queue)).toEqual(order);
      expect(await queue.settle(claim!)).toBe(false);
      expect((await queue.claim(order[0]!, "w", 60_000))!.token).toBeGreaterThan(claim!.token);
      expect((await queue.health()).problem).toBeNull();

      await server.kill();
      await server.start();
      await until("the restarted server", async () => (await queue.health()).ok);
      expect(await queue.health()).toMatchObject({ needsRebuild: true });
      expect(await rebuildQueue(queue, base)).toEqual({ restored: 0, damaged: [] });
      expect((await queue.health()).problem).toBeNull();
    },
    120_000,
  );

  testWithRedis(
    "[Q3] a forgotten script is loaded again",
    async () => {
      const { server, queue } = await setting();
      await queue.add([entry("a")]);
      await server.command("SCRIPT", "FLUSH");
      expect(await queue.add([entry("b")])).toBe(1);
      await server.command("SCRIPT", "FLUSH");
      expect(await ids(queue)).toEqual(["a", "b"]);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] a full redis refuses with try_later and says that its memory is full",
    async () => {
      const { server, queue } = await setting("--maxmemory-policy", "noeviction");
      await queue.add([entry("a")]);
      await server.command("CONFIG", "SET", "maxmemory", "1");
      await expect(queue.add([entry("b")])).rejects.toThrow(/its memory is full/);
      await server.command("CONFIG", "SET", "maxmemory", "0");
      expect(await ids(queue)).toEqual(["a"]);
    },
    120_000,
  );

  testWithRedis(
    "[Q4] subscriptions are restored after a restart, each listener once",
    async () => {
      const { server, queue, open } = await setting();
      const listener = open();
      let woken = 0;
      const stop = listener.onChange(() => (woken += 1));
      await until("the subscription", async () => (await subscribers(server)) === 1);
      for (let restart = 0; restart < 2; restart += 1) {
        await server.kill();
        await server.start();
        await until("the subscription to be restored", async () => (await subscribers(server)) === 1);
        await until("the wake that makes up for the gap", () => woken > 0);
        await until("quiet", async () => {
          const before = woken;
          await queue.count().catch(() => {});
          await Bun.sleep(20);
          return woken === before;
        });
        const before = woken;
        await until("the queue", async () => (await queue.health()).ok);
        await queue.add([entry(`r${restart}`)]);
        await until("the wake", () => woken > before);
        expect(woken).toBe(before + 1);
        woken = 0;
      }
      stop();
      await until("the subscription to end", async () => (await subscribers(server)) === 0);
    },
    120_000,
  );

  testWithRedis(
    "[Q4] a lost message is made up for by looking",
    async () => {
      const { server, queue } = await setting();
      const listener = openRedisQueue(server.url, { namespace: "test", pollMs: 20, tendMs: 60_000 });
      closing.push(listener);
      let woken = 0;
      listener.onChange(() => (woken += 1));
      await until("the subscription", async () => (await subscribers(server)) === 1);
      await server.command("CLIENT", "KILL", "TYPE", "pubsub");
      await until("the subscription to be gone", async () => (await subscribers(server)) === 0);
      await Bun.sleep(0);
      const before = woken;
      await until("a wake by looking", async () => {
        await queue.update(["a"], { priority: 1 });
        await queue.add([entry(`r${woken}-${Math.random()}`)]);
        return woken > before;
      });
      expect(await subscribers(server)).toBe(0);
    },
    120_000,
  );

  testWithRedis(
    "[Q3] a dead subscriber and a dead server leave no unhandled rejection",
    async () => {
      const { server, open } = await setting();
      const listener = open();
      listener.onChange(() => {});
      await until("the subscription", async () => (await subscribers(server)) === 1);
      await server.kill();
      for (let n = 0; n < 5; n += 1) await listener.count().catch(() => {});
      expect((await listener.health()).ok).toBe(false);
    },
    120_000,
  );

  testWithRedis(
    "two base directories in one redis do not see each other",
    async () => {
      const { server, queue } = await setting();
      const other = openRedisQueue(server.url, { namespace: "another" });
      closing.push(other);
      await queue.add([entry("a")]);
      expect(await other.count()).toBe(0);
      expect(await other.claim("a", "w", 1000)).toBeNull();
    },
    120_000,
  );

  testWithRedis(
    "an error names the server without its password",
    async () => {
      const queue = openRedisQueue("redis://ada:s3cret@127.0.0.1:1/3", { namespace: "test", timeoutMs: 300 });
      closing.push(queue);
      const problem = await queue.count().catch((cause: Error) => `${cause.message} ${JSON.stringify(cause)}`);
      expect(problem).toContain("redis://127.0.0.1:1/3");
      expect(problem).not.toContain("s3cret");
      expect(() => redactRedisUrl("s3cret@nowhere")).toThrow("`redis_url` is not the address");
    },
    120_000,
  );
});

async function subscribers(server: RedisServer): Promise<number> {
  const channels = (await server.command("PUBSUB", "CHANNELS", "ml:*").catch(() => [])) as string[];
  const counts = await Promise.all(channels.map((channel) => server.command("PUBSUB", "NUMSUB", channel)));
  return (counts as [string, number][]).reduce((sum, [, count]) => sum + Number(count), 0);
}
