/** Opens the waiting line that the settings ask for. The only place that knows all backends. */
import { realpathSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import type { BasePaths, StatePaths } from "../run/paths.ts";
import { readManifest } from "../run/store.ts";
import { withFallback } from "./fallback.ts";
import { openFsQueue } from "./fs.ts";
import type { QueueBackend } from "./port.ts";
import { openRedisQueue } from "./redis.ts";
import { openSqliteQueue } from "./sqlite.ts";

export interface OpenQueueOptions {
  backend: "sqlite" | "fs" | "redis";
  base: BasePaths;
  state: StatePaths;
  redisUrl: string;
  /** With redis: take new entries into a folder while it cannot be reached. */
  fallback: boolean;
  clock: Clock;
  /** With redis: the name of the line; default: the real path of the base directory. Hosts that mount it elsewhere need one. */
  namespace?: string;
}

/** Throws `bad_config` where the place cannot hold a queue, and other MlErrors where it cannot be opened. */
export async function openQueue(options: OpenQueueOptions): Promise<QueueBackend> {
  const { backend, base, state, clock } = options;
  if (backend === "sqlite") return openSqliteQueue(state.queueDatabase, { clock });
  if (backend === "fs") return openFsQueue(base.queueFolder, { clock });
  const redis = openRedisQueue(options.redisUrl, { namespace: options.namespace ?? realPath(base.base) });
  if (!options.fallback) return redis;
  return withFallback(redis, openFsQueue(base.queueFolder, { clock }), {
    mergeLock: join(base.queueFolder, "merge.lock"),
    isQueued: (runId) => isQueued(base, runId),
    place: base.queueFolder,
  });
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}

/** A damaged manifest counts as queued: whoever claims the run says what is wrong with it. */
function isQueued(base: BasePaths, runId: string): boolean {
  const read = readManifest(base.run(runId).manifest);
  return read.kind === "damaged" || (read.kind === "ok" && read.manifest.status === "queued");
}
