/**
 * A query as a value: what parsing makes and the catalog turns into a search. Names of parameters and metrics are kept as
 * typed; which stored names they mean is decided where the names are known.
 */
import type { FieldName } from "./fields.ts";

/** Bounds; null: none. */
export interface Range {
  low: number | null;
  lowOpen: boolean;
  high: number | null;
  highOpen: boolean;
}

/** Where a named value is looked for: a field of ours, a parameter, a metric, or either of these two. */
export type Space = "field" | "either" | "param" | "metric";

export type Query =
  | { kind: "and"; parts: Query[] }
  | { kind: "or"; parts: Query[] }
  | { kind: "not"; part: Query }
  /** Any of the values; `*` in a value stands for anything. */
  | { kind: "word"; field: FieldName; values: string[] }
  | { kind: "number"; space: Space; name: string; range: Range }
  /** A parameter or metric that is text; `contains`: part of it. */
  | { kind: "value"; space: Space; name: string; values: string[]; contains: boolean }
  /** There is such a parameter, metric or measure. */
  | { kind: "exists"; space: Space; name: string }
  /** Milliseconds since 1970, `to` not included. */
  | { kind: "time"; field: "queued" | "started" | "ended"; from: number | null; to: number | null }
  /** `column` null: anywhere. Several words are a phrase. */
  | { kind: "text"; column: string | null; words: string; prefix: boolean };

export interface Sort {
  space: Space;
  /** Name of a parameter, metric or measure; `newest` is by arrival, `relevance` by how well the words fit. */
  name: string;
  descending: boolean;
  /** Of the last and the best value of a metric the better one counts. */
  best: boolean;
}

export interface ReadQuery {
  /** An empty `and` is every run. */
  query: Query;
  sort: Sort | null;
  limit: number | null;
}

/** Every leaf of a query. */
export function leaves(query: Query): Query[] {
  if (query.kind === "and" || query.kind === "or") return query.parts.flatMap(leaves);
  return query.kind === "not" ? leaves(query.part) : [query];
}
