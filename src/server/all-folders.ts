/**
 * A walk over all run folders, a few milliseconds at a time: which the index does not have as they are now, and which have yet to be
 * sealed. Changes that a crash left in a history alone are folded in on the way, since they change the folder.
 */
import type { Catalog } from "../catalog/catalog.ts";
import type { BasePaths } from "../run/paths.ts";
import { isSealed, listRunIds } from "../run/store.ts";
import type { Log } from "./log.ts";
import { foldLate } from "./open-catalog.ts";

const workMs = 8;
const restMs = 4;

/** Gives a function that lets others have their turn once it is theirs. */
function inSlices(): () => Promise<void> {
  let untilMs = performance.now() + workMs;
  return async () => {
    if (performance.now() < untilMs) return;
    await Bun.sleep(restMs);
    untilMs = performance.now() + workMs;
  };
}

export interface LookOptions {
  base: BasePaths;
  catalog: Catalog;
  log: Log;
  signal: AbortSignal;
}

export interface Looked {
  /** Whose folders are not as the index has them: changed, new, or gone. */
  stale: string[];
  /** Whose folders are not sealed, though the index has them as ended. */
  unsealed: string[];
}

/** Reads runs into the index again; fewer after `signal`. Throws what the index throws. */
export async function readAgain(
  catalog: Catalog,
  runIds: readonly string[],
  { signal, onRead = () => {} }: { signal: AbortSignal; onRead?(runId: string): void },
): Promise<void> {
  const rest = inSlices();
  for (const runId of runIds) {
    if (signal.aborted) return;
    catalog.apply(runId);
    onRead(runId);
    await rest();
  }
}

/** Of all runs; of fewer after `signal`. */
export async function lookAtAll({ base, catalog, log, signal }: LookOptions): Promise<Looked> {
  const rest = inSlices();
  const gone = new Set(catalog.knownIds());
  const live = new Set(catalog.liveIds());
  const looked: Looked = { stale: [], unsealed: [] };
  for (const runId of listRunIds(base)) {
    if (signal.aborted) return looked;
    gone.delete(runId);
    if (foldLate(base, runId, log) || !catalog.isCurrent(runId)) looked.stale.push(runId);
    if (!live.has(runId) && !isSealed(base.run(runId))) looked.unsealed.push(runId);
    await rest();
  }
  looked.stale.push(...gone);
  return looked;
}
