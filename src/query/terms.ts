/**
 * What one term means: `status:failed`, `since:7d`, `lr>=1e-3`, `note~warmup`, `sort:best:val_acc`. A name that is neither
 * a field nor a known parameter or metric is an error that suggests the nearest one.
 */
import { nearest } from "../core/nearest.ts";
import { badSearch } from "./bad-search.ts";
import {
  type Field,
  type FieldName,
  fieldOf,
  fields,
  fieldWords,
  presences,
  textOfWord,
  viewFields,
} from "./fields.ts";
import { anyNumber, rangeOf, readNumber, readRange, type Unit } from "./numbers.ts";
import type { Query, Range, Sort, Space } from "./query.ts";
import { namedTimes, type Present, readSpan } from "./times.ts";
import type { Term } from "./tokens.ts";

/** Which names exist. `-` counts as `_` and case does not count. */
export interface Vocabulary {
  isParameter(name: string): boolean;
  isMetric(name: string): boolean;
  /** All of both, for suggestions. */
  names(): Iterable<string>;
  /** True where of two values of the metric the smaller is the better. */
  lessIsBetter(name: string): boolean;
}

export interface TermContext {
  /** The whole search, for errors. */
  text: string;
  vocabulary: Vocabulary;
  present: Present;
}

export type TermMeaning = { query: Query } | { sort: Sort } | { limit: number };

const any = (parts: Query[]): Query =>
  parts.length === 1 && parts[0] !== undefined ? parts[0] : { kind: "or", parts };
const not = (part: Query): Query => ({ kind: "not", part });

function bad(term: Term, context: TermContext, sentence: string, hint?: string): never {
  throw badSearch(context.text, sentence, { at: term.at, length: term.text.length, hint });
}

function badValue(term: Term, context: TermContext, sentence: string, hint?: string): never {
  const length = term.end - term.valueAt;
  throw badSearch(context.text, sentence, { at: term.valueAt, length, hint });
}

/** Throws MlError `usage` naming the place. */
export function readTerm(term: Term, context: TermContext): TermMeaning {
  const lower = term.name.toLowerCase();
  if (lower === "sort") return { sort: readSort(term, context) };
  if (lower === "limit") return { limit: readLimit(term, context) };
  if (term.sign === "!=" || term.sign === "!~") {
    const plain: Term = { ...term, sign: term.sign === "!=" ? "=" : "~" };
    return { query: not(readCondition(plain, context)) };
  }
  return { query: readCondition(term, context) };
}

function readLimit(term: Term, context: TermContext): number {
  const value = Number(term.value);
  if (Number.isInteger(value) && value >= 1 && value <= 1000) return value;
  return badValue(term, context, `\`limit\` is a whole number from 1 to 1000, not \`${term.value}\``);
}

function readSort(term: Term, context: TermContext): Sort {
  const [, sign = "", best = "", name = ""] = /^([-+]?)(best:|worst:)?(.+)$/.exec(term.value) ?? [];
  if (name === "newest" || name === "oldest" || name === "relevance")
    return { space: "field", name: name === "oldest" ? "newest" : name, descending: name !== "oldest", best: false };
  const target = resolveName(name, context, () => ({ at: term.valueAt, length: term.end - term.valueAt }));
  if (target.kind === "field" && target.field.kind !== "number")
    return badValue(
      term,
      context,
      `\`${name}\` is nothing that has an order`,
      "sort by a metric, a parameter or `runtime`",
    );
  const space = target.kind === "field" ? "field" : target.space;
  const bare = target.name;
  const up = context.vocabulary.lessIsBetter(bare);
  // `-` and `+` beside `best:` are how an answer echoes the direction that it took.
  if (best !== "" && sign === "") return { space, name: bare, descending: best === "best:" ? !up : up, best: true };
  if (best !== "") return { space, name: bare, descending: sign === "-", best: true };
  return { space, name: bare, descending: sign === "-", best: false };
}

type Target =
  | { kind: "field"; name: FieldName; field: Field }
  | { kind: "named"; name: string; space: Exclude<Space, "field"> };

function resolveName(typed: string, context: TermContext, place: () => { at: number; length: number }): Target {
  const { vocabulary } = context;
  const spaced = /^(param|metric)\.(.+)$/.exec(typed);
  if (spaced !== null) return { kind: "named", name: spaced[2] ?? "", space: spaced[1] as "param" | "metric" };
  const field = fieldOf(typed);
  if (field !== null) return { kind: "field", name: field, field: fields[field] };
  if (vocabulary.isParameter(typed) || vocabulary.isMetric(typed))
    return { kind: "named", name: typed, space: "either" };
  const near = nearest(typed.replaceAll("-", "_"), [...fieldWords(), ...vocabulary.names()]);
  throw badSearch(context.text, `there is no field, parameter or metric \`${typed}\``, {
    ...place(),
    hint:
      near === null
        ? "put it in quotes to look for the words, or see `ml help find`"
        : `did you mean \`${near}\`? Quotes make it plain words`,
  });
}

function readCondition(term: Term, context: TermContext): Query {
  const target = resolveName(term.name, context, () => ({ at: term.at, length: term.name.length }));
  if (target.kind === "named") return readNamed(term, target, context);
  const { name, field } = target;
  if (field.kind === "time") return readTime(term, name, context);
  if (field.kind === "number") return readMeasure(term, { name, unit: field.unit ?? "plain" }, context);
  if (field.kind === "text") return readText(term, name, context);
  return readWord(term, name, context);
}

const values = (term: Term): string[] =>
  term.quoted ? [term.value] : term.value.split(",").filter((part) => part !== "");

function readWord(term: Term, name: FieldName, context: TermContext): Query {
  const { sign } = term;
  if (sign !== ":" && sign !== "=" && sign !== "~")
    return bad(
      term,
      context,
      `\`${name}\` has no order, so \`${sign}\` says nothing about it`,
      `write \`${name}:VALUE\``,
    );
  const column = textOfWord[name];
  if (sign === "~" && column !== undefined) return any(values(term).map((word) => textOf(column, word)));
  const wanted = values(term).map((value) => (sign === "~" ? `*${value}*` : value));
  if (wanted.length === 0) return badValue(term, context, `\`${name}\` has no value`);
  const field: Field = fields[name];
  if (field.values !== undefined) {
    for (const value of wanted) {
      if (value.includes("*") || field.values.includes(value.toLowerCase())) continue;
      const near = nearest(value.toLowerCase(), field.values);
      return badValue(
        term,
        context,
        name === "has" ? `\`${value}\` is nothing that a run has` : `there is no ${name} \`${value}\``,
        near === null ? `it is one of ${field.values.join(", ")}` : `did you mean \`${name}:${near}\`?`,
      );
    }
  }
  if (wanted.length === 1 && wanted[0] === "*" && presences.includes(name))
    return { kind: "word", field: "has", values: [name] };
  return { kind: "word", field: name, values: wanted };
}

function textOf(column: string, words: string): Query {
  const prefix = words.endsWith("*") && words.length > 1;
  return { kind: "text", column, words: prefix ? words.slice(0, -1) : words, prefix };
}

function readText(term: Term, column: string, context: TermContext): Query {
  if (term.sign !== ":" && term.sign !== "~" && term.sign !== "=")
    return bad(
      term,
      context,
      `\`${column}\` is text, so \`${term.sign}\` says nothing about it`,
      `write \`${column}~WORD\``,
    );
  if (term.value === "*") return { kind: "word", field: "has", values: [column] };
  const parts = values(term).map((words) => textOf(column, words));
  for (const part of parts) if (part.kind === "text") requireWord(part.words, term, context);
  return any(parts);
}

/** Full text looks for letters and digits; a search for `%%` would find nothing and not say why. */
export function requireWord(words: string, place: { at: number; end: number }, context: TermContext): void {
  if (/[\p{L}\p{N}]/u.test(words)) return;
  throw badSearch(context.text, "there is no letter or digit to look for", {
    at: place.at,
    length: place.end - place.at,
  });
}

function readTime(term: Term, name: FieldName, context: TermContext): Query {
  const { sign, value } = term;
  const dots = value.indexOf("..");
  const spanOf = (text: string) =>
    readSpan(text, context.present) ??
    badValue(
      term,
      context,
      `\`${text}\` is no time`,
      `write it like \`7d\`, \`2026-03\`, \`2026-03-01\`, \`monday\`, \`march\`, or one of ${namedTimes.join(", ")}`,
    );
  const field = name === "started" || name === "ended" ? name : "queued";
  if (dots >= 0) {
    const from = value.slice(0, dots) === "" ? null : spanOf(value.slice(0, dots)).from;
    const to = value.slice(dots + 2) === "" ? null : spanOf(value.slice(dots + 2)).to;
    return { kind: "time", field, from, to };
  }
  const span = spanOf(value);
  if (sign === "~") return bad(term, context, `\`${name}\` is a time and has no words`);
  if (sign === ">=" || name === "since") return { kind: "time", field, from: span.from, to: null };
  if (sign === ">" || name === "after") return { kind: "time", field, from: span.to, to: null };
  if (sign === "<" || name === "before") return { kind: "time", field, from: null, to: span.from };
  // `until:7d` ends seven days ago, not now.
  const ago = span.to === context.present.nowMs && /^\d/.test(value) && !/^\d{4}(-|$)/.test(value);
  if (sign === "<=" || name === "until") return { kind: "time", field, from: null, to: ago ? span.from : span.to };
  return { kind: "time", field, from: span.from, to: span.to };
}

function readMeasure(term: Term, { name, unit }: { name: string; unit: Unit }, context: TermContext): Query {
  if (term.sign === "~") return bad(term, context, `\`${name}\` is a number and has no words`);
  if (term.value === "*") return { kind: "exists", space: "field", name };
  const ranges = values(term).map((value) => rangeIn(term, value, unit));
  const wrong = ranges.indexOf(null);
  if (wrong >= 0) {
    const example = { seconds: "`4h` or `90s`", gb: "`24GB`", bytes: "`2GB`", percent: "`80%`", plain: "`3`" }[unit];
    return badValue(
      term,
      context,
      `\`${name}\` is a number, not \`${values(term)[wrong]}\``,
      `write it like ${example}`,
    );
  }
  return any(ranges.map((range) => ({ kind: "number", space: "field", name, range: range ?? anyNumber })));
}

function rangeIn(term: Term, value: string, unit: Unit): Range | null {
  if (term.sign === ":" || term.sign === "=") return readRange(value, unit);
  const number = readNumber(value, unit);
  return number === null ? null : rangeOf(term.sign as "<", number);
}

/** A parameter or metric: a number is compared as one, everything else as text. */
function readNamed(term: Term, target: Extract<Target, { kind: "named" }>, context: TermContext): Query {
  const { name, space } = target;
  if (term.value === "*" && !term.quoted) return { kind: "exists", space, name };
  if (term.sign === "~") return { kind: "value", space, name, values: values(term), contains: true };
  const equal = term.sign === ":" || term.sign === "=";
  const parts = values(term).map((value): Query => {
    const range = term.quoted ? null : rangeIn(term, value, "plain");
    if (range !== null) return { kind: "number", space, name, range };
    if (equal) return { kind: "value", space, name, values: [value], contains: false };
    return badValue(term, context, `\`${name}${term.sign}\` wants a number, not \`${value}\``);
  });
  return any(parts);
}

/** Names that are kept for how the answer is shown. */
export function isViewField(name: string): boolean {
  return (viewFields as readonly string[]).includes(name.toLowerCase());
}
