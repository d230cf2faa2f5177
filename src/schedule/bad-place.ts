/**
 * Whether a host or a card is what failed runs have in common. Pure. Careful on purpose: a researcher whose scripts have bugs
 * must not close the machine.
 *
 * - A card that the driver gave up under a run (`gpu_error`) is a bad place at once.
 * - The newest `limit` runs on it, of at least two scripts, failed in ways that speak of the machine: killed by a signal, never
 *   started, lost.
 * - Or twice as many, of at least two users and two scripts, failed in whatever way that is no limit of their own.
 *
 * One run that completed there, and one return by an administrator, make what was before it count no more.
 */
import type { PastRun } from "../run/past-run.ts";
import type { Place } from "../run/set-aside.ts";
import type { Evidence } from "./alike.ts";

const machineKinds = new Set(["gpu_error", "start_failed", "signal", "worker_lost"]);
/** The run's own request or somebody's wish ended it: nothing is learned of the place. */
const ownLimits = new Set(["cancelled", "oom", "gpu_oom", "timeout", "disk_full"]);

const distinct = (values: readonly string[]): number => new Set(values).size;

function sinceSuccess(past: readonly PastRun[]): PastRun[] {
  const good = past.findIndex((run) => run.outcome === "completed");
  return good < 0 ? [...past] : past.slice(0, good);
}

/** `past` newest first; `afterMs` is when the place was last returned. */
export function badPlace(
  past: readonly PastRun[],
  place: Place,
  { limit, afterMs }: { limit: number; afterMs: number },
): Evidence | null {
  const here = past.filter(
    (run) =>
      run.host === place.host && run.ended_at_ms > afterMs && (place.gpu === null || run.gpu_ids.includes(place.gpu)),
  );
  const failed = sinceSuccess(here).filter((run) => !ownLimits.has(run.outcome));
  const [newest] = failed;
  if (newest === undefined) return null;
  const evidence = (runs: readonly PastRun[]): Evidence => ({
    kind: newest.outcome,
    why: newest.why,
    runs: runs.map((run) => run.run_id),
  });
  if (place.kind === "gpu" && newest.outcome === "gpu_error") return evidence([newest]);
  const few = failed.slice(0, limit);
  const scripts = (runs: readonly PastRun[]) => distinct(runs.map((run) => run.script));
  if (few.length === limit && few.every((run) => machineKinds.has(run.outcome)) && scripts(few) > 1)
    return evidence(few);
  const many = failed.slice(0, 2 * limit);
  const users = distinct(many.map((run) => run.user));
  return many.length === 2 * limit && users > 1 && scripts(many) > 1 ? evidence(many) : null;
}
