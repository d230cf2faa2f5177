/**
 * How a search reads the index. Newest first is the order of the keys, so whatever is read in that order needs no sorting
 * and stops at the end of the page:
 *
 * 1. a condition with few runs is read whole, the others are tested on those
 * 2. words: full text gives its hits newest first, the others are tested on those
 * 3. the newest runs are tested one after the other; where they do not fill the page, and more of them would not soon, the
 *    condition with the fewest runs is read whole after all, or every run is tested where none of them is a list
 *
 * In the order of a value: value-order.ts.
 */
import type { Database } from "bun:sqlite";
import type { ConditionContext, Sql } from "./conditions.ts";
import {
  byArrival,
  byRank,
  type Hit,
  hitsOfWords,
  type List,
  listed,
  type Plan,
  planOf,
  rows,
  shortest,
  shortList,
  type Wanted,
  where,
  withWords,
} from "./query-plan.ts";
import { byValue } from "./value-order.ts";

/** Runs that are tested before a longer list is read. */
const testedFirst = 1000;
/** So many where the first have shown that these will do. */
const testedMost = 8000;

/** Hits in the wanted order, at most `limit`. */
export function search(database: Database, wanted: Wanted, context: ConditionContext): Hit[] {
  const plan = planOf(database, wanted, context);
  const { sort, before } = wanted;
  if (plan.never) return [];
  if (sort !== null && !byArrival(sort)) {
    if (!byRank(sort)) return byValue(plan, sort);
    if (plan.match !== null) return byRelevance(plan, plan.match);
  }
  const ascending = sort !== null && sort.name === "newest" && !sort.descending;
  const order = ascending ? "ASC" : "DESC";
  const page = before === null ? [] : [{ sql: `r.doc ${ascending ? ">" : "<"} ?`, values: [before] }];
  const way: Way = { page, order };
  const short = shortest(plan, shortList);
  if (short !== null) return fromList(plan, short, way);
  if (plan.match !== null) return fromWords(plan, plan.match, way);
  const first = fromFirst(plan, testedFirst, way);
  if (first !== null) return first;
  const list = shortest(plan, Math.floor(context.runs() / 2), { from: 4 * shortList });
  return list === null ? fromAll(plan, way) : fromList(plan, list, way);
}

interface Way {
  /** Where the page begins. */
  page: Sql[];
  order: "ASC" | "DESC";
}

function fromList(plan: Plan, { docs, rest: tests }: List, { page, order }: Way): Hit[] {
  const rest = where([...tests, ...page]);
  const list = withWords(plan, docs);
  const { from, doc } = listed(list, rest);
  const sql = `SELECT ${doc} AS doc FROM ${from} WHERE ${rest.sql} ORDER BY ${doc} ${order} LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, [...list.values, ...rest.values]);
}

function fromWords(plan: Plan, match: string, { page, order }: Way): Hit[] {
  const rest = where([...plan.others, ...page]);
  const { from, doc } = listed({ sql: hitsOfWords, values: [match] }, rest);
  const sql = `SELECT ${doc} AS doc FROM ${from} WHERE ${rest.sql} ORDER BY ${doc} ${order} LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, [match, ...rest.values]);
}

function fromAll(plan: Plan, { page, order }: Way): Hit[] {
  const rest = where([...plan.others, ...page]);
  const sql = `SELECT r.doc AS doc FROM runs r WHERE ${rest.sql} ORDER BY r.doc ${order} LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, rest.values);
}

/** The page, where it is among the first `most` runs, or where as many hits as there are among these let that be expected of a few more. */
function fromFirst(plan: Plan, most: number, { page, order }: Way): Hit[] | null {
  const { limit } = plan.wanted;
  const rest = where(plan.others);
  const begin = where(page);
  const columns = new Set(["doc", ...[...rest.sql.matchAll(/\br\.(\w+)/g)].map(([, column]) => column)]);
  const first = `SELECT ${[...columns]} FROM runs r WHERE ${begin.sql} ORDER BY doc ${order} LIMIT ${most}`;
  const sql = `SELECT r.doc AS doc FROM (${first}) r WHERE ${rest.sql} ORDER BY r.doc ${order} LIMIT ${limit}`;
  const found = rows(plan, sql, [...begin.values, ...rest.values]);
  if (found.length >= limit) return found;
  const needed = Math.ceil(((1.5 * limit) / found.length) * most);
  return needed <= testedMost && needed > most ? fromFirst(plan, needed, { page, order }) : null;
}

function everything(plan: Plan): Sql {
  const words =
    plan.match === null
      ? []
      : [{ sql: "r.doc IN (SELECT rowid FROM texts WHERE texts MATCH ?)", values: [plan.match] }];
  return where([...plan.others, ...words]);
}

/** How much a hit in a column weighs, in the order of textColumns: people's words before commands, logs last. */
const weights = [4, 6, 8, 3, 4, 3, 6, 8, 3, 6, 6, 4, 2, 3, 1];

function byRelevance(plan: Plan, match: string): Hit[] {
  const rest = where(plan.others);
  return rows(
    plan,
    `SELECT t.rowid AS doc, bm25(texts, ${weights.join(", ")}) AS num FROM texts t CROSS JOIN runs r ON r.doc = t.rowid
       WHERE t.texts MATCH ? AND ${rest.sql} ORDER BY num, t.rowid DESC LIMIT ${plan.wanted.limit}`,
    [match, ...rest.values],
  );
}

/** How many runs match in all; reads as many as there are. */
export function countAll(database: Database, wanted: Pick<Wanted, "query">, context: ConditionContext): number {
  const plan = planOf(database, { ...wanted, sort: null, limit: 0, before: null }, context);
  if (plan.never) return 0;
  const all = everything(plan);
  const row = database.query(`SELECT count(*) AS n FROM runs r WHERE ${all.sql}`).get(...all.values);
  return (row as { n: number }).n;
}
