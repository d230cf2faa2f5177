/** What a subscriber starts from: the live runs and the last that ended, or the runs that were named. */
import type { RunSummary } from "../protocol/summary.ts";
import type { Context } from "./context.ts";
import type { Wanted } from "./hub.ts";
import { waitingRows } from "./line-rows.ts";
import { idOf, idsOf } from "./owned.ts";
import { summarise } from "./summary.ts";

const shownRuns = 200;

export interface WantedBody {
  runs: boolean | string[];
  logs: { run: string; stream: "output" | "stdout" | "stderr" }[];
}

/** Names to ids. Errors of resolveRuns. */
export function wantedOf(context: Context, body: WantedBody): Wanted {
  return {
    runs: Array.isArray(body.runs) ? (body.runs.length === 0 ? [] : idsOf(context, body.runs)) : body.runs,
    logs: body.logs.map(({ run, stream }) => ({ runId: idOf(context, run), stream })),
  };
}

export function rowsFor(context: Context, wanted: Wanted): RunSummary[] {
  const options = { ...context, line: context.line.now(), nowMs: context.clock.nowMs };
  if (wanted.runs === false) return [];
  if (wanted.runs !== true) {
    return wanted.runs.flatMap((runId) => {
      const record = context.catalog.get(runId);
      return record === null ? [] : [summarise(record, options)];
    });
  }
  const under = context.catalog.list({ status: ["running", "starting"], limit: shownRuns });
  const recent = context.catalog.list({ status: ["completed", "failed", "cancelled"], limit: shownRuns });
  return [
    ...under.map((record) => summarise(record, options)),
    ...waitingRows(context, shownRuns, null),
    ...recent.map((record) => summarise(record, options)),
  ];
}
