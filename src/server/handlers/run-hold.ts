/** Holds waiting runs back, or releases them. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { ownedRuns } from "../owned.ts";
import { changeWaiting } from "../waiting-change.ts";

export async function runHold(context: Context, body: ParsedBody<"run.hold">): Promise<Reply<"run.hold">> {
  const action = body.held ? "hold" : "release";
  const records = ownedRuns(context, body.runs, action);
  await changeWaiting(context, records, {
    action,
    field: "launch.held",
    value: body.held,
    queue: { held: body.held },
  });
  return { runs: records.map(({ run_id }) => ({ run_id, held: body.held })) };
}
