/** Holds waiting runs back, or releases them: by name, or all of a group that the asker may change. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";
import { tellOfGroup } from "../group-pause.ts";
import { ownedRuns } from "../owned.ts";
import { changeWaiting } from "../waiting-change.ts";

const mostRuns = 10_000;

/** Waiting runs of the group that are not yet as wished: of the asker, or of all for an administrator. Throws `not_found`. */
function ofGroup({ catalog, asker }: Context, group: string, held: boolean): string[] {
  const waiting = catalog.list({ status: ["queued"], group, limit: mostRuns });
  const mine = waiting.filter((record) => asker.role === "admin" || record.user === asker.user);
  const found = mine.filter((record) => record.held !== held).map((record) => record.run_id);
  if (found.length > 0) return found;
  throw new MlError("not_found", `no run of yours in group \`${group}\` ${held ? "waits" : "is held"}`, {
    hint: "see `ml status`",
  });
}

export async function runHold(context: Context, body: ParsedBody<"run.hold">): Promise<Reply<"run.hold">> {
  const action = body.held ? "hold" : "release";
  const group = body.group ?? null;
  if (group === null && body.runs.length === 0) throw new MlError("usage", `${action} wants runs, or a group`);
  const named = group === null ? body.runs : [...body.runs, ...ofGroup(context, group, body.held)];
  const records = ownedRuns(context, named, action);
  await changeWaiting(context, records, {
    action,
    field: "launch.held",
    value: body.held,
    queue: { held: body.held },
    reason: body.reason ?? null,
  });
  for (const each of new Set(records.flatMap((record) => record.group ?? []))) tellOfGroup(context, each);
  return { runs: records.map(({ run_id }) => ({ run_id, held: body.held })) };
}
