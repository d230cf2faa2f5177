/** What people wrote about a run or a group, with its history and what became of the expectation. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { readGroupHistory } from "../../run/group-record.ts";
import { readHistory } from "../../run/history.ts";
import { requireManifest } from "../../run/store.ts";
import { toldOf } from "../../think/narrative-change.ts";
import type { Context } from "../context.ts";
import { expectationOf } from "../expectation.ts";
import { groupOf, requireGroup } from "../narrative-target.ts";
import { idOf } from "../owned.ts";

/** The latest of a longer history; the rest is in the file. */
const shownEntries = 200;
const isTold = ({ field }: { field: string }) => field.startsWith("narrative.") || field === "metadata.note";

function groupReply(context: Context, group: string): Reply<"narrative.get"> {
  const record = requireGroup(context, group);
  const runs = context.catalog.list({ group, limit: 10_000 });
  const verdicts: Record<string, number> = {};
  for (const run of runs) {
    const verdict = run.validation_status ?? "none";
    verdicts[verdict] = (verdicts[verdict] ?? 0) + 1;
  }
  return {
    kind: "group",
    id: group,
    name: group,
    user: record.created_by,
    narrative: toldOf(record, record.narrative),
    history: readGroupHistory(context.base, group).slice(-shownEntries),
    expectation: null,
    runs: { total: runs.length, verdicts },
  };
}

export async function narrativeGet(
  context: Context,
  body: ParsedBody<"narrative.get">,
): Promise<Reply<"narrative.get">> {
  const group = groupOf(body.target);
  if (group !== null) return groupReply(context, group);
  const paths = context.base.run(idOf(context, body.target));
  const manifest = requireManifest(paths);
  return {
    kind: "run",
    id: manifest.run_id,
    name: manifest.name,
    user: manifest.user,
    narrative: toldOf(manifest.metadata, manifest.narrative),
    history: readHistory(paths).filter(isTold).slice(-shownEntries),
    expectation: await expectationOf(paths, manifest, context.clock.nowMs()),
    runs: null,
  };
}
