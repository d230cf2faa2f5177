/**
 * Changes what people wrote about runs and groups, at any time of their lives: first into the history, with what stood
 * there before, then into the record. All targets are checked before the first is changed.
 */
import { resolveRun } from "../../catalog/resolve.ts";
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import { limits } from "../../protocol/frames.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Narrated } from "../../protocol/think-requests.ts";
import { type GroupRecord, writeGroup } from "../../run/group-record.ts";
import { type HistoryEntry, recordChanges } from "../../run/history.ts";
import { requireManifest } from "../../run/store.ts";
import {
  changesOf,
  type FieldChange,
  isEmptyChange,
  type NarrativeChange,
  toldOf,
} from "../../think/narrative-change.ts";
import { narrativeFields } from "../../think/narrative-field.ts";
import { searchedRuns } from "../chosen-runs.ts";
import type { Context } from "../context.ts";
import { groupOf, requireGroup, requireMember } from "../narrative-target.ts";
import { ownedRuns } from "../owned.ts";

function requireSizes({ set = {}, add = {} }: NarrativeChange): void {
  const texts = [...Object.values(set), ...Object.values(add)].flat();
  const longest = Math.max(0, ...texts.map((text) => Buffer.byteLength(text ?? "")));
  if (longest > limits.textBytes)
    throw new MlError("too_large", `a text has ${longest} bytes, more than ${limits.textBytes}`);
}

/** The change with its parent as an id. Errors of resolveRun. */
function withParent(context: Context, change: NarrativeChange): NarrativeChange {
  const parent = change.set?.parent_run;
  if (typeof parent !== "string" || parent.trim() === "") return change;
  const parentId = resolveRun(context.catalog, parent.trim(), context.asker.user);
  return { ...change, set: { ...change.set, parent_run: parentId } };
}

function entriesOf(context: Context, changes: readonly FieldChange[]): HistoryEntry[] {
  const at = isoTime(context.clock.nowMs());
  return changes.map(({ key, was, value }) => ({
    at,
    by: context.asker.user,
    field: key === "note" ? "metadata.note" : `narrative.${key}`,
    value,
    was,
  }));
}

/** Throws `usage` where a run would come after itself, directly or through others. */
function requireNoLoop(context: Context, runId: string, changes: readonly FieldChange[]): void {
  let at = changes.find(({ key }) => key === "parent_run")?.value ?? null;
  const seen = new Set<string>();
  while (typeof at === "string" && !seen.has(at)) {
    if (at === runId) {
      throw new MlError("usage", `run \`${runId}\` cannot follow from itself`, {
        hint: "`ml lineage` shows what follows from what",
      });
    }
    seen.add(at);
    at = context.catalog.get(at)?.parent_run ?? null;
  }
}

function requireForGroups({ set = {} }: NarrativeChange): void {
  const foreign = narrativeFields.find((field) => field.runOnly === true && set[field.key] !== undefined);
  if (foreign !== undefined) throw new MlError("usage", `a group has no \`${foreign.word}\`: only a run has one`);
}

function changeGroup(context: Context, record: GroupRecord, changes: readonly FieldChange[]): void {
  const { narrative, ...rest } = record;
  const next = { ...rest, narrative: { ...narrative } };
  for (const { key, value } of changes) Object.assign(key === "note" ? next : next.narrative, { [key]: value });
  writeGroup(context.base, next, entriesOf(context, changes));
}

function changeRun(context: Context, runId: string, changes: readonly FieldChange[]): void {
  recordChanges(context.base.run(runId), entriesOf(context, changes));
  context.catalog.apply(runId);
  context.hub.changed(runId);
}

/** Ids of the runs that a search means and the asker may change; the others are counted and left alone. */
function searchedOwn(context: Context, { where, utc_offset_minutes }: ParsedBody<"narrative.change">) {
  if (where === undefined) return { found: [], query: null, left_alone: 0 };
  const { runs, query } = searchedRuns(context, { where, utc_offset_minutes }, limits.pageRows);
  const { user, role } = context.asker;
  const own = runs.filter((run) => role === "admin" || run.user === user).map((run) => run.run_id);
  return { found: own, query, left_alone: runs.length - own.length };
}

/** Nothing is awaited from the first reading to the last writing, so no two requests can each miss the other's change. */
export function narrativeChange(context: Context, body: ParsedBody<"narrative.change">): Reply<"narrative.change"> {
  if (isEmptyChange(body.change)) throw new MlError("usage", "the change says nothing that is to become different");
  requireSizes(body.change);
  const change = withParent(context, body.change);
  const groups = [...new Set(body.targets.flatMap((target) => groupOf(target) ?? []))];
  const references = body.targets.filter((target) => groupOf(target) === null);
  const { found, query, left_alone } = searchedOwn(context, body);
  const wanted = [...references, ...found];
  if (wanted.length + groups.length === 0 && query === null) throw new MlError("usage", "no run was named");
  const runs = wanted.length === 0 ? [] : ownedRuns(context, wanted, "narrative");
  if (groups.length > 0) requireForGroups(change);
  const plannedRuns = runs.map((run): Narrated => {
    const manifest = requireManifest(context.base.run(run.run_id));
    const changes = changesOf(toldOf(manifest.metadata, manifest.narrative), change);
    requireNoLoop(context, run.run_id, changes);
    return { kind: "run", id: run.run_id, name: run.name, user: run.user, changes };
  });
  const plannedGroups = groups.map((group) => {
    const record = requireGroup(context, group);
    requireMember(context, record);
    const changes = changesOf(toldOf(record, record.narrative), change);
    return { record, told: { kind: "group" as const, id: group, name: group, user: record.created_by, changes } };
  });
  if (!body.dry_run) {
    for (const { id, changes } of plannedRuns) if (changes.length > 0) changeRun(context, id, changes);
    for (const { record, told } of plannedGroups)
      if (told.changes.length > 0) changeGroup(context, record, told.changes);
    const detail = groups.length === 0 ? null : groups.map((group) => `group ${group}`).join(", ");
    context.audit.note(context.asker, { action: "narrative", runs: plannedRuns.map(({ id }) => id), detail });
  }
  return { changed: [...plannedRuns, ...plannedGroups.map(({ told }) => told)], query, left_alone };
}
