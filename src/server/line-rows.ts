/** The waiting line as rows: in the order in which runs start, with places, starts to be expected, and the first reason to wait. */
import type { RunSummary } from "../protocol/summary.ts";
import type { Context } from "./context.ts";
import { summarise } from "./summary.ts";

/** With `user` only their runs; places count everybody's. */
export function waitingRows(context: Context, limit: number, user: string | null): RunSummary[] {
  const line = context.line.now();
  const options = { ...context, line, nowMs: context.clock.nowMs };
  const runIds = line.first(limit, user).map((entry) => entry.runId);
  line.foresee(runIds);
  const records = context.catalog.many(runIds);
  return runIds.flatMap((runId) => {
    const record = records.get(runId);
    if (record === undefined || record.status !== "queued") return [];
    return [{ ...summarise(record, options), waits_for: line.why(runId)[0] ?? null }];
  });
}
