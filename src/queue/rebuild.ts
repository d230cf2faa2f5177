/**
 * Fills a waiting line from the run folders: at every start, and whenever `health` says `needsRebuild`. Adding is
 * idempotent, so a line that has lost nothing is left as it is. A run that starts while we look may be added once more;
 * whoever claims it sees by its manifest that it is not `queued` any more, and settles the claim.
 */
import { fault } from "../core/fault.ts";
import type { BasePaths } from "../run/paths.ts";
import { isSealed, listRunIds, readManifest } from "../run/store.ts";
import { entryFromManifest } from "./entry.ts";
import type { QueueBackend, QueueEntry } from "./port.ts";

export interface Rebuilt {
  /** How many entries were missing from the line. */
  restored: number;
  /** Run ids whose manifest cannot be read, or is missing. They stop nothing. */
  damaged: string[];
}

const batchSize = 500;
const readsAtATime = 200;

/** Adds every run with status `queued`, oldest first. Throws what the queue throws, and system errors of `runs`. */
export async function rebuildQueue(
  queue: Pick<QueueBackend, "add" | "rebuilt">,
  basePaths: BasePaths,
): Promise<Rebuilt> {
  const found: { entry: QueueEntry; sequence: number }[] = [];
  const damaged: string[] = [];
  let looked = 0;
  for (const runId of listRunIds(basePaths)) {
    looked += 1;
    if (looked % readsAtATime === 0) await Bun.sleep(0);
    const paths = basePaths.run(runId);
    if (isSealed(paths)) continue;
    const read = readManifest(paths.manifest);
    if (read.kind !== "ok") damaged.push(runId);
    else if (read.manifest.status === "queued") {
      const sequence = read.manifest.launch.sequence ?? (Date.parse(read.manifest.queued_at) || 0);
      found.push({ entry: entryFromManifest(read.manifest), sequence });
    }
  }
  found.sort((a, b) => a.sequence - b.sequence || compareText(a.entry.runId, b.entry.runId));
  return {
    restored: await addRebuilt(
      queue,
      found.map(({ entry }) => entry),
    ),
    damaged,
  };
}

/** Adds every run that waits, oldest first, as whoever keeps an account of them knows them. Returns how many were missing. */
export async function addRebuilt(
  queue: Pick<QueueBackend, "add" | "rebuilt">,
  entries: readonly QueueEntry[],
): Promise<number> {
  let restored = 0;
  for (let from = 0; from < entries.length; from += batchSize) {
    restored += await queue.add(entries.slice(from, from + batchSize));
    fault("queue/rebuilding");
  }
  await queue.rebuilt();
  return restored;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
