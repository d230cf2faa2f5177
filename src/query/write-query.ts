/** A query back as text, in the one way in which it is echoed: what is printed can be typed, and means the same. */
import { fields } from "./fields.ts";
import type { Query, Range, ReadQuery, Sort, Space } from "./query.ts";
import { momentText, type Present } from "./times.ts";

const inQuotes = (value: string) => `"${value.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;

function quoted(value: string): string {
  return /^[^\s()",|&!:=<>~-][^\s()",:=<>~!]*$/.test(value) && !/^(and|or|not)$/i.test(value) ? value : inQuotes(value);
}

function spaced(space: Space, name: string): string {
  return space === "param" || space === "metric" ? `${space}.${name}` : name;
}

function numberText(value: number, name: string): string {
  const field = (fields as Record<string, { unit?: string }>)[name];
  if (field?.unit === "seconds" && value > 0) {
    for (const [unit, length] of [
      ["d", 86400],
      ["h", 3600],
      ["m", 60],
    ] as const)
      if (value % length === 0) return `${value / length}${unit}`;
    return `${value}s`;
  }
  return String(value);
}

function rangeText(name: string, { low, lowOpen, high, highOpen }: Range, plain: string): string {
  const show = (value: number) => numberText(value, plain);
  if (low !== null && low === high) return `${name}:${show(low)}`;
  if (low !== null && high !== null && !lowOpen && !highOpen) return `${name}:${show(low)}..${show(high)}`;
  const parts: string[] = [];
  if (low !== null) parts.push(`${name}${lowOpen ? ">" : ">="}${show(low)}`);
  if (high !== null) parts.push(`${name}${highOpen ? "<" : "<="}${show(high)}`);
  return parts.join(" ");
}

function timeText({ field, from, to }: Extract<Query, { kind: "time" }>, present: Present): string {
  const isMidnight = (ms: number) => !momentText(ms, present).includes("T");
  if (field !== "queued") {
    const parts: string[] = [];
    if (from !== null) parts.push(`${field}>=${momentText(from, present)}`);
    if (to !== null) parts.push(`${field}<${momentText(to, present)}`);
    return parts.join(" ");
  }
  const parts: string[] = [];
  if (from !== null) parts.push(`since:${momentText(from, present)}`);
  if (to !== null && to !== present.nowMs)
    parts.push(
      isMidnight(to) ? `until:${momentText(to - 1, present).slice(0, 10)}` : `before:${momentText(to, present)}`,
    );
  return parts.join(" ");
}

function textText({ column, words, prefix }: Extract<Query, { kind: "text" }>): string {
  if (column === null) {
    const plain = quoted(words);
    return !prefix && words.endsWith("*") ? inQuotes(words) : `${plain}${prefix ? "*" : ""}`;
  }
  const shown = quoted(prefix ? `${words}*` : words);
  return `${column === "grp" ? "group" : column}~${shown}`;
}

function write(query: Query, present: Present, within: "top" | "and" | "or" | "not"): string {
  switch (query.kind) {
    case "and": {
      const parts = query.parts.map((part) => write(part, present, "and")).filter((part) => part !== "");
      return within === "not" && parts.length > 0 ? `(${parts.join(" ")})` : parts.join(" ");
    }
    case "or": {
      const text = query.parts.map((part) => write(part, present, "or")).join(" or ");
      return within === "top" ? text : `(${text})`;
    }
    case "not": {
      const inner = write(query.part, present, "not");
      return /^[A-Za-z_("]/.test(inner) && !inner.includes(" ")
        ? `-${inner}`
        : `-(${inner.replace(/^\((.*)\)$/s, "$1")})`;
    }
    case "word":
      return `${query.field}:${query.values.map(quoted).join(",")}`;
    case "number":
      return rangeText(spaced(query.space, query.name), query.range, query.space === "field" ? query.name : "");
    case "value":
      return `${spaced(query.space, query.name)}${query.contains ? "~" : ":"}${query.values.map(quoted).join(",")}`;
    case "exists":
      return `${spaced(query.space, query.name)}:*`;
    case "time":
      return timeText(query, present);
    case "text":
      return textText(query);
  }
}

export function sortText(sort: Sort): string {
  const { space, name, descending, best } = sort;
  if (name === "newest") return descending ? "sort:newest" : "sort:oldest";
  if (name === "relevance") return "sort:relevance";
  return `sort:${descending ? "-" : best ? "+" : ""}${best ? "best:" : ""}${spaced(space, name)}`;
}

/** `all runs` is written as nothing. */
export function writeQuery({ query, sort, limit }: ReadQuery, present: Present): string {
  const parts = [write(query, present, sort === null && limit === null ? "top" : "and")];
  if (sort !== null) parts.push(sortText(sort));
  if (limit !== null) parts.push(`limit:${limit}`);
  return parts.filter((part) => part !== "").join(" ");
}
