/**
 * How a search reads the index. Newest first is the order of the keys, so whatever is read in that order needs no sorting
 * and stops at the end of the page:
 *
 * 1. a condition with few runs is read whole, the others are tested on those
 * 2. words: full text gives its hits newest first, the others are tested on those
 * 3. the newest runs are tested one after the other; where they do not fill the page, the condition with the fewest runs
 *    is read whole after all, or every run is tested where none of them is a list
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Query, Sort } from "../query/query.ts";
import { type Condition, type ConditionContext, conditionOf, type Sql } from "./conditions.ts";
import { textMatch } from "./text-match.ts";

/** Lists up to this are read whole at once (measured at 10,000 runs: 500 read and tested take 2 ms). */
const shortList = 500;
/** Runs that are tested before a longer list is read. */
const testedFirst = 1000;
/** Up to so many runs, each is asked for the words; beyond that the words give their hits. */
const probedRuns = 300;

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

interface Plan {
  /** Positive words at the top level, as one expression of full text. */
  match: string | null;
  others: Condition[];
  context: ConditionContext;
  database: Database;
  wanted: Wanted;
}

function planOf(database: Database, wanted: Wanted, context: ConditionContext): Plan {
  const { query } = wanted;
  const parts = query.kind === "and" ? query.parts : [query];
  const matches: string[] = [];
  const others: Condition[] = [];
  for (const part of parts) {
    const match = textMatch(part, context.words.synonyms);
    if (match === null) others.push(conditionOf(part, context));
    else matches.push(`(${match})`);
  }
  return { match: matches.length === 0 ? null : matches.join(" AND "), others, context, database, wanted };
}

function rows(plan: Plan, sql: string, values: readonly SQLQueryBindings[]): Hit[] {
  const found = plan.database.query(sql).all(...values) as { doc: number; num?: number }[];
  return found.map(({ doc, num }) => ({ doc, by: num ?? null }));
}

function where(conditions: readonly Sql[]): Sql {
  if (conditions.length === 0) return { sql: "1", values: [] };
  return {
    sql: conditions.map(({ sql }) => `(${sql})`).join(" AND "),
    values: conditions.flatMap(({ values }) => values),
  };
}

/** The condition with the fewest runs, where these are at most `most`. */
function shortest(plan: Plan, most: number): { condition: Condition; size: number } | null {
  let best: { condition: Condition; size: number } | null = null;
  for (const condition of plan.others) {
    if (condition.docs === undefined) continue;
    const { sql, values } = condition.docs;
    const limit: number = best === null ? most + 1 : best.size;
    const row = plan.database.query(`SELECT count(*) AS n FROM (${sql} LIMIT ${limit})`).get(...values);
    const size = (row as { n: number }).n;
    if (size < limit) best = { condition, size };
  }
  return best;
}

const byArrival = (sort: Sort | null) => sort === null || (sort.space === "field" && sort.name === "newest");

/** Hits in the wanted order, at most `limit`. */
export function search(database: Database, wanted: Wanted, context: ConditionContext): Hit[] {
  const plan = planOf(database, wanted, context);
  const { sort } = wanted;
  if (!byArrival(sort) && sort !== null) {
    if (sort.name === "relevance" && sort.space === "field") {
      if (plan.match !== null) return byRelevance(plan, plan.match);
    } else return byValue(plan, sort);
  }
  const ascending = sort !== null && sort.name === "newest" && !sort.descending;
  const order = ascending ? "ASC" : "DESC";
  const page = wanted.before === null ? [] : [{ sql: `r.doc ${ascending ? ">" : "<"} ?`, values: [wanted.before] }];
  const way: Way = { page, order };
  const short = shortest(plan, shortList);
  if (short !== null) return fromList(plan, short, way);
  if (plan.match !== null) return fromWords(plan, plan.match, way);
  const before = wanted.before ?? Number.MAX_SAFE_INTEGER;
  const cutoff = database
    .query(`SELECT doc FROM runs WHERE doc < ? ORDER BY doc DESC LIMIT 1 OFFSET ${testedFirst}`)
    .get(before) as { doc: number } | null;
  if (cutoff === null || ascending) return fromAll(plan, way);
  const newest = fromAll(plan, { order, page: [...page, { sql: "r.doc > ?", values: [cutoff.doc] }] });
  if (newest.length >= wanted.limit) return newest;
  const list = shortest(plan, Math.floor(context.runs() / 2));
  return list === null ? fromAll(plan, way) : fromList(plan, list, way);
}

interface Way {
  /** Where the page begins. */
  page: Sql[];
  order: "ASC" | "DESC";
}

/**
 * A list of docs as `r`, joined with the rows only where a test wants more of them than the key: reading a row costs ten
 * times what reading the list does. In the order of `doc` a list that is kept in that order is read no further than needed.
 */
function listed(list: Sql, rest: Sql): { from: string; doc: string; of: string } {
  if (!/\br\.(?!doc\b)/.test(rest.sql)) return { from: `(${list.sql}) r`, doc: "r.doc", of: "r" };
  return { from: `(${list.sql}) d CROSS JOIN runs r ON r.doc = d.doc`, doc: "d.doc", of: "d" };
}

function fromList(plan: Plan, list: { condition: Condition; size: number }, { page, order }: Way): Hit[] {
  const { condition, size } = list;
  const rest = where([...plan.others.filter((one) => one !== condition), ...page, ...wordTest(plan, size)]);
  const docs = condition.docs ?? condition;
  const { from, doc } = listed(docs, rest);
  const sql = `SELECT ${doc} AS doc FROM ${from} WHERE ${rest.sql} ORDER BY ${doc} ${order} LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, [...docs.values, ...rest.values]);
}

function fromWords(plan: Plan, match: string, { page, order }: Way): Hit[] {
  const rest = where([...plan.others, ...page]);
  return rows(
    plan,
    `SELECT t.rowid AS doc FROM texts t CROSS JOIN runs r ON r.doc = t.rowid
       WHERE t.texts MATCH ? AND ${rest.sql} ORDER BY t.rowid ${order} LIMIT ${plan.wanted.limit}`,
    [match, ...rest.values],
  );
}

function fromAll(plan: Plan, { page, order }: Way): Hit[] {
  const rest = where([...plan.others, ...page]);
  const sql = `SELECT r.doc AS doc FROM runs r WHERE ${rest.sql} ORDER BY r.doc ${order} LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, rest.values);
}

/** The words as a test on runs that another condition gives. */
function wordTest({ match }: Plan, runs: number): Sql[] {
  if (match === null) return [];
  if (runs <= probedRuns)
    return [{ sql: "EXISTS (SELECT 1 FROM texts WHERE texts MATCH ? AND rowid = r.doc)", values: [match] }];
  return [{ sql: "r.doc IN (SELECT rowid FROM texts WHERE texts MATCH ?)", values: [match] }];
}

function everything(plan: Plan, but: Condition | null = null): Sql {
  const text =
    plan.match === null
      ? []
      : [{ sql: "r.doc IN (SELECT rowid FROM texts WHERE texts MATCH ?)", values: [plan.match] }];
  return where([...plan.others.filter((one) => one !== but), ...text]);
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

interface Along {
  /** Of the names whose values count. */
  ids: readonly number[];
  descending: boolean;
}

/** In the order of a value; runs that lack it are left out. Equal values newest first. */
function byValue(plan: Plan, sort: Sort): Hit[] {
  const { words } = plan.context;
  const ids = [...(sort.best ? words.idsOf("metric", `best_${sort.name}`) : []), ...words.idsOf(sort.space, sort.name)];
  const along: Along = { ids, descending: sort.descending };
  const few = shortest(plan, Math.max(shortList, Math.floor(plan.context.runs() / 20)));
  if (few !== null) return listByValue(plan, few.condition, along);
  // As by arrival: where the first do not fill the page, what is looked for may be rare or nowhere among them.
  // Not with words: all their hits are read for each attempt, which costs more than the attempt.
  if (plan.match === null) {
    const first = ids.map((id) => firstOf(plan, id, along));
    if (first.every((hits) => hits.length >= plan.wanted.limit)) return merged(plan, first, along);
    const list = shortest(plan, Math.floor(plan.context.runs() / 2));
    if (list !== null) return listByValue(plan, list.condition, along);
  }
  let found: Hit[] = [];
  for (const id of ids) {
    // What is no better than a whole page of another name is not read.
    const worst = found.length < plan.wanted.limit ? null : (found.at(-1)?.by ?? null);
    found = merged(plan, [found, allOf(plan, id, { ...along, worst })], along);
  }
  return found;
}

/** The `+` keeps SQLite from going through all numbers of the name for each run. */
function listByValue(plan: Plan, condition: Condition, along: Along): Hit[] {
  const { docs } = condition;
  const list = docs ?? { sql: "SELECT doc FROM runs", values: [] };
  const rest = everything(plan, docs === undefined ? null : condition);
  const [pick, order] = along.descending ? ["max", "DESC"] : ["min", "ASC"];
  const { from, doc } = listed(list, rest);
  const [id] = along.ids;
  const one = along.ids.length === 1 && id !== undefined;
  const name = one ? "= ?" : "IN (SELECT value FROM json_each(?))";
  const sql = `SELECT ${doc} AS doc, ${one ? "f.num" : `${pick}(f.num)`} AS num FROM ${from}
    CROSS JOIN facts f ON f.doc = ${doc} AND f.name ${name} AND +f.num IS NOT NULL
    WHERE ${rest.sql} ${one ? "" : `GROUP BY ${doc}`} ORDER BY num ${order}, ${doc} DESC LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, [...list.values, one ? id : JSON.stringify(along.ids), ...rest.values]);
}

/** Of the first values of a name, those of runs that fulfil the rest; equal values newest first. */
function firstOf(plan: Plan, id: number, along: Along): Hit[] {
  return valuesOf(plan, { list: firstValues(plan.database, id, along), rest: where(plan.others) }, along);
}

/**
 * The same of all values that are no worse than `worst`. Hits of the words are told apart before a row is looked at: a
 * row costs ten times as much.
 */
function allOf(plan: Plan, id: number, along: Along & { worst: number | null }): Hit[] {
  const { worst, descending } = along;
  const [test, values] = worst === null ? ["num IS NOT NULL", []] : [`num ${descending ? ">=" : "<="} ?`, [worst]];
  const list = valuesWhere(test, [id, ...values]);
  if (plan.match !== null) {
    list.sql += " AND +doc IN (SELECT rowid FROM texts WHERE texts MATCH ?)";
    list.values.push(plan.match);
  }
  return valuesOf(plan, { list, rest: where(plan.others) }, along);
}

function valuesOf(plan: Plan, { list, rest }: { list: Sql; rest: Sql }, { descending }: Along): Hit[] {
  const { from, doc, of } = listed(list, rest);
  const sql = `SELECT ${doc} AS doc, ${of}.num AS num FROM ${from}
    WHERE ${rest.sql} ORDER BY ${of}.num ${descending ? "DESC" : "ASC"}, ${doc} DESC LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, [...list.values, ...rest.values]);
}

const valuesWhere = (test: string, values: SQLQueryBindings[]): Sql => ({
  sql: `SELECT doc, num FROM facts INDEXED BY facts_by_number WHERE name = ? AND ${test}`,
  values,
});

/**
 * The index has equal values oldest first. Read backwards that is the wanted order; read forwards, the last of the values that
 * are read may have more runs than were read of it, and the newest of all of these are taken.
 */
function firstValues(database: Database, id: number, { descending }: Along): Sql {
  const most = testedFirst;
  const all = valuesWhere("num IS NOT NULL", [id]);
  if (descending) return { ...all, sql: `${all.sql} ORDER BY num DESC, doc DESC LIMIT ${most}` };
  const last = database.query(`${all.sql} ORDER BY num LIMIT 1 OFFSET ${most - 1}`).get(id) as { num: number } | null;
  if (last === null) return all;
  const below = valuesWhere("num < ?", [id, last.num]);
  const equal = valuesWhere("num = ?", [id, last.num]);
  return {
    sql: `${below.sql} UNION ALL SELECT * FROM (${equal.sql} ORDER BY doc DESC LIMIT ${most})`,
    values: [...below.values, ...equal.values],
  };
}

/** A run that comes twice counts where it comes first. */
function merged(plan: Plan, lists: readonly Hit[][], { descending }: Along): Hit[] {
  const seen = new Set<number>();
  const sign = descending ? -1 : 1;
  return lists
    .flat()
    .sort((a, b) => sign * ((a.by ?? 0) - (b.by ?? 0)) || b.doc - a.doc)
    .filter(({ doc }) => !seen.has(doc) && seen.add(doc))
    .slice(0, plan.wanted.limit);
}

/** How many runs match in all; reads as many as there are. */
export function countAll(database: Database, wanted: Pick<Wanted, "query">, context: ConditionContext): number {
  const plan = planOf(database, { ...wanted, sort: null, limit: 0, before: null }, context);
  const all = everything(plan);
  const row = database.query(`SELECT count(*) AS n FROM runs r WHERE ${all.sql}`).get(...all.values);
  return (row as { n: number }).n;
}
