/**
 * A query as conditions of SQL over `runs r`. Values are always bound, never spelled out. A leaf that the index has a list
 * of docs for also says how to read that list, so that search-plan.ts can begin with the shortest.
 */
import type { SQLQueryBindings } from "bun:sqlite";
import type { FieldName } from "../query/fields.ts";
import type { Query, Range, Space } from "../query/query.ts";
import type { LabelFinder } from "./labels.ts";
import type { RunShapes } from "./run-shapes.ts";
import type { IndexWords } from "./search-words.ts";
import { textMatch } from "./text-match.ts";
import { globOf } from "./wildcard.ts";

export interface Sql {
  sql: string;
  values: SQLQueryBindings[];
}

export interface Condition extends Sql {
  /** A query of `doc`s that are exactly those that fulfil it. */
  docs?: Sql;
  /** Parameters and metrics: only a run that has one of these can fulfil it. */
  names?: readonly number[];
}

export interface ConditionContext {
  words: IndexWords;
  labels: LabelFinder;
  shapes: RunShapes;
  /** Who `me` is. */
  user: string;
  nowMs: number;
  /** How many runs there are. */
  runs(): number;
}

const never: Condition = { sql: "0", values: [] };
const list = (values: readonly unknown[]) => JSON.stringify(values);
const oneOf = "IN (SELECT value FROM json_each(?))";

function anyOf(conditions: readonly Condition[], joint: "AND" | "OR"): Condition {
  if (conditions.length === 0) return { sql: joint === "AND" ? "1" : "0", values: [] };
  if (conditions.length === 1 && conditions[0] !== undefined) return conditions[0];
  return {
    sql: `(${conditions.map(({ sql }) => `(${sql})`).join(` ${joint} `)})`,
    values: conditions.flatMap(({ values }) => values),
  };
}

/** A column of `runs` against words. One plain word may use the column's index, which is in the order of docs. */
function columnIs(column: string, values: readonly string[]): Condition {
  const plain = values.filter((value) => !value.includes("*"));
  const parts: Condition[] = [];
  const [first] = plain;
  if (plain.length === 1 && first !== undefined) {
    const docs = { sql: `SELECT doc FROM runs WHERE ${column} = ?`, values: [first] };
    parts.push({ sql: `r.${column} = ?`, values: [first], ...(values.length === 1 ? { docs } : {}) });
  } else if (plain.length > 1) {
    const docs = { sql: `SELECT doc FROM runs WHERE ${column} ${oneOf}`, values: [list(plain)] };
    parts.push({
      sql: `+r.${column} ${oneOf}`,
      values: [list(plain)],
      ...(plain.length === values.length ? { docs } : {}),
    });
  }
  for (const value of values)
    if (value.includes("*")) parts.push({ sql: `lower(r.${column}) GLOB ?`, values: [globOf(value.toLowerCase())] });
  return anyOf(parts, "OR");
}

/** As its column, but a pattern is the groups that it means, as far as these can be looked through: they have lists of runs. */
function groupIs(values: readonly string[], { words }: ConditionContext): Condition {
  const meant = values.map((value) => (value.includes("*") ? words.groupsLike(value) : [value]));
  const groups = meant.flatMap((some) => some ?? "*");
  return columnIs("grp", groups.some((group) => group.includes("*")) ? values : groups);
}

/** Runs with one of some labels. */
export function labelled(ids: readonly number[]): Condition {
  if (ids.length === 0) return never;
  const test = ids.length === 1 ? "= ?" : oneOf;
  const value = ids.length === 1 ? (ids[0] ?? 0) : list(ids);
  return {
    sql: `EXISTS (SELECT 1 FROM labels l WHERE l.label ${test} AND l.doc = r.doc)`,
    values: [value],
    docs: { sql: `SELECT ${ids.length === 1 ? "" : "DISTINCT "}doc FROM labels WHERE label ${test}`, values: [value] },
  };
}

function tagIs(values: readonly string[]): Condition {
  const parts = values.map((value): Condition => {
    const [test, bound] = value.includes("*") ? ["GLOB ?", globOf(value)] : ["= ?", value];
    return {
      sql: `EXISTS (SELECT 1 FROM tags t WHERE t.tag ${test} AND t.doc = r.doc)`,
      values: [bound],
      docs: { sql: `SELECT ${test === "= ?" ? "" : "DISTINCT "}doc FROM tags WHERE tag ${test}`, values: [bound] },
    };
  });
  return anyOf(parts, "OR");
}

function runIs(values: readonly string[]): Condition {
  const parts = values.map((value): Condition => {
    const from = value.replaceAll("*", "");
    const values = [from, `${from}\u{10ffff}`, from, `${from}\u{10ffff}`];
    return { sql: "(r.run_id >= ? AND r.run_id < ? OR r.tail >= ? AND r.tail < ?)", values };
  });
  return anyOf(parts, "OR");
}

const standing: Record<string, string> = {
  held: "r.held = 1 AND r.status = 'queued'",
  live: "r.live = 1",
  ended: "r.live = 0",
  damaged: "r.problem IS NOT NULL",
};

function word(field: FieldName, values: readonly string[], context: ConditionContext): Condition {
  switch (field) {
    case "status":
      return columnIs(
        "status",
        values.map((value) => value.toLowerCase()),
      );
    case "user":
      return columnIs(
        "user",
        values.map((value) => (value === "me" ? context.user : value)),
      );
    case "name":
      return columnIs("name", values);
    case "group":
      return groupIs(values, context);
    case "tag":
      return tagIs(values);
    case "run":
      return runIs(values);
    case "is":
      return anyOf(
        values.map((value) => ({ sql: standing[value.toLowerCase()] ?? "0", values: [] })),
        "OR",
      );
    default:
      return labelled(context.labels.find(field, values));
  }
}

/** Numbers that are equal as people see it: 1e-3 as one program prints it and 0.001 as another reads it. */
const tolerance = 1e-9;

function bounds(column: string, { low, lowOpen, high, highOpen }: Range): Sql {
  if (low !== null && low === high) {
    const slack = Math.abs(low) * tolerance;
    return { sql: `${column} BETWEEN ? AND ?`, values: [low - slack, low + slack] };
  }
  const parts: string[] = [];
  const values: number[] = [];
  if (low !== null) {
    parts.push(`${column} ${lowOpen ? ">" : ">="} ?`);
    values.push(low);
  }
  if (high !== null) {
    parts.push(`${column} ${highOpen ? "<" : "<="} ?`);
    values.push(high);
  }
  return { sql: parts.length === 0 ? `${column} IS NOT NULL` : parts.join(" AND "), values };
}

/** How the runs for which a test of facts holds are listed: along the table, or along an index by what the test is about. */
interface ListedBy {
  index?: "facts_by_number" | "facts_by_word";
  /** The same test, as the index knows it. */
  as?: Sql;
}

/**
 * Runs that have a fact of one of some names for which `test` (over `num` and `word`) holds. The `+` keeps SQLite from
 * testing one run along the index over numbers, where it would read all that are in the range (300 ms instead of 1).
 */
function fact(ids: readonly number[], test: Sql, { index, as = test }: ListedBy = {}): Condition {
  const from = index === undefined ? "facts" : `facts INDEXED BY ${index}`;
  const conditions = ids.map(
    (id): Condition => ({
      sql: `EXISTS (SELECT 1 FROM facts f WHERE f.name = ? AND f.doc = r.doc AND ${test.sql.replaceAll(/\bnum\b/g, "+num")})`,
      values: [id, ...test.values],
      // No `num IS NOT NULL` beside a bound: SQLite would begin at the first number and not at the bound.
      docs: { sql: `SELECT doc FROM ${from} WHERE name = ? AND ${as.sql}`, values: [id, ...as.values] },
    }),
  );
  const all = anyOf(conditions, "OR");
  if (conditions.length < 2) return conditions[0] ?? never;
  const docs = conditions.flatMap((one) => one.docs ?? []);
  return {
    ...all,
    docs: { sql: docs.map(({ sql }) => sql).join(" UNION "), values: docs.flatMap(({ values }) => values) },
  };
}

function number(query: Extract<Query, { kind: "number" }>, context: ConditionContext): Condition {
  const { space, name, range } = query;
  if (space === "field" && name === "priority") return { ...bounds("r.priority", range) };
  const found = fact(context.words.idsOf(space, name), bounds("num", range), { index: "facts_by_number" });
  if (space !== "field") return named(found, query, context);
  if (name !== "runtime") return found;
  // A run that still runs has run since its start.
  const started = fact(context.words.idsOf("field", "started"), bounds("(? - num) / 1000", range));
  const values = started.values.flatMap((value, at) => (at === 0 ? [value, ...clockValues(range, context.nowMs)] : []));
  return anyOf(
    [
      { sql: found.sql, values: found.values },
      { sql: `r.status = 'running' AND ${started.sql}`, values },
    ],
    "OR",
  );
}

/** The present before each bound, as `bounds("(? - num) / 1000")` wants them. */
function clockValues(range: Range, nowMs: number): number[] {
  const { values } = bounds("x", range);
  if (range.low !== null && range.low === range.high) return [nowMs, ...(values as number[])];
  return values.flatMap((value) => [nowMs, value as number]);
}

function value(query: Extract<Query, { kind: "value" }>, context: ConditionContext): Condition {
  const shown = "lower(coalesce(word, num))";
  const tests = query.values.map((wanted): Sql => {
    if (query.contains) return { sql: `instr(${shown}, ?) > 0`, values: [wanted.toLowerCase()] };
    if (wanted.includes("*")) return { sql: `${shown} GLOB ?`, values: [globOf(wanted.toLowerCase())] };
    return { sql: `${shown} = ?`, values: [wanted.toLowerCase()] };
  });
  const test = { sql: `(${tests.map(({ sql }) => sql).join(" OR ")})`, values: tests.flatMap(({ values }) => values) };
  return named(fact(context.words.idsOf(query.space, query.name), test, wordList(query)), query, context);
}

/** One whole word that is no number's spelling has its runs in the index over words, newest last. */
function wordList({ values, contains }: Extract<Query, { kind: "value" }>): ListedBy {
  const [word = ""] = values;
  if (contains || values.length !== 1 || word.includes("*") || /^-?(\d|inf$)/i.test(word)) return {};
  return { index: "facts_by_word", as: { sql: "word = ? COLLATE NOCASE", values: [word.toLowerCase()] } };
}

function named(
  condition: Condition,
  { space, name }: { space: Space; name: string },
  { words }: ConditionContext,
): Condition {
  return space === "field" ? condition : { ...condition, names: words.idsOf(space, name) };
}

function time({ field, from, to }: Extract<Query, { kind: "time" }>, context: ConditionContext): Condition {
  const range: Range = { low: from, lowOpen: false, high: to, highOpen: true };
  if (field !== "queued")
    return fact(context.words.idsOf("field", field), bounds("num", range), { index: "facts_by_number" });
  const plain = bounds("r.at", range);
  const docs = bounds("at", range);
  return { ...plain, docs: { sql: `SELECT doc FROM runs WHERE ${docs.sql}`, values: docs.values } };
}

export function conditionOf(query: Query, context: ConditionContext): Condition {
  const match = textMatch(query, context.words.synonyms);
  if (match !== null) return { sql: "r.doc IN (SELECT rowid FROM texts WHERE texts MATCH ?)", values: [match] };
  switch (query.kind) {
    case "and":
    case "or":
      return anyOf(
        query.parts.map((part) => conditionOf(part, context)),
        query.kind === "and" ? "AND" : "OR",
      );
    case "not": {
      const { sql, values } = conditionOf(query.part, context);
      // Not `NOT`: a run without a group is not of group x, and `NOT (NULL = 'x')` is no answer.
      return { sql: `(${sql}) IS NOT TRUE`, values };
    }
    case "word":
      return word(query.field, query.values, context);
    case "number":
      return number(query, context);
    case "value":
      return value(query, context);
    case "exists":
      return named(fact(context.words.idsOf(query.space, query.name), { sql: "1", values: [] }), query, context);
    case "time":
      return time(query, context);
    case "text":
      return never;
  }
}
