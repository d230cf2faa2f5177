/** Which runs a question is about: named ones, or those of a group, tag, user and time; newest first and never endless. */
import type { ListFilter } from "../catalog/catalog.ts";
import { MlError } from "../core/error.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Context } from "./context.ts";
import { idsOf } from "./owned.ts";

export interface Scope {
  runs?: readonly string[] | undefined;
  group?: string | undefined;
  tag?: string | undefined;
  user?: string | undefined;
  /** RFC 3339; by when a run was queued. */
  since?: string | undefined;
  until?: string | undefined;
}

const pageRows = 1000;

function momentOf(text: string | undefined, name: string): number | null {
  if (text === undefined) return null;
  const ms = Date.parse(text);
  if (Number.isFinite(ms)) return ms;
  throw new MlError("usage", `\`${name}\` is no time: \`${text.slice(0, 40)}\``, {
    hint: "write it by RFC 3339, in UTC",
  });
}

/** At most `limit` runs, newest first (named ones as named), and whether there are more. Errors of resolveRuns. */
export function chosenRuns(context: Context, scope: Scope, limit: number): { runs: RunRecord[]; more: boolean } {
  if (scope.runs !== undefined && scope.runs.length > 0) {
    const named = idsOf(context, scope.runs).flatMap((runId) => context.catalog.get(runId) ?? []);
    return { runs: named.slice(0, limit), more: named.length > limit };
  }
  const { group, tag, user } = scope;
  const since = momentOf(scope.since, "since");
  const until = momentOf(scope.until, "until");
  const found: RunRecord[] = [];
  let before: string | undefined;
  for (;;) {
    const filter: ListFilter = { group, tag, user, before, limit: pageRows };
    const page = context.catalog.list(filter);
    for (const run of page) {
      const at = Date.parse(run.queued_at);
      if ((since === null || at >= since) && (until === null || at < until)) found.push(run);
    }
    const last = page.at(-1);
    before = last?.run_id;
    const past = last !== undefined && since !== null && Date.parse(last.queued_at) < since - dayMs;
    if (page.length < pageRows || found.length > limit || past)
      return { runs: found.slice(0, limit), more: found.length > limit };
  }
}

/** Order of arrival and the clock may disagree by this much before a listing by time would miss a run. */
const dayMs = 86_400_000;
