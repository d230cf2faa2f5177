/**
 * Words that may stand where a term of a query is being typed: names of fields and metrics, then what a field can be.
 * What only the index knows (tags, groups, …) is asked of `Known`, by prefix.
 */
import { type Field, fieldOf, fields } from "./fields.ts";

export interface TermWord {
  word: string;
  about: string | null;
}

export interface Known {
  /** Values of a field that begin with `prefix`: tags, groups, datasets, runs; none where it cannot say. */
  valuesOf(field: string, prefix: string): readonly TermWord[];
  metrics(prefix: string): readonly string[];
  /** The asker's saved searches by name. */
  saved(): Readonly<Record<string, string>>;
}

const times: readonly TermWord[] = [
  { word: "today", about: null },
  { word: "yesterday", about: null },
  { word: "24h", about: "a day back from now" },
  { word: "7d", about: "a week back from now" },
  { word: "2w", about: null },
  { word: "3mo", about: null },
];

function sorts(typed: string, known: Known): TermWord[] {
  const [, way = "", name = ""] = /^(best:|worst:)?(.*)$/.exec(typed) ?? [];
  const metrics = known.metrics(name);
  if (way !== "") return metrics.map((metric) => ({ word: `${way}${metric}`, about: "metric" }));
  return [
    { word: "newest", about: "as they were queued, the last first" },
    { word: "oldest", about: "the first first" },
    { word: "best:", about: "a metric, the best first" },
    { word: "worst:", about: "a metric, the worst first" },
    { word: "-runtime", about: "the longest first" },
    { word: "-energy", about: "the most first" },
    ...metrics.map((metric) => ({ word: metric, about: "metric, the least first" })),
  ];
}

function valuesOf(name: string, typed: string, known: Known): readonly TermWord[] {
  if (name === "sort") return sorts(typed, known);
  const field = fieldOf(name);
  if (field === null) return [];
  const { kind, values }: Field = fields[field];
  if (values !== undefined) return values.map((word) => ({ word, about: null }));
  return kind === "time" ? times : known.valuesOf(field, typed);
}

/** `typed`: the term as far as it stands, perhaps nothing. Each answer is the whole term, or its beginning. */
export function completeTerm(typed: string, known: Known): TermWord[] {
  if (typed.startsWith("@"))
    return Object.entries(known.saved())
      .map(([name, query]) => ({ word: `@${name}`, about: query }))
      .filter(({ word }) => word.startsWith(typed));
  const [, sign = "", name = "", list = null] = /^(-?)([A-Za-z_-]*)(?::(.*))?$/.exec(typed) ?? [];
  if (list !== null) {
    const last = list.slice(list.lastIndexOf(",") + 1);
    const before = typed.slice(0, typed.length - last.length);
    return valuesOf(name, last, known)
      .filter(({ word }) => word.startsWith(last))
      .map(({ word, about }) => ({ word: `${before}${word}`, about }));
  }
  if (!/^-?[\w./-]*$/.test(typed)) return [];
  const bare = typed.slice(sign.length);
  const named = Object.entries(fields as Record<string, Field>).map(([field, { kind, about }]) => ({
    word: `${sign}${field}${kind === "number" ? ">=" : kind === "text" ? "~" : ":"}`,
    about,
  }));
  const views = sign === "" ? [{ word: "sort:", about: "how the answer is ordered" }] : [];
  const metrics = known.metrics(bare).map((metric) => ({ word: `${sign}${metric}>=`, about: "metric" }));
  return [...named, ...views, ...metrics].filter(({ word }) => word.startsWith(typed));
}
