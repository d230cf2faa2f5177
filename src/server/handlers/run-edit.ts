/**
 * Changes what a waiting run is, while it waits: its command, name, variables, what it asks for. The code stays as it was
 * queued. Each change is in history.jsonl before it is in the manifest. What asks for other resources goes to the end
 * of its equals in the line: a place is not for something else than it was given for.
 */
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { entryFromManifest } from "../../queue/entry.ts";
import { type HistoryEntry, recordChanges } from "../../run/history.ts";
import type { Manifest } from "../../run/manifest.ts";
import { badName } from "../../run/name.ts";
import { requireManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { requireLaunchable } from "../draft.ts";
import { ownedRuns, recordOfRun } from "../owned.ts";
import { requireFit } from "./submit.ts";

type Change = ParsedBody<"run.edit">["change"];

function requireWaiting(manifest: Manifest): void {
  if (manifest.status === "queued") return;
  throw new MlError("conflict", `edit of run \`${manifest.run_id}\` comes too late: it is ${manifest.status}`, {
    hint: `\`ml requeue ${manifest.run_id} -- ARGS\` queues it again with other arguments`,
  });
}

function requireName(context: Context, manifest: Manifest, name: string): void {
  const bad = badName(name);
  if (bad !== null) throw new MlError("usage", `a run cannot be named \`${name}\`: ${bad}`);
  if (!context.catalog.isNameTaken(manifest.user, name)) return;
  throw new MlError("conflict", `another live run of \`${manifest.user}\` is named \`${name}\``, {
    hint: "choose another name",
  });
}

/** One entry for each field that differs. */
function entriesOf(context: Context, manifest: Manifest, change: Change): HistoryEntry[] {
  const at = isoTime(context.clock.nowMs());
  const by = context.asker.user;
  const fields: [string, unknown, unknown][] = [
    ["name", change.name, manifest.name],
    ["argv", change.argv, manifest.argv],
    ["launch.env", change.env, manifest.launch.env],
    ["launch.grace_seconds", change.grace_seconds, manifest.launch.grace_seconds],
    ["resources.requested", change.requested, manifest.resources.requested],
  ];
  return fields.flatMap(([field, value, was]) =>
    value === undefined || Bun.deepEquals(value, was) ? [] : [{ at, by, field, value, was }],
  );
}

export async function runEdit(context: Context, body: ParsedBody<"run.edit">): Promise<Reply<"run.edit">> {
  const [record] = ownedRuns(context, [body.run], "edit");
  if (record === undefined) throw new MlError("not_found", `there is no run \`${body.run}\``);
  const runId = record.run_id;
  const before = requireManifest(context.base.run(runId));
  requireWaiting(before);
  const { change } = body;
  requireLaunchable({ argv: change.argv ?? before.argv, env: change.env ?? {} });
  if (change.name !== undefined && change.name !== before.name) requireName(context, before, change.name);
  if (change.requested !== undefined) requireFit(context, [{ argv: before.argv, requested: change.requested }]);
  const entries = entriesOf(context, before, change);
  const fields = entries.map((entry) => entry.field);
  if (entries.length === 0 || body.dry_run) return { run_id: runId, changed: fields };
  const moves = fields.includes("resources.requested");
  // Out of the line while it changes, so that nobody claims it for what it asked before.
  if (moves && (await context.queue.remove([runId])).length === 0)
    requireWaiting(requireManifest(context.base.run(runId)));
  try {
    recordChanges(context.base.run(runId), entries, requireWaiting);
  } finally {
    if (moves) await putBack(context, runId);
  }
  context.catalog.apply(runId);
  context.hub.changed(runId);
  context.pokeWorker();
  context.audit.note(context.asker, { action: "edit", runs: [runId], detail: fields.join(", ") });
  return { run_id: recordOfRun(context, runId).run_id, changed: fields };
}

async function putBack(context: Context, runId: string): Promise<void> {
  const manifest = requireManifest(context.base.run(runId));
  if (manifest.status !== "queued") return;
  await context.queue.add([entryFromManifest(manifest)]).catch(() => context.feeder.refill());
}
