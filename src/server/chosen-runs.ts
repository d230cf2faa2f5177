/** Which runs a question is about: named ones, or those of a group, tag, user and time; newest first and never endless. */
import type { ListFilter } from "../catalog/run-list.ts";
import { MlError } from "../core/error.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Context } from "./context.ts";
import { catchUp, presentOf } from "./handlers/find.ts";
import { idsOf } from "./owned.ts";

export interface Scope {
  runs?: readonly string[] | undefined;
  group?: string | undefined;
  tag?: string | undefined;
  user?: string | undefined;
  /** RFC 3339; by when a run was queued. */
  since?: string | undefined;
  until?: string | undefined;
  /** A search, in the language of docs/find.md. */
  where?: string | undefined;
  utc_offset_minutes?: number | null | undefined;
}

export interface ChosenRuns {
  runs: RunRecord[];
  more: boolean;
  /** What `where` was read as. */
  query: string | null;
}

const pageRows = 1000;

/** Throws `usage`. */
export function momentOf(text: string | undefined, name: string): number | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new MlError("usage", `\`${name}\` is no time: \`${text.slice(0, 40)}\``, {
    hint: "write it by RFC 3339, in UTC",
  });
}

/** Runs that a search means, in its order. Throws `usage`, and `too_large` where they are more than `most`. */
export function searchedRuns(
  context: Context,
  { where, utc_offset_minutes: offset }: Scope & { where: string },
  most: number,
): { runs: RunRecord[]; query: string } {
  catchUp(context);
  const { user } = context.asker;
  const text = context.searches.expand(where, user);
  const found = context.catalog.finder.findRuns(text, { user, present: presentOf(context, offset), most });
  return { runs: found.runIds.flatMap((runId) => context.catalog.get(runId) ?? []), query: found.read.echo };
}

/**
 * At most `limit` runs, newest first (named ones as named, searched ones as found), and whether there are more. Errors of
 * resolveRuns and searchedRuns.
 */
export function chosenRuns(context: Context, scope: Scope, limit: number): ChosenRuns {
  if (scope.runs !== undefined && scope.runs.length > 0) {
    const named = idsOf(context, scope.runs).flatMap((runId) => context.catalog.get(runId) ?? []);
    return { runs: named.slice(0, limit), more: named.length > limit, query: null };
  }
  const { group, tag, user } = scope;
  const since = momentOf(scope.since, "since");
  const until = momentOf(scope.until, "until");
  const isWithin = (run: RunRecord) => {
    const at = Date.parse(run.queued_at);
    return (since === null || at >= since) && (until === null || at < until);
  };
  if (scope.where !== undefined) {
    const searched = searchedRuns(context, { ...scope, where: scope.where }, limit);
    const fits = (run: RunRecord) =>
      (group === undefined || run.group === group) &&
      (tag === undefined || run.tags.includes(tag)) &&
      (user === undefined || run.user === user);
    return { runs: searched.runs.filter((run) => fits(run) && isWithin(run)), more: false, query: searched.query };
  }
  const found: RunRecord[] = [];
  let before: string | undefined;
  for (;;) {
    const filter: ListFilter = { group, tag, user, before, limit: pageRows };
    const page = context.catalog.list(filter);
    found.push(...page.filter(isWithin));
    const last = page.at(-1);
    before = last?.run_id;
    const past = last !== undefined && since !== null && Date.parse(last.queued_at) < since - dayMs;
    if (page.length < pageRows || found.length > limit || past)
      return { runs: found.slice(0, limit), more: found.length > limit, query: null };
  }
}

/** Order of arrival and the clock may disagree by this much before a listing by time would miss a run. */
const dayMs = 86_400_000;
