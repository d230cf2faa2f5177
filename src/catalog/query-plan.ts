/**
 * What every way of reading the index begins with (search-plan.ts, value-order.ts): the query as an expression of full text
 * and conditions, which of these has the fewest runs, and lists of runs joined with no more than they need.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Query, Sort } from "../query/query.ts";
import { type Condition, type ConditionContext, conditionOf, type Sql } from "./conditions.ts";
import { textMatch } from "./text-match.ts";

/** Lists up to this are read whole at once (measured at 10,000 runs: 500 read and tested take 2 ms). */
export const shortList = 500;

export interface Wanted {
  query: Query;
  sort: Sort | null;
  /** One more than is shown, to know whether there are more. */
  limit: number;
  /** Only runs older than this key. */
  before: number | null;
}

export interface Hit {
  doc: number;
  /** The value that the answer is sorted by; null by arrival. */
  by: number | null;
}

export interface Plan {
  /** Positive words at the top level, as one expression of full text. */
  match: string | null;
  others: Condition[];
  /** Lists that hold every hit and more, to begin with where they are short. */
  wider: Sql[];
  /** No run can fulfil all of it. */
  never: boolean;
  context: ConditionContext;
  database: Database;
  wanted: Wanted;
}

export const byArrival = (sort: Sort | null) => sort === null || (sort.space === "field" && sort.name === "newest");
export const byRank = (sort: Sort) => sort.space === "field" && sort.name === "relevance";

/** Names whose values an answer is sorted by. */
export function sortedBy({ space, name, best }: Sort, { words }: ConditionContext): number[] {
  return [...(best ? words.idsOf("metric", `best_${name}`) : []), ...words.idsOf(space, name)];
}

/** A run has one shape, so none comes twice. */
const shapedRuns = "SELECT doc FROM labels WHERE label IN (SELECT value FROM json_each(?))";

export function planOf(database: Database, wanted: Wanted, context: ConditionContext): Plan {
  const { query, sort } = wanted;
  const parts = query.kind === "and" ? query.parts : [query];
  const matches: string[] = [];
  const others: Condition[] = [];
  for (const part of parts) {
    const match = textMatch(part, context.words.synonyms);
    if (match === null) others.push(conditionOf(part, context));
    else matches.push(`(${match})`);
  }
  const named = others.flatMap(({ names }) => (names === undefined ? [] : [names]));
  if (sort !== null && sort.space !== "field") named.push(sortedBy(sort, context));
  const together = named.length < 2 ? null : context.shapes.having(named);
  return {
    ...{ match: matches.length === 0 ? null : matches.join(" AND "), others, context, database, wanted },
    wider: together === null ? [] : [{ sql: shapedRuns, values: [JSON.stringify(together)] }],
    never: together?.length === 0,
  };
}

export function rows({ database }: Plan, sql: string, values: readonly SQLQueryBindings[]): Hit[] {
  const found = database.query(sql).all(...values) as { doc: number; num?: number }[];
  return found.map(({ doc, num }) => ({ doc, by: num ?? null }));
}

export function where(conditions: readonly Sql[]): Sql {
  if (conditions.length === 0) return { sql: "1", values: [] };
  return {
    sql: conditions.map(({ sql }) => `(${sql})`).join(" AND "),
    values: conditions.flatMap(({ values }) => values),
  };
}

/** A list that holds every hit, but for the words, and what is left to test on it. */
export interface List {
  docs: Sql;
  rest: Condition[];
  size: number;
}

/**
 * The shortest list of at most `most` runs. Those of `from` are looked for first, then longer ones: to count the runs of a list
 * takes a tenth of testing them.
 */
export function shortest(plan: Plan, most: number, { from = shortList } = {}): List | null {
  for (let limit = Math.min(from, most); ; limit = limit * 8 > most ? most : limit * 4) {
    const list = shortestUpTo(plan, limit);
    if (list !== null || limit >= most) return list;
  }
}

function shortestUpTo({ others, wider, database }: Plan, most: number): List | null {
  let best: List | null = null;
  const lists = [
    ...others.map((one) => ({ docs: one.docs, rest: others.filter((other) => other !== one) })),
    ...wider.map((docs) => ({ docs, rest: others })),
  ];
  for (const { docs, rest } of lists) {
    if (docs === undefined) continue;
    const limit: number = best === null ? most + 1 : best.size;
    const row = database.query(`SELECT count(*) AS n FROM (${docs.sql} LIMIT ${limit})`).get(...docs.values);
    const size = (row as { n: number }).n;
    if (size < limit) best = { docs, rest, size };
  }
  return best;
}

/**
 * A list of docs as `r`, joined with the rows only where a test wants more of them than the key: reading a row costs ten
 * times what reading the list does. In the order of `doc` a list that is kept in that order is read no further than needed.
 */
export function listed(list: Sql, rest: Sql): { from: string; doc: string; of: string } {
  if (!/\br\.(?!doc\b)/.test(rest.sql)) return { from: `(${list.sql}) r`, doc: "r.doc", of: "r" };
  return { from: `(${list.sql}) d CROSS JOIN runs r ON r.doc = d.doc`, doc: "d.doc", of: "d" };
}

export const hitsOfWords = "SELECT rowid AS doc FROM texts WHERE texts MATCH ?";

/**
 * Of a list, the runs that the words are about. Both are read once in the order of `doc`, side by side: a run at a time costs
 * full text 60 to 110 us, a list of all its hits three times what reading them does.
 */
export function withWords({ match }: Plan, list: Sql): Sql {
  if (match === null) return list;
  return { sql: `SELECT doc FROM (${list.sql}) INTERSECT ${hitsOfWords}`, values: [...list.values, match] };
}
