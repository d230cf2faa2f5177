/**
 * Metrics in printed lines, by templates: literal text with `{name}` where a number stands, `{*}` for anything, white space for any
 * white space. `{key}` and `{value}` together take every such pair of a line. A number named `step` (or `epoch`, `iteration` where
 * there is none) is the step of the others.
 *
 * Templates and no regular expressions: the server matches what anybody may send, and a look at one line costs no more than so much.
 */
import { MlError } from "../core/error.ts";
import { readMetricText } from "../run/metric-value.ts";

export interface PrintedPoint {
  name: string;
  value: number;
  step: number | null;
}

type Part = { kind: "text"; words: string[] } | { kind: "number"; name: string } | { kind: "any" } | { kind: "key" };

export interface Template {
  text: string;
  parts: readonly Part[];
}

const mostParts = 40;
const mostLineChars = 4096;
const stepNames = ["step", "global_step", "iteration", "iter", "epoch"];
const numberAt = /[+-]?(?:(?:\d[\d,]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|nan\b|inf(?:inity)?\b)/iy;
const keyAt = /[A-Za-z_][\w./-]*/y;
const spaceAt = /\s*/y;
/** Colours and other escapes of a terminal. */
const escapes = /\x1b\[[\d;?]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)/g;

function refuse(text: string, why: string): MlError {
  return new MlError("usage", `the pattern \`${text}\` ${why}`, {
    hint: "write the line as it is printed, with `{name}` where a number stands: `loss: {loss} acc: {acc}`",
  });
}

/** Throws `usage` where the pattern makes no sense. */
export function parseTemplate(text: string): Template {
  const parts: Part[] = [];
  for (const [whole, inner] of text.matchAll(/\{([^{}]*)\}|[^{}]+|[{}]/g)) {
    if (whole === "{" || whole === "}") throw refuse(text, "has a brace without its other half");
    const last = parts.at(-1);
    if (inner === undefined) {
      parts.push({ kind: "text", words: whole.split(/\s+/) });
      continue;
    }
    if (last !== undefined && last.kind !== "text" && !(inner !== "*" && last.kind === "any"))
      throw refuse(text, `has nothing between \`{${inner}}\` and what stands before it`);
    if (inner === "*") parts.push({ kind: "any" });
    else if (inner === "key") parts.push({ kind: "key" });
    else if (/^[\w./ -]{1,100}$/.test(inner)) parts.push({ kind: "number", name: inner });
    else throw refuse(text, `has \`{${inner}}\`, which is no name`);
  }
  if (!parts.some((part) => part.kind === "number")) throw refuse(text, "has no `{name}` for a number");
  const keyed = parts.some((part) => part.kind === "key");
  if (keyed && !parts.some((part) => part.kind === "number" && part.name === "value"))
    throw refuse(text, "has `{key}`, but no `{value}`");
  if (parts.length > mostParts) throw refuse(text, `has more than ${mostParts} parts`);
  return { text, parts };
}

function sticky(pattern: RegExp, line: string, at: number): string | null {
  pattern.lastIndex = at;
  return pattern.exec(line)?.[0] ?? null;
}

/** Where the words end that begin at `at`, or -1. Between two of them may be any white space, or none. */
function textEnd(words: readonly string[], line: string, at: number): number {
  let end = at;
  for (const [index, word] of words.entries()) {
    if (index > 0) end += sticky(spaceAt, line, end)?.length ?? 0;
    if (!line.startsWith(word, end)) return -1;
    end += word.length;
  }
  return end;
}

const isWordChar = (char: string | undefined) => char !== undefined && /[\w.]/.test(char);

/** How many looks a line may cost: `{*}` looks ahead from every place that the pattern may begin at. */
const mostLooks = 50_000;

interface Budget {
  looks: number;
}

interface Match {
  end: number;
  values: [name: string, value: number][];
}

/** Where the next part can begin at or after `at`: for `{*}`. */
function findPart(part: Part | undefined, line: string, { at, budget }: { at: number; budget: Budget }): number {
  if (part === undefined) return line.length;
  for (let from = at; from < line.length && budget.looks > 0; from += 1) {
    budget.looks -= 1;
    if (part.kind === "text" ? textEnd(part.words, line, from) >= 0 : beginsToken(part, line, from)) return from;
  }
  return -1;
}

function beginsToken(part: Part, line: string, at: number): boolean {
  if (isWordChar(line[at - 1])) return false;
  return sticky(part.kind === "key" ? keyAt : numberAt, line, at) !== null;
}

/** `1:02:03`, `2026-11-23` and `1.2rc` are no numbers, unless the pattern goes on with just that sign. */
function goesOn(line: string, at: number, next: Part | undefined): boolean {
  const sign = line[at] ?? "";
  if (next?.kind === "text" && sign !== "" && next.words[0]?.startsWith(sign)) return false;
  return /^(?:[A-Za-z_]|[:/-]\d)/.test(line.slice(at, at + 2));
}

function matchAt(
  { parts }: Template,
  line: string,
  { at: start, budget }: { at: number; budget: Budget },
): Match | null {
  const values: Match["values"] = [];
  let key: string | null = null;
  let at = start;
  budget.looks -= 1;
  for (const [index, part] of parts.entries()) {
    if (part.kind === "any") {
      at = findPart(parts[index + 1], line, { at, budget });
      if (at < 0) return null;
    } else if (part.kind === "text") {
      at = textEnd(part.words, line, at);
      if (at < 0) return null;
    } else if (part.kind === "key") {
      key = isWordChar(line[at - 1]) ? null : sticky(keyAt, line, at);
      if (key === null) return null;
      at += key.length;
    } else {
      at += sticky(spaceAt, line, at)?.length ?? 0;
      const word = sticky(numberAt, line, at);
      const value = word === null ? null : readMetricText(word.replaceAll(",", ""));
      if (word === null || value === null) return null;
      at += word.length;
      if (goesOn(line, at, parts[index + 1])) return null;
      values.push([part.name === "value" && key !== null ? key : part.name, value]);
    }
  }
  return { end: Math.max(at, start + 1), values };
}

/** The metrics of one line; none where it does not fit. A line of more than 4,096 characters never fits. */
export function matchLine(template: Template, printed: string): PrintedPoint[] {
  if (printed.length > mostLineChars) return [];
  const shown = printed.slice(printed.lastIndexOf("\r") + 1);
  const line = shown.replace(escapes, "");
  const values: Match["values"] = [];
  const [first] = template.parts;
  const free = first?.kind === "key" || first?.kind === "number";
  const budget = { looks: mostLooks };
  for (let at = 0; at < line.length && budget.looks > 0; ) {
    const found = free && isWordChar(line[at - 1]) ? null : matchAt(template, line, { at, budget });
    if (found !== null) values.push(...found.values);
    at = found?.end ?? at + 1;
  }
  const counter = stepNames.find((name) => values.some(([found]) => found.toLowerCase() === name));
  const step = values.find(([name]) => name.toLowerCase() === counter)?.[1] ?? null;
  return values
    .filter(([name]) => !stepNames.includes(name.toLowerCase()))
    .map(([name, value]) => ({ name, value, step: step !== null && Number.isFinite(step) ? step : null }));
}
