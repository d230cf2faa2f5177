/** What many runs remember: lessons, dead ends, lineage, insights; each from the runs that the question is about. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { listGroups } from "../../run/group-record.ts";
import { requireManifest } from "../../run/store.ts";
import { collectDeadEnds } from "../../think/dead-ends.ts";
import { insightsOf } from "../../think/insights.ts";
import { collectLessons, type GroupWords, type LessonRun } from "../../think/lessons.ts";
import { lineageOf } from "../../think/lineage.ts";
import type { RunFacts } from "../../think/run-facts.ts";
import { chosenRuns, momentOf, type Scope } from "../chosen-runs.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";
import { readManyFacts } from "../run-facts.ts";
import { catchUp } from "./find.ts";

/** Runs that one question looks at; the reply says where there are more. */
const mostRuns = 5000;
const mostNodes = 500;

async function factsOf(
  context: Context,
  scope: Scope,
  limit = mostRuns,
): Promise<{ runs: RunFacts[]; more: boolean; query: string | null }> {
  const { runs, ...rest } = chosenRuns(context, scope, limit);
  const ids = runs.map((run) => run.run_id);
  return { runs: await readManyFacts(context, ids), ...rest };
}

/** Groups that somebody has written about and that the question is about; none where it names runs or searches for them. */
function groupsOf(context: Context, { runs, group, tag, user, since, until, where }: Scope): GroupWords[] {
  if (where !== undefined || (runs !== undefined && runs.length > 0)) return [];
  return listGroups(context.base)
    .map(({ group: name, created_by, created_at, narrative }): GroupWords => {
      const { hypothesis, outcome, validation_status: verdict, tags, learnings, next_steps } = narrative;
      return {
        group: name,
        user: created_by,
        at: created_at,
        hypothesis,
        outcome,
        verdict,
        tags,
        learnings,
        next_steps,
      };
    })
    .filter(
      (one) =>
        (group === undefined || one.group === group) &&
        (tag === undefined || one.tags.includes(tag)) &&
        (user === undefined || one.user === user) &&
        (since === undefined || Date.parse(one.at) >= Date.parse(since)) &&
        (until === undefined || Date.parse(one.at) < Date.parse(until)),
    );
}

export async function runsFacts(context: Context, body: ParsedBody<"runs.facts">): Promise<Reply<"runs.facts">> {
  const { limit, ...scope } = body;
  const found = await factsOf(context, scope, limit);
  const named = new Set(found.runs.flatMap((run) => run.group ?? []));
  return { ...found, groups: groupsOf(context, {}).filter(({ group }) => named.has(group)) };
}

/** By the index, which has what was said; null where it is behind, runs are named, or a search says which are meant. */
function saidByIndex(
  context: Context,
  scope: Scope,
  kind: "learnings" | "next_steps",
): { runs: LessonRun[]; more: boolean } | null {
  const named = scope.runs !== undefined && scope.runs.length > 0;
  if (named || scope.where !== undefined || catchUp(context) > 0) return null;
  const { group, tag, user } = scope;
  const times = { sinceMs: momentOf(scope.since, "since"), untilMs: momentOf(scope.until, "until") };
  const filter = { group, tag, user, ...times, limit: mostRuns + 1 };
  const found = context.catalog.said(kind === "learnings" ? "learned" : "next", filter);
  const runs = found.slice(0, mostRuns).map(({ said, ...run }): LessonRun => {
    return { ...run, learnings: [], next_steps: [], [kind]: said };
  });
  return { runs, more: found.length > mostRuns };
}

export async function lessons(context: Context, body: ParsedBody<"memory.lessons">): Promise<Reply<"memory.lessons">> {
  const { kind, ...scope } = body;
  const { runs, more, query } = {
    query: null,
    ...(saidByIndex(context, scope, kind) ?? (await factsOf(context, scope))),
  };
  const found = collectLessons(runs, groupsOf(context, scope), kind);
  return { lessons: found, looked_at: runs.length, more, query };
}

export async function deadEnds(
  context: Context,
  scope: ParsedBody<"memory.dead_ends">,
): Promise<Reply<"memory.dead_ends">> {
  const { runs, ...rest } = await factsOf(context, scope);
  return { dead_ends: collectDeadEnds(runs, groupsOf(context, scope)), looked_at: runs.length, ...rest };
}

export async function insights(
  context: Context,
  body: ParsedBody<"memory.insights">,
): Promise<Reply<"memory.insights">> {
  const { metric, ...scope } = body;
  const { runs, ...rest } = await factsOf(context, scope);
  if (runs.length === 0) throw new MlError("not_found", "no run is of that group, tag, user and time");
  const found = insightsOf(runs, metric ?? null);
  if (metric !== undefined && !runs.some((run) => run.metrics[metric] !== undefined)) {
    const known = [...new Set(runs.flatMap((run) => Object.keys(run.metrics)))].slice(0, 8);
    throw new MlError("not_found", `none of these runs recorded a number for the metric \`${metric}\``, {
      hint: known.length === 0 ? "they recorded none at all" : `they have ${known.join(", ")}`,
    });
  }
  return { ...found, ...rest };
}

/** Ids of the whole tree that a run is part of: up to what it came from, then everything that follows from that. */
function treeIds(context: Context, runId: string): { ids: string[]; more: boolean } {
  const { runs } = chosenRuns(context, {}, 100_000);
  const parents = new Map(runs.map((run) => [run.run_id, run.parent_run ?? run.source_run ?? null]));
  const children = Map.groupBy([...parents], ([, parent]) => parent);
  let root = runId;
  const above = new Set<string>();
  for (
    let next = parents.get(root) ?? null;
    next !== null && parents.has(next) && !above.has(next);
    next = parents.get(root) ?? null
  ) {
    above.add(root);
    root = next;
  }
  const ids = new Set([root]);
  for (const id of ids) for (const [child] of children.get(id) ?? []) if (ids.size <= mostNodes) ids.add(child);
  return { ids: [...ids].slice(0, mostNodes), more: ids.size > mostNodes };
}

export async function lineage(context: Context, body: ParsedBody<"memory.lineage">): Promise<Reply<"memory.lineage">> {
  const { run, ...scope } = body;
  if (run !== undefined) {
    const runId = idOf(context, run);
    requireManifest(context.base.run(runId));
    const { ids, more } = treeIds(context, runId);
    return { nodes: lineageOf(await readManyFacts(context, ids)), more, query: null };
  }
  const { runs, ...rest } = await factsOf(context, scope, mostNodes);
  return { nodes: lineageOf(runs), ...rest };
}
