/**
 * A search in the order of a value: a parameter, a metric or a measure of ours. Its index is in that order, so the first
 * values are tested one after the other, until the page is full or too many have been tried; then a short list is read and
 * sorted, or all values are. Runs that lack the value are left out; equal values come newest first.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { Sort } from "../query/query.ts";
import type { Sql } from "./conditions.ts";
import {
  type Hit,
  hitsOfWords,
  type List,
  listed,
  type Plan,
  rows,
  shortest,
  shortList,
  sortedBy,
  where,
  withWords,
} from "./query-plan.ts";

/** Values that are tested before a longer list is read. */
const testedFirst = 1000;
/** Words with up to so many hits are a list like any other. */
const fewHits = 2000;
/** Where words have more, one in so many runs has its value tried: to put these in the order of `doc` has its price. */
const triedWithWords = 25;

interface Along {
  /** Of the names whose values count. */
  ids: readonly number[];
  descending: boolean;
}

export function byValue(plan: Plan, sort: Sort): Hit[] {
  const along: Along = { ids: sortedBy(sort, plan.context), descending: sort.descending };
  const runs = plan.context.runs();
  const few = shortest(plan, plan.match === null ? shortList : Math.max(shortList, Math.floor(runs / 20)));
  if (few !== null) return listByValue(plan, { ...few, docs: withWords(plan, few.docs) }, along);
  if (plan.match !== null) return wordsByValue(plan, plan.match, along);
  const first = along.ids.map((id) => firstOf(plan, id, along));
  // Where the first do not fill the page, what is looked for may be rare or nowhere among them.
  if (first.every((hits) => hits.length >= plan.wanted.limit)) return merged(plan, first, along);
  const list = shortest(plan, Math.floor(runs / 2), { from: 4 * shortList });
  if (list !== null) return listByValue(plan, list, along);
  return inTurn(plan, along, (id, worst) => valuesOf(plan, id, { worst }, along));
}

/** The `+` keeps SQLite from going through all numbers of the name for each run. */
function listByValue(plan: Plan, list: Pick<List, "docs" | "rest">, along: Along): Hit[] {
  const { docs } = list;
  const rest = where(list.rest);
  const [pick, order] = along.descending ? ["max", "DESC"] : ["min", "ASC"];
  const { from, doc } = listed(docs, rest);
  const [id] = along.ids;
  const one = along.ids.length === 1 && id !== undefined;
  const name = one ? "= ?" : "IN (SELECT value FROM json_each(?))";
  const sql = `SELECT ${doc} AS doc, ${one ? "f.num" : `${pick}(f.num)`} AS num FROM ${from}
    CROSS JOIN facts f ON f.doc = ${doc} AND f.name ${name} AND +f.num IS NOT NULL
    WHERE ${rest.sql} ${one ? "" : `GROUP BY ${doc}`} ORDER BY num ${order}, ${doc} DESC LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, [...docs.values, one ? id : JSON.stringify(along.ids), ...rest.values]);
}

/** Full text has no order by value. A word with few hits is a list; of any other the best values are tried before all are. */
function wordsByValue(plan: Plan, match: string, along: Along): Hit[] {
  const hits: Sql = { sql: hitsOfWords, values: [match] };
  const count = plan.database.query(`SELECT count(*) AS n FROM (${hits.sql} LIMIT ${fewHits + 1})`).get(match);
  if ((count as { n: number }).n <= fewHits) return listByValue(plan, { docs: hits, rest: plan.others }, along);
  const best = bestOfWords(plan, hits, along);
  if (best !== null) return best;
  return inTurn(plan, along, (id, worst) => valuesOf(plan, id, { worst, among: hits }, along));
}

/** The page among the best values of all names, for which full text is read once; null where it is not there, or these are too many. */
function bestOfWords(plan: Plan, hits: Sql, along: Along): Hit[] | null {
  const [first] = along.ids;
  if (first === undefined) return null;
  const most = Math.max(testedFirst, Math.floor(plan.context.runs() / triedWithWords));
  const worst = nthValue(plan.database, first, { ...along, at: most });
  const lists = along.ids.map((id) => valuesNoWorse(id, worst, along));
  for (const { sql, values } of lists) {
    const beyond = plan.database.query(`SELECT 1 FROM (${sql}) LIMIT 1 OFFSET ${2 * most}`).get(...values);
    if (beyond !== null) return null;
  }
  const all = lists.map(({ sql }) => `SELECT doc FROM (${sql})`).join(" UNION ALL ");
  const values = lists.flatMap((list) => list.values);
  const found = rows(plan, `SELECT doc FROM (${all}) INTERSECT ${hits.sql}`, [...values, ...hits.values]);
  if (found.length < plan.wanted.limit) return null;
  const among: Sql = {
    sql: "SELECT value FROM json_each(?)",
    values: [JSON.stringify(found.map(({ doc }) => doc))],
  };
  const page = inTurn(plan, along, (id, bound) => valuesOf(plan, id, { worst: bound ?? worst, among }, along));
  return page.length < plan.wanted.limit ? null : page;
}

/** The page over several names. `ofName` gives a page of one, and need not look at what is worse than a whole page of those before. */
function inTurn(plan: Plan, along: Along, ofName: (id: number, worst: number | null) => Hit[]): Hit[] {
  let found: Hit[] = [];
  for (const id of along.ids) {
    const worst = found.length < plan.wanted.limit ? null : (found.at(-1)?.by ?? null);
    found = merged(plan, [found, ofName(id, worst)], along);
  }
  return found;
}

/** Of the first values of a name, those of runs that fulfil the rest; equal values newest first. */
function firstOf(plan: Plan, id: number, along: Along): Hit[] {
  return pageOf(plan, firstValues(plan.database, id, along), along);
}

interface Among {
  /** Only values that are no worse. */
  worst: number | null;
  /** Only runs of this list. */
  among?: Sql;
}

/** The page by one name. Whether a run is among some is told before its row is looked at: a row costs ten times as much. */
function valuesOf(plan: Plan, id: number, { worst, among }: Among, along: Along): Hit[] {
  const list = valuesNoWorse(id, worst, along);
  if (among === undefined) return pageOf(plan, list, along);
  const sql = `${list.sql} AND +doc IN (${among.sql})`;
  return pageOf(plan, { sql, values: [...list.values, ...among.values] }, along);
}

function pageOf(plan: Plan, list: Sql, { descending }: Along): Hit[] {
  const rest = where(plan.others);
  const { from, doc, of } = listed(list, rest);
  const sql = `SELECT ${doc} AS doc, ${of}.num AS num FROM ${from}
    WHERE ${rest.sql} ORDER BY ${of}.num ${descending ? "DESC" : "ASC"}, ${doc} DESC LIMIT ${plan.wanted.limit}`;
  return rows(plan, sql, [...list.values, ...rest.values]);
}

const valuesWhere = (test: string, values: SQLQueryBindings[]): Sql => ({
  sql: `SELECT doc, num FROM facts INDEXED BY facts_by_number WHERE name = ? AND ${test}`,
  values,
});

function valuesNoWorse(id: number, worst: number | null, { descending }: Along): Sql {
  if (worst === null) return valuesWhere("num IS NOT NULL", [id]);
  return valuesWhere(`num ${descending ? ">=" : "<="} ?`, [id, worst]);
}

/** Which value is at that place, from 1; null where there are fewer. */
function nthValue(database: Database, id: number, { descending, at }: Along & { at: number }): number | null {
  const { sql } = valuesWhere("num IS NOT NULL", [id]);
  const nth = database.query(`${sql} ORDER BY num ${descending ? "DESC" : "ASC"} LIMIT 1 OFFSET ${at - 1}`).get(id);
  return (nth as { num: number } | null)?.num ?? null;
}

/**
 * The index has equal values oldest first. Read backwards that is the wanted order; read forwards, the last of the values that
 * are read may have more runs than were read of it, and the newest of all of these are taken.
 */
function firstValues(database: Database, id: number, along: Along): Sql {
  const most = testedFirst;
  const all = valuesWhere("num IS NOT NULL", [id]);
  if (along.descending) return { ...all, sql: `${all.sql} ORDER BY num DESC, doc DESC LIMIT ${most}` };
  const last = nthValue(database, id, { ...along, at: most });
  if (last === null) return all;
  const below = valuesWhere("num < ?", [id, last]);
  const equal = valuesWhere("num = ?", [id, last]);
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
