/**
 * Brings every waiting run into the queue. Which runs wait is known to the catalog, which has looked at every folder already:
 * a queue that lost its memory gets them all, one that did not is only compared, so that no start reads the manifests of runs
 * that have ended, nor those of 10,000 waiting ones without need.
 */
import type { Catalog } from "../catalog/catalog.ts";
import { entryFromManifest } from "../queue/entry.ts";
import type { QueueBackend, QueueEntry } from "../queue/port.ts";
import { addRebuilt } from "../queue/rebuild.ts";
import type { BasePaths } from "../run/paths.ts";
import { readManifest } from "../run/store.ts";

const readsAtATime = 200;

/** Returns how many entries were missing. Throws what the queue throws. */
export async function fillLine(queue: QueueBackend, base: BasePaths, catalog: Catalog): Promise<number> {
  const { needsRebuild } = await queue.health();
  if (needsRebuild) return await addRebuilt(queue, await entriesOf(base, catalog.waitingIds()));
  const known = new Set((await queue.waiting(Number.MAX_SAFE_INTEGER, true)).map((entry) => entry.runId));
  const entries = await entriesOf(
    base,
    catalog.waitingIds().filter((runId) => !known.has(runId)),
  );
  return entries.length === 0 ? 0 : await queue.add(entries);
}

/** Of those that still wait, in the same order; others are answered meanwhile. */
async function entriesOf(base: BasePaths, runIds: readonly string[]): Promise<QueueEntry[]> {
  const entries: QueueEntry[] = [];
  for (const [at, runId] of runIds.entries()) {
    if (at > 0 && at % readsAtATime === 0) await Bun.sleep(0);
    const read = readManifest(base.run(runId).manifest);
    if (read.kind === "ok" && read.manifest.status === "queued") entries.push(entryFromManifest(read.manifest));
  }
  return entries;
}
