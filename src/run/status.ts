/**
 * The life of a run, as a table.
 *
 *     queued ──► starting ──► running ──► completed
 *       │           │            ├──────► failed
 *       └───────────┴────────────┴──────► cancelled
 *
 * `queued` waits; `starting` has been claimed by a worker and is being prepared; `running` has a process. The three
 * on the right are final. A run that fails before it has a process goes from `queued` or `starting` to `failed`.
 * `starting` may go back to `queued` only while nothing was started: the supervisor's exclusive create decides that.
 */
import { MlError } from "../core/error.ts";

export const statuses = ["queued", "starting", "running", "completed", "failed", "cancelled"] as const;
export type Status = (typeof statuses)[number];

const allowed: Record<Status, readonly Status[]> = {
  queued: ["starting", "cancelled", "failed"],
  starting: ["running", "queued", "completed", "failed", "cancelled"],
  running: ["completed", "failed", "cancelled"],
  completed: [],
  failed: [],
  cancelled: [],
};

export function isFinal(status: Status): boolean {
  return allowed[status].length === 0;
}

export function canStep(from: Status, to: Status): boolean {
  return allowed[from].includes(to);
}

/** Throws `conflict` where the table does not allow the step. */
export function checkStep(runId: string, from: Status, to: Status): void {
  if (canStep(from, to)) return;
  throw new MlError("conflict", `run \`${runId}\` is ${from} and cannot become ${to}`);
}
