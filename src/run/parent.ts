/** What became of a run that others wait for; of one that was tried again, what became of the last attempt. */
import type { BasePaths } from "./paths.ts";
import { isSealed, readManifest } from "./store.ts";

export type ParentState = "waiting" | "running" | "completed" | "failed" | "cancelled" | "missing";

/** Longer chains of retries are none. */
const mostAttempts = 100;

/** Reads the run's manifest, and those of its retries. A damaged one cannot be relied on: it counts as failed. Throws nothing. */
export function parentState(base: BasePaths, runId: string): ParentState {
  let current = runId;
  let before: string | null = null;
  let state: ParentState = "missing";
  for (let attempt = 0; attempt < mostAttempts; attempt += 1) {
    const read = readManifest(base.run(current).manifest);
    if (read.kind === "missing") {
      // Until the failed run is sealed its next attempt is about to be made.
      return before === null || isSealed(base.run(before)) ? state : "waiting";
    }
    if (read.kind === "damaged") return "failed";
    const { status, lineage } = read.manifest;
    if (status === "queued") return "waiting";
    if (status === "starting" || status === "running") return "running";
    state = status;
    if (status !== "failed" || lineage.retried_as === null) return state;
    before = current;
    current = lineage.retried_as;
  }
  return state;
}
