/** Adds a note to a run, at any time of its life: anybody who may change anything may say something about any run. */
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import { limits } from "../../protocol/frames.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { recordChange } from "../../run/history.ts";
import type { Context } from "../context.ts";
import { idOf, recordOfRun } from "../owned.ts";

export function runAnnotate(context: Context, body: ParsedBody<"run.annotate">): Reply<"run.annotate"> {
  const bytes = Buffer.byteLength(body.note);
  if (bytes > limits.textBytes)
    throw new MlError("too_large", `the note has ${bytes} bytes, more than ${limits.textBytes}`);
  const record = recordOfRun(context, idOf(context, body.run));
  const { run_id: runId, user: owner } = record;
  if (body.author != null && owner !== context.asker.user && context.asker.role !== "admin") {
    throw new MlError("not_allowed", `run \`${runId}\` belongs to \`${owner}\`, so a note on it has your own name`, {
      hint: "leave `author` out",
    });
  }
  const timestamp = isoTime(context.clock.nowMs());
  const annotation = { timestamp, author: body.author ?? context.asker.user, note: body.note };
  const entry = { at: timestamp, by: context.asker.user, field: "annotations", value: annotation };
  recordChange(context.base.run(runId), entry);
  context.audit.note(context.asker, { action: "annotate", runs: [runId] });
  context.hub.changed(runId);
  return { run_id: runId, timestamp };
}
