/**
 * Whether runs fail alike, and whether a place is what they have in common. Pure: from ended runs, newest first, to the evidence
 * for holding others back; null where there is none. Acting on it is server/group-pause.ts.
 */
import type { PastRun } from "../run/past-run.ts";

export interface Evidence {
  /** The kind of failure that they share. */
  kind: string;
  /** What was said of the newest. */
  why: string | null;
  runs: string[];
}

/** A message without what differs between two runs that fail for one reason: numbers, addresses, ids. */
export function gist(why: string | null): string {
  return (why ?? "").replace(/0x[0-9a-f]+|\d{4}-\d{2}-\d{2}_[0-9a-z]+|\d+(\.\d+)?/gi, "#");
}

/** The newest `limit` runs of a group all failed, with one kind and one message. Cancelled runs say nothing. */
export function failedAlike(past: readonly PastRun[], limit: number): Evidence | null {
  const telling = past.filter((run) => run.outcome !== "cancelled").slice(0, limit);
  const [newest] = telling;
  if (limit < 1 || newest === undefined || telling.length < limit || newest.outcome === "completed") return null;
  const same = telling.every((run) => run.outcome === newest.outcome && gist(run.why) === gist(newest.why));
  return same ? { kind: newest.outcome, why: newest.why, runs: telling.map((run) => run.run_id) } : null;
}
