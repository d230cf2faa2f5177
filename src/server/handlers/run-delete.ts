/** Deletes runs that have ended; with `dry_run` only says what that would free. */
import { MlError, messageOf } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { isFinal } from "../../run/status.ts";
import type { Context } from "../context.ts";
import { ownedRuns } from "../owned.ts";
import { moveOut, sizeOf, takeApart } from "../removal.ts";

export async function runDelete(context: Context, body: ParsedBody<"run.delete">): Promise<Reply<"run.delete">> {
  const records = ownedRuns(context, body.runs, "delete");
  const live = records.find((record) => !isFinal(record.status));
  if (live !== undefined) {
    throw new MlError("conflict", `run \`${live.run_id}\` cannot be deleted: it is ${live.status}`, {
      hint: `end it first: \`ml cancel ${live.run_id}\``,
    });
  }
  const runs: Reply<"run.delete">["runs"] = [];
  for (const { run_id: runId, user } of records) {
    const sizeBytes = await sizeOf(context.base.run(runId).folder);
    runs.push({ run_id: runId, size_bytes: sizeBytes, deleted: !body.dry_run });
    if (body.dry_run) continue;
    context.intake.forget(runId);
    context.quota.forget(user);
    const going = moveOut(context.base, runId);
    context.catalog.remove(runId);
    context.live.forget(runId);
    context.hub.removed(runId);
    takeApart(going).catch((cause) =>
      context.log.say("warn", "deleting goes on at the next start", { run: runId, why: messageOf(cause) }),
    );
  }
  if (!body.dry_run)
    context.audit.note(context.asker, { action: "delete", runs: records.map((record) => record.run_id) });
  return { runs };
}
