/** Adds a note to a run, at any time of its life. */
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import { limits } from "../../protocol/frames.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { recordChange } from "../../run/history.ts";
import type { Context } from "../context.ts";
import { ownedRuns } from "../owned.ts";

export function runAnnotate(context: Context, body: ParsedBody<"run.annotate">): Reply<"run.annotate"> {
  const bytes = Buffer.byteLength(body.note);
  if (bytes > limits.textBytes)
    throw new MlError("too_large", `the note has ${bytes} bytes, more than ${limits.textBytes}`);
  const [record] = ownedRuns(context, [body.run], "annotate");
  const runId = record?.run_id ?? "";
  const timestamp = isoTime(context.clock.nowMs());
  const annotation = { timestamp, author: body.author ?? context.asker.user, note: body.note };
  const entry = { at: timestamp, by: context.asker.user, field: "annotations", value: annotation };
  recordChange(context.base.run(runId), entry);
  context.audit.note(context.asker, { action: "annotate", runs: [runId] });
  context.hub.changed(runId);
  return { run_id: runId, timestamp };
}
