/**
 * One change of many waiting runs, for the price of a few syncs: all histories are durable before the first manifest
 * changes, and all manifests when it resolves. A crash in between is made good like that of a single change.
 */
import { breathe } from "../core/breathe.ts";
import { fault } from "../core/fault.ts";
import { syncPlaced } from "../core/sync-batch.ts";
import { appendHistoryUnsynced, foldLate, type HistoryEntry } from "../run/history.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import { changeManifest } from "../run/store.ts";

/** After so many the server sees to others. */
const breathAfter = 25;

export async function inTurn<Item>(items: readonly Item[], act: (item: Item) => unknown): Promise<void> {
  for (const [index, item] of items.entries()) {
    await act(item);
    if (index % breathAfter === breathAfter - 1) await breathe();
  }
}

/**
 * The entry is folded into each manifest under its lock, as it allows then; `also` does what no entry of history does by
 * itself. Gives them all as they are then, in the order of `runIds`. Errors of appendHistoryUnsynced, changeManifest and the syncs.
 */
export async function changeTogether(
  base: BasePaths,
  runIds: readonly string[],
  { entry, also }: { entry: HistoryEntry; also?(manifest: Manifest): void },
): Promise<Manifest[]> {
  const all = runIds.map((runId) => base.run(runId));
  await inTurn(all, (paths) => appendHistoryUnsynced(paths, entry));
  await syncPlaced(all.map((paths) => paths.history));
  fault("server/after-history");
  const manifests: Manifest[] = [];
  const change = (paths: RunPaths) => (manifest: Manifest) => {
    foldLate(paths, manifest);
    also?.(manifest);
  };
  await inTurn(all, (paths) => manifests.push(changeManifest(paths, change(paths), { sync: false })));
  await syncPlaced(all.map((paths) => paths.manifest));
  return manifests;
}
