/**
 * Brings every waiting run into the queue. One that lost its memory is rebuilt from all folders; one that did not is
 * only compared with the catalog, so that a start with 10,000 waiting runs reads none of their manifests.
 */
import type { Catalog } from "../catalog/catalog.ts";
import { entryFromManifest } from "../queue/entry.ts";
import type { QueueBackend } from "../queue/port.ts";
import { rebuildQueue } from "../queue/rebuild.ts";
import type { BasePaths } from "../run/paths.ts";
import { readManifest } from "../run/store.ts";

/** Returns how many entries were missing. Throws what the queue throws. */
export async function fillLine(queue: QueueBackend, base: BasePaths, catalog: Catalog): Promise<number> {
  const { needsRebuild } = await queue.health();
  if (needsRebuild) return (await rebuildQueue(queue, base)).restored;
  const known = new Set((await queue.waiting(Number.MAX_SAFE_INTEGER, true)).map((entry) => entry.runId));
  const missing = catalog.waitingIds().filter((runId) => !known.has(runId));
  const entries = missing.flatMap((runId) => {
    const read = readManifest(base.run(runId).manifest);
    return read.kind === "ok" && read.manifest.status === "queued" ? [entryFromManifest(read.manifest)] : [];
  });
  return entries.length === 0 ? 0 : await queue.add(entries);
}
