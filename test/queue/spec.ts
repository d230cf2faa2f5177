/** A queue described as JSON, so that a child process can open the same one. */
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { withFallback } from "../../src/queue/fallback.ts";
import { openFsQueue } from "../../src/queue/fs.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { openRedisQueue } from "../../src/queue/redis.ts";
import { openSqliteQueue } from "../../src/queue/sqlite.ts";

export type QueueSpec =
  | { kind: "sqlite"; path: string }
  | { kind: "fs"; path: string }
  | { kind: "redis"; url: string; namespace: string }
  | { kind: "fallback"; url: string; namespace: string; path: string };

export function openSpec(spec: QueueSpec): QueueBackend {
  const clock = systemClock;
  if (spec.kind === "sqlite") return openSqliteQueue(spec.path, { clock });
  if (spec.kind === "fs") return openFsQueue(spec.path, { clock });
  const redis = openRedisQueue(spec.url, { namespace: spec.namespace });
  if (spec.kind === "redis") return redis;
  const mergeLock = join(spec.path, "merge.lock");
  return withFallback(redis, openFsQueue(spec.path, { clock }), { mergeLock, isQueued: () => true, place: spec.path });
}
