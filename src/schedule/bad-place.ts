/**
 * Whether a host or a card is what failed runs have in common. Pure. Careful on purpose: a researcher whose scripts have bugs
 * must not close the machine.
 *
 * - A card that the driver gave up under a run (`gpu_error`) is a bad place at once.
 * - The newest `limit` runs on it, of at least two scripts, failed in ways that speak of the machine: never started, lost, or
 *   ended by a signal. A signal alone is as often a bug in native code: signals count where runs of at least two users ended
 *   so, or of at least three scripts where nobody else uses the machine.
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
const scripts = (runs: readonly PastRun[]): number => distinct(runs.map((run) => run.script));
const users = (runs: readonly PastRun[]): number => distinct(runs.map((run) => run.user));

function sinceSuccess(past: readonly PastRun[]): PastRun[] {
  const good = past.findIndex((run) => run.outcome === "completed");
  return good < 0 ? [...past] : past.slice(0, good);
}

/** Whether those of `runs` that a signal ended speak of the machine; true where there are none. */
function signalsTell(runs: readonly PastRun[], oneUser: boolean): boolean {
  const ended = runs.filter((run) => run.outcome === "signal");
  return ended.length === 0 || users(ended) > 1 || (oneUser && scripts(ended) > 2);
}

export interface PlaceRules {
  /** So many failures in a row. */
  limit: number;
  /** When the place was last returned. */
  afterMs: number;
  /** Nobody else is known to use the machine. */
  oneUser: boolean;
}

/** `past` newest first. */
export function badPlace(
  past: readonly PastRun[],
  place: Place,
  { limit, afterMs, oneUser }: PlaceRules,
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
  const speak = few.every((run) => machineKinds.has(run.outcome)) && signalsTell(few, oneUser);
  if (few.length === limit && speak && scripts(few) > 1) return evidence(few);
  const many = failed.slice(0, 2 * limit);
  return many.length === 2 * limit && users(many) > 1 && scripts(many) > 1 ? evidence(many) : null;
}
