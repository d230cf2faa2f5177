/** Moves waiting runs in the line. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { ownedRuns, recordOfRun } from "../owned.ts";
import { submittedRuns } from "../submitted.ts";
import { changeWaiting } from "../waiting-change.ts";

export async function runPriority(context: Context, body: ParsedBody<"run.priority">): Promise<Reply<"run.priority">> {
  const records = ownedRuns(context, body.runs, "priority");
  const { priority } = body;
  await changeWaiting(context, records, {
    action: "priority",
    field: "priority",
    value: priority,
    queue: { priority },
    reason: body.reason ?? null,
  });
  return {
    runs: submittedRuns(
      context,
      records.map(({ run_id }) => recordOfRun(context, run_id)),
    ),
  };
}
