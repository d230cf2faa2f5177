/** Ends runs on their owner's wish. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { endRuns } from "../cancellation.ts";
import type { Context } from "../context.ts";
import { ownedRuns } from "../owned.ts";

export async function runCancel(context: Context, body: ParsedBody<"run.cancel">): Promise<Reply<"run.cancel">> {
  const records = ownedRuns(context, body.runs, "cancel");
  const over = records.filter((record) => record.status === "completed" || record.status === "failed");
  if (over.length === records.length) {
    const [first] = over;
    throw new MlError("conflict", `run \`${first?.run_id}\` has ended already: it is ${first?.status}`, {
      data: { runs: over.map(({ run_id, status }) => ({ run_id, status })) },
    });
  }
  const wish = { by: context.asker.user, now: body.now, reason: body.reason ?? null };
  const ended = await endRuns(context, records, wish);
  const runs = ended.map((how, index) => ({ run_id: records[index]?.run_id ?? "", ...how }));
  context.audit.note(context.asker, {
    action: "cancel",
    runs: records.map((record) => record.run_id),
    detail: wish.reason,
  });
  return { runs };
}
