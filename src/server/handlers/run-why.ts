/** Why a run waits: every reason that the plan has, and the names of the runs in them. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Blocker } from "../../run/blocker.ts";
import type { Context } from "../context.ts";
import { idOf, recordOfRun } from "../owned.ts";
import { summarise } from "../summary.ts";

/** Every run that a reason names. */
function runsIn(blocker: Blocker): string[] {
  switch (blocker.kind) {
    case "parent":
    case "head":
      return [blocker.run_id];
    case "turn":
      return [blocker.next];
    case "user_runs":
    case "group_limit":
      return blocker.runs;
    case "resource":
      return blocker.held_by.map(({ run_id }) => run_id);
    default:
      return [];
  }
}

export function runWhy(context: Context, body: ParsedBody<"run.why">): Reply<"run.why"> {
  const runId = idOf(context, body.run);
  const record = recordOfRun(context, runId);
  const blockers = record.status === "queued" ? context.line.why(runId) : [];
  context.line.foresee([runId]);
  const known = context.catalog.many([...new Set(blockers.flatMap(runsIn))]);
  return {
    run: summarise(record, { ...context, nowMs: context.clock.nowMs }),
    blockers,
    named: [...known.values()].map(({ run_id, name, user, status }) => ({ run_id, name, user, status })),
  };
}
