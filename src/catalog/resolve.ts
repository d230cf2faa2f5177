/**
 * Which run a reference means: an id, a unique prefix of one or of its random part, a name (live runs before ended
 * ones, one's own before others'), or an `@` word. Never guesses: several candidates are an error that lists them.
 */
import { MlError } from "../core/error.ts";
import { parseReference } from "../run/name.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Catalog } from "./catalog.ts";

export interface Asker {
  /** Whose runs `@last` and equal names prefer. */
  user: string;
  /** Lets `@running` and `@failed` mean several. */
  many?: boolean;
}

const shownCandidates = 10;
const manyLimit = 1000;
const seeStatus = { hint: "`ml status` lists the runs" };

/** Ids that `text` means, at least one; exactly one unless `many`. Throws `not_found`, `ambiguous`, `usage`. */
export function resolveRuns(catalog: Catalog, text: string, { user, many = false }: Asker): string[] {
  const reference = parseReference(text);
  switch (reference.kind) {
    case "id":
      if (catalog.get(reference.runId) === null && catalog.apply(reference.runId) === null) throw unknown(text);
      return [reference.runId];
    case "last": {
      requireAll(catalog, text);
      const limit = reference.back + 1;
      const own = catalog.list({ user, limit });
      const runs = own.length > 0 ? own : catalog.list({ limit });
      const run = runs[reference.back];
      if (run === undefined) {
        const [message, hint] =
          runs.length === 0
            ? ["there are no runs yet", "`ml queue SCRIPT` queues one"]
            : [`\`${text}\` names no run: there are only ${runs.length}`, "`ml status` lists them"];
        throw new MlError("not_found", message, { hint });
      }
      return [run.run_id];
    }
    case "running":
      return pick(text, preferOwn(catalog.list({ status: ["running", "starting"], limit: manyLimit }), user), many);
    case "failed": {
      requireAll(catalog, text);
      const failed = preferOwn(catalog.list({ status: ["failed"], limit: manyLimit }), user);
      return pick(text, many ? failed : failed.slice(0, 1), many);
    }
    case "extreme": {
      requireAll(catalog, text);
      const run = extremeRun(catalog, reference);
      if (run !== null) return [run.run_id];
      const where = reference.group === null ? "" : ` of group \`${reference.group}\``;
      throw new MlError("not_found", `no run${where} has a number for the metric \`${reference.metric}\``, seeStatus);
    }
    case "word":
      return pick(text, byWord(catalog, reference.word, user), false);
  }
}

/** As resolveRuns for exactly one run. */
export function resolveRun(catalog: Catalog, text: string, user: string): string {
  return resolveRuns(catalog, text, { user })[0] ?? "";
}

/** The last or the best recorded value, whichever lies further in the direction that is asked for; null where neither is a number. */
function extremeValue(run: RunRecord, metric: string, most: boolean): number | null {
  const values = [run.metrics[metric], run.metrics[`best_${metric}`]].filter((value) => typeof value === "number");
  if (values.length === 0) return null;
  return most ? Math.max(...values) : Math.min(...values);
}

/** Of equals the newest. */
function extremeRun(
  catalog: Catalog,
  wanted: { most: boolean; metric: string; group: string | null },
): RunRecord | null {
  let found: { run: RunRecord; value: number } | null = null;
  for (const run of catalog.withMetric(wanted.metric, wanted.group)) {
    const value = extremeValue(run, wanted.metric, wanted.most);
    if (value === null) continue;
    if (found === null || (wanted.most ? value > found.value : value < found.value)) found = { run, value };
  }
  return found?.run ?? null;
}

function preferOwn(runs: RunRecord[], user: string): RunRecord[] {
  const own = runs.filter((run) => run.user === user);
  return own.length > 0 ? own : runs;
}

function byWord(catalog: Catalog, word: string, user: string): RunRecord[] {
  for (const live of [true, false]) {
    const named = preferOwn(catalog.named(word, live, manyLimit), user);
    if (named.length > 0) return named;
    // Of those that have not ended all are known.
    requireAll(catalog, word);
  }
  return catalog.byPrefix(word, shownCandidates + 1);
}

/** Which run such a word means cannot be said while older ones are still being read: it could be one of them. Throws `try_later`. */
function requireAll(catalog: Catalog, text: string): void {
  if (catalog.lacking === 0) return;
  throw new MlError(
    "try_later",
    `${catalog.lacking} older runs are still being read: \`${text}\` may mean one of them`,
    {
      hint: "ask again in a moment, or name the run by its full id",
    },
  );
}

function unknown(text: string): MlError {
  return new MlError("not_found", `there is no run \`${text}\``, seeStatus);
}

function pick(text: string, runs: RunRecord[], many: boolean): string[] {
  if (runs.length === 0 && text === "@running") throw new MlError("not_found", "nothing is running", seeStatus);
  if (runs.length === 0 && text === "@failed") throw new MlError("not_found", "no run has failed", seeStatus);
  if (runs.length === 0) throw unknown(text);
  if (runs.length > 1 && !many) {
    const shown = runs.slice(0, shownCandidates);
    const listed = shown.map((run) => `${run.run_id} (${run.name}, ${run.status})`).join(", ");
    throw new MlError(
      "ambiguous",
      `\`${text}\` could be any of ${runs.length > shownCandidates ? "more than " : ""}${shown.length} runs`,
      {
        hint: `use one of: ${listed}`,
        data: {
          candidates: shown.map(({ run_id, name, user, status, queued_at }) => ({
            run_id,
            name,
            user,
            status,
            queued_at,
          })),
        },
      },
    );
  }
  return runs.map((run) => run.run_id);
}
