/** What the conformance suite needs of a backend: a fresh queue, more handles on it, a clock to turn, and children. */
import { afterAll } from "bun:test";
import { join } from "node:path";
import type { Clock } from "../../src/core/clock.ts";
import { withFallback } from "../../src/queue/fallback.ts";
import { openFsQueue } from "../../src/queue/fs.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { openRedisQueue } from "../../src/queue/redis.ts";
import { openSqliteQueue } from "../../src/queue/sqlite.ts";
import { tempFolder } from "../support/temp.ts";
import { RedisServer } from "./redis-server.ts";
import { openSpec, type QueueSpec } from "./spec.ts";

export interface QueueBench {
  /** A handle on the same queue, closed after the test. Judges leases by the bench's clock. */
  open(): QueueBackend;
  /** A handle that judges leases by the real clocks, as the children do. */
  openReal(): QueueBackend;
  /** For children: what to open. */
  spec: QueueSpec;
  clock: TurnedClock;
}

export interface TurnedClock extends Clock {
  advance(ms: number): void;
  /** Moves the wall clock alone. */
  jump(ms: number): void;
}

export function turnedClock(): TurnedClock {
  let wall = 1_800_000_000_000;
  let monotonic = 5_000_000;
  return {
    nowMs: () => wall,
    monotonicMs: () => monotonic,
    advance: (ms) => {
      wall += ms;
      monotonic += ms;
    },
    jump: (ms) => {
      wall += ms;
    },
  };
}

const opened: QueueBackend[] = [];
/** For an afterEach of the suite: a hook of this module would count for one test file only. */
export async function closeOpened(): Promise<void> {
  for (const queue of opened.splice(0)) await queue.close();
}

function bench(spec: QueueSpec, clock: TurnedClock, open: () => QueueBackend): QueueBench {
  const keep = (queue: QueueBackend) => {
    opened.push(queue);
    return queue;
  };
  return { spec, clock, open: () => keep(open()), openReal: () => keep(openSpec(spec)) };
}

export function sqliteBench(): QueueBench {
  const spec: QueueSpec = { kind: "sqlite", path: join(tempFolder(), "queue.db") };
  const clock = turnedClock();
  const leases = { nowMs: () => clock.monotonicMs(), boot: () => "this-boot" };
  return bench(spec, clock, () => openSqliteQueue(spec.path, { clock, leases }));
}

export function fsBench(): QueueBench {
  const spec: QueueSpec = { kind: "fs", path: join(tempFolder(), "queue") };
  const clock = turnedClock();
  return bench(spec, clock, () => openFsQueue(spec.path, { clock }));
}

let shared: RedisServer | null = null;
let benches = 0;

/** One server for all benches of a test file, a namespace for each. */
export async function sharedRedis(): Promise<RedisServer> {
  if (shared === null) {
    const { mkdtempSync, rmSync } = await import("node:fs");
    const { tmpdir } = await import("node:os");
    const server = new RedisServer(mkdtempSync(join(tmpdir(), "ml-redis-")));
    shared = server;
    await server.start();
    afterAll(async () => {
      await server.kill();
      rmSync(server.folder, { recursive: true, force: true });
      shared = null;
    });
  }
  return shared;
}

export async function redisBench(): Promise<QueueBench> {
  const server = await sharedRedis();
  benches += 1;
  const spec: QueueSpec = { kind: "redis", url: server.url, namespace: `bench-${benches}` };
  const clock = turnedClock();
  const nowMs = () => clock.monotonicMs();
  return bench(spec, clock, () => openRedisQueue(spec.url, { namespace: spec.namespace, nowMs }));
}

export async function fallbackBench(): Promise<QueueBench> {
  const inner = await redisBench();
  const place = join(tempFolder(), "queue");
  const { clock } = inner;
  const { url, namespace } = inner.spec as QueueSpec & { kind: "redis" };
  const spec: QueueSpec = { kind: "fallback", url, namespace, path: place };
  return bench(spec, clock, () => {
    const primary = openRedisQueue(url, { namespace, nowMs: () => clock.monotonicMs() });
    const standIn = openFsQueue(place, { clock });
    return withFallback(primary, standIn, { mergeLock: join(place, "merge.lock"), isQueued: () => true, place });
  });
}
