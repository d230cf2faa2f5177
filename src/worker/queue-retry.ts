/**
 * Puts the next attempt of a failed run into the line: after its manifest is final, before it is sealed. A crash anywhere in
 * between is made good by whoever seals the run: each step can be done again and changes nothing the second time.
 */
import * as fs from "node:fs";
import { fault } from "../core/fault.ts";
import { entryFromManifest } from "../queue/entry.ts";
import type { RunPaths } from "../run/paths.ts";
import { makeRetry } from "../run/retry.ts";
import { readManifest } from "../run/store.ts";
import { noteEvent } from "./run-events.ts";
import type { Shop } from "./shop.ts";

/** Throws what the disk and the queue throw: try again. */
export async function queueRetry(shop: Shop, paths: RunPaths): Promise<void> {
  const read = readManifest(paths.manifest);
  if (read.kind !== "ok") return;
  const { retried_as: runId } = read.manifest.lineage;
  if (runId === null) return;
  // A wish to stop it that came too late for its end still means that nobody wants it again.
  if (fs.existsSync(paths.stopRequest) && !fs.existsSync(shop.base.run(runId).folder)) return;
  fault("worker/before-retry");
  const next = makeRetry(shop.base, read.manifest, runId);
  fault("worker/after-retry-folder");
  if (next?.status === "queued") await shop.queue.add([entryFromManifest(next)]);
  fault("worker/after-retry-queued");
  noteEvent(paths, shop.clock.nowMs(), { event: `tried again as \`${runId}\`` });
  shop.changed(runId);
  shop.lookSoon();
}
