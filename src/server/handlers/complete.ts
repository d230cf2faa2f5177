/** Words that may stand next on a command line. */
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { completeTerm } from "../../query/complete-term.ts";
import { listDatasets } from "../../run/dataset-record.ts";
import { statuses } from "../../run/status.ts";
import type { Context } from "../context.ts";
import { idOf } from "../owned.ts";

type Word = Reply<"complete">["words"][number];

const mostWords = 50;
const lookedAt = 500;

function runWords(context: Context, prefix: string, live: boolean): Word[] {
  const status = live ? statuses.slice(0, 3) : undefined;
  const words = new Map<string, Word>();
  for (const run of context.catalog.list({ limit: lookedAt, status })) {
    for (const word of [run.name, run.run_id, run.run_id.slice(11)]) {
      if (!word.startsWith(prefix) || words.has(word) || (prefix === "" && word !== run.run_id)) continue;
      words.set(word, { word, about: word === run.name ? `${run.run_id} ${run.status}` : `${run.name} ${run.status}` });
    }
    if (words.size >= mostWords) break;
  }
  const marks = ["@last", "@running", "@failed"].filter((mark) => prefix.startsWith("@") && mark.startsWith(prefix));
  return [...marks.map((word) => ({ word, about: null })), ...words.values()].slice(0, mostWords);
}

function metricNames(context: Context, body: { run?: string | undefined; prefix: string }): string[] {
  const records =
    body.run === undefined ? context.catalog.list({ limit: 100 }) : [context.catalog.get(idOf(context, body.run))];
  const names = new Set(records.flatMap((record) => Object.keys(record?.metrics ?? {})));
  return [...names].filter((name) => name.startsWith(body.prefix)).sort();
}

function datasetWords(context: Context, prefix: string): Word[] {
  const known = listDatasets(context.base).filter(({ name }) => name.startsWith(prefix));
  return known.slice(0, mostWords).map(({ name, current }) => ({ word: name, about: `version ${current}` }));
}

/** The term of a search that is being typed. */
function queryWords(context: Context, prefix: string, user: string): Word[] {
  const plain = (words: readonly string[]) => words.map((word) => ({ word, about: null }));
  return completeTerm(prefix, {
    metrics: (begun) => metricNames(context, { prefix: begun }).slice(0, mostWords),
    saved: () => context.searches.of(user),
    valuesOf(field, begun) {
      if (field === "tag") return plain(context.catalog.words("tag", begun, mostWords));
      if (field === "group") return plain(context.catalog.words("group", begun, mostWords));
      if (field === "dataset") return datasetWords(context, begun);
      if (field === "run" || field === "parent" || field === "source") return runWords(context, begun, false);
      if (field === "user")
        return [{ word: "me", about: user }, ...plain(context.catalog.words("user", begun, mostWords))];
      return plain(context.catalog.labels(field, begun, mostWords));
    },
  });
}

export function complete(context: Context, body: ParsedBody<"complete">): Reply<"complete"> {
  if (body.kind === "run" || body.kind === "live_run") {
    return { words: runWords(context, body.prefix, body.kind === "live_run") };
  }
  if (body.kind === "dataset") return { words: datasetWords(context, body.prefix) };
  if (body.kind === "query")
    return { words: queryWords(context, body.prefix, context.asker.user).slice(0, 2 * mostWords) };
  const words =
    body.kind === "metric" ? metricNames(context, body) : context.catalog.words(body.kind, body.prefix, mostWords);
  return { words: words.slice(0, mostWords).map((word) => ({ word, about: null })) };
}
