/** A search: what was typed is read as a query, the page of runs that it means comes back with what was asked about them. */
import type { Found, FoundRun } from "../../catalog/find.ts";
import { type Snippet, snippetOf } from "../../catalog/snippet.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { Query } from "../../query/query.ts";
import type { Present } from "../../query/times.ts";
import { writeQuery } from "../../query/write-query.ts";
import { lastBytes } from "../../run/log-end.ts";
import { readManifest } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";
import { summarise } from "../summary.ts";

/** How long a question waits for what has changed a moment ago to be looked at. */
const patienceMs = 150;
const snippetLogBytes = 8 * 1024;

/** The present as the asker's clock shows it; the server's zone where that is the same or unknown. */
export function presentOf(context: Context, offsetMinutes: number | null | undefined): Present {
  const nowMs = context.clock.nowMs();
  const own = (ms: number) => 0 - new Date(ms).getTimezoneOffset();
  const same = offsetMinutes === null || offsetMinutes === undefined || offsetMinutes === own(nowMs);
  return { nowMs, offsetAt: same ? own : () => offsetMinutes };
}

/** Brings search up to date as far as patience goes. Returns how many runs it is behind. */
export function catchUp(context: Context): number {
  const synonyms = context.searches.changedSynonyms();
  if (synonyms !== null) context.catalog.finder.useSynonyms(synonyms);
  return context.catalog.search.catchUp(patienceMs);
}

/** What people wrote of a run, then what it said, in the order in which a reader would want to see it. */
function textsOf(context: Context, { record }: FoundRun): [string, () => string][] {
  const paths = context.base.run(record.run_id);
  const read = readManifest(paths.manifest);
  if (read.kind !== "ok") return [["command", () => record.command]];
  const { manifest } = read;
  const { narrative, annotations, failure } = manifest;
  return [
    ["hypothesis", () => narrative.hypothesis ?? ""],
    ["outcome", () => narrative.outcome ?? ""],
    ["learned", () => narrative.learnings.join("\n")],
    ["note", () => manifest.metadata.note ?? ""],
    ["annotation", () => annotations.map(({ note }) => note).join("\n")],
    ["next", () => narrative.next_steps.join("\n")],
    ["intent", () => narrative.intent ?? ""],
    ["context", () => narrative.context ?? ""],
    ["expected", () => narrative.expected_outcome ?? ""],
    ["tag", () => narrative.tags.join(", ")],
    ["group", () => narrative.experiment_group ?? ""],
    ["error", () => (failure === null ? "" : `${failure.message}\n${failure.traceback ?? ""}`)],
    ["command", () => manifest.command],
    ["log", () => Bun.stripANSI(lastBytes(paths.outputLog, snippetLogBytes))],
  ];
}

/** The texts that a query looks into by name: `note~warmup` is shown where the note says so, whatever else does. */
function namedTexts(query: Query): string[] {
  if (query.kind === "and" || query.kind === "or") return query.parts.flatMap(namedTexts);
  if (query.kind !== "text" || query.column === null) return [];
  return [query.column === "grp" ? "group" : query.column];
}

interface Hit {
  words: readonly string[];
  named: readonly string[];
}

function firstSnippet(context: Context, found: FoundRun, { words, named }: Hit): Snippet | null {
  if (words.length === 0) return null;
  const texts = textsOf(context, found).sort(([a], [b]) => Number(named.includes(b)) - Number(named.includes(a)));
  for (const [field, text] of texts) {
    const snippet = snippetOf(field, text(), words);
    if (snippet !== null) return snippet;
  }
  return null;
}

const mostParts = 12;

/** What is at fault where nothing is found: a search of seven words does not say which of them is in no run. */
function unmatchedParts(context: Context, { read }: Found, present: Present): string[] {
  const parts = read.query.kind === "and" ? read.query.parts : [read.query];
  const options = { user: context.asker.user, present, literal: true, limit: 1 };
  return parts
    .slice(0, mostParts)
    .map((query) => writeQuery({ query, sort: null, limit: null }, present))
    .filter((text) => text !== "" && context.catalog.finder.page(text, options).runs.length === 0);
}

export function find(context: Context, body: ParsedBody<"find">): Reply<"find"> {
  const behind = catchUp(context) + context.catalog.lacking;
  const { finder } = context.catalog;
  const text = context.searches.expand(body.query, context.asker.user);
  const present = presentOf(context, body.utc_offset_minutes);
  const found: Found = finder.page(text, {
    ...{ user: context.asker.user, present },
    ...{ literal: body.literal, limit: body.limit, columns: body.columns, count: body.count, sort: body.sort ?? null },
    before: body.before === undefined ? null : idOf(context, body.before),
  });
  const options = { ...context, line: context.line.now(), nowMs: context.clock.nowMs };
  const { echo, interpreted, sort } = found.read;
  const named = namedTexts(found.read.query);
  const byArrival = sort === null || sort.name === "newest";
  return {
    query: echo,
    interpreted,
    columns: found.columns,
    runs: found.runs.map((one) => ({
      ...{ run: summarise(one.record, options), values: one.values },
      snippet: firstSnippet(context, one, { words: found.words, named }),
    })),
    next: found.more && byArrival ? (found.runs.at(-1)?.record.run_id ?? null) : null,
    more: found.more,
    total: found.total,
    behind,
    explain: body.explain ? finder.explain(found.read) : [],
    unmatched: found.runs.length === 0 && body.before === undefined ? unmatchedParts(context, found, present) : [],
  };
}
