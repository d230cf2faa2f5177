/** Moves waiting runs in the line. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { ownedRuns, recordOfRun } from "../owned.ts";
import { positionOf } from "../summary.ts";
import { changeWaiting } from "../waiting-change.ts";

export async function runPriority(context: Context, body: ParsedBody<"run.priority">): Promise<Reply<"run.priority">> {
  const records = ownedRuns(context, body.runs, "priority");
  const { priority } = body;
  await changeWaiting(context, records, {
    action: "priority",
    field: "priority",
    value: priority,
    queue: { priority },
  });
  const runs = records.map(({ run_id }) => {
    const record = recordOfRun(context, run_id);
    return {
      run_id,
      name: record.name,
      status: record.status,
      position: positionOf(record, context.catalog),
      eta: null,
      folder: context.base.run(run_id).folder,
      command: record.command,
      duplicate: false,
    };
  });
  return { runs };
}
