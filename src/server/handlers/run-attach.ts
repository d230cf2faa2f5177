/** The terminal of a run: taking a seat, typing, leaving. For the run's owner and administrators. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { RunRecord } from "../../run/run-record.ts";
import { isFinal } from "../../run/status.ts";
import { readManifest } from "../../run/store.ts";
import { typeInto } from "../../worker/terminal.ts";
import type { Context } from "../context.ts";
import { ownedRuns } from "../owned.ts";

function ownedRun(context: Context, run: string): RunRecord {
  const [record] = ownedRuns(context, [run], "attach");
  if (record === undefined) throw new MlError("not_found", `there is no run \`${run}\``);
  return record;
}

/** Throws `conflict` for a run that has ended, or was queued without a terminal. */
function requireTerminal(context: Context, { run_id: runId, status }: RunRecord): void {
  const read = readManifest(context.base.run(runId).manifest);
  if (read.kind === "ok" && !read.manifest.launch.tty) {
    const hint = isFinal(status) ? `ml clone ${runId} --tty` : `\`ml logs -f ${runId}\` shows what it prints`;
    throw new MlError("conflict", `run \`${runId}\` has no terminal: it was queued without \`--tty\``, { hint });
  }
  if (!isFinal(status)) return;
  context.terminals.forget(runId);
  throw new MlError("conflict", `run \`${runId}\` has ended already: it is ${status}`, { hint: `ml logs ${runId}` });
}

export async function runAttach(context: Context, body: ParsedBody<"run.attach">): Promise<Reply<"run.attach">> {
  const record = ownedRun(context, body.run);
  requireTerminal(context, record);
  const { run_id, status } = record;
  if (status !== "running") return { run_id, status, terminal: null };
  const isNew = !context.terminals.isSeated(run_id, body.viewer);
  const terminal = await context.terminals.sit(context.base.run(run_id), body.viewer, body);
  if (isNew) context.audit.note(context.asker, { action: "attach", runs: [run_id] });
  return { run_id, status, terminal };
}

export function runType(context: Context, body: ParsedBody<"run.type">): Reply<"run.type"> {
  const { run_id } = ownedRun(context, body.run);
  typeInto(context.base.run(run_id), Buffer.from(body.data, "base64"));
  return { run_id };
}

export async function runDetach(context: Context, body: ParsedBody<"run.detach">): Promise<Reply<"run.detach">> {
  const { run_id, status } = ownedRun(context, body.run);
  if (isFinal(status)) context.terminals.forget(run_id);
  else await context.terminals.leave(context.base.run(run_id), body.viewer);
  return { run_id };
}
