/**
 * A query's text as tokens with their places. Words are separated by space; `"…"` is a phrase, `"…"*` the beginning of one; `(`, `)`, `OR`, `AND`,
 * `NOT` and a leading `-` are operators; `name` followed by `:`, `=`, `!=`, `<`, `<=`, `>`, `>=` or `~` and a value is a
 * term (`==` is `=`), with or without space around the sign. Nothing is interpreted here.
 */
import { badSearch } from "./bad-search.ts";

export type Sign = ":" | "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~";

export type Token =
  | { kind: "open" | "close" | "or" | "and" | "not"; text: string; at: number; end: number }
  | { kind: "word"; text: string; at: number; end: number }
  /** `prefix`: a `*` follows the closing quote, so that the last word is the beginning of one. */
  | { kind: "phrase"; text: string; at: number; end: number; prefix: boolean }
  | Term;

export interface Term {
  kind: "term";
  text: string;
  at: number;
  end: number;
  name: string;
  sign: Sign;
  value: string;
  /** The value stood in quotes: it is one text, whatever is in it. */
  quoted: boolean;
  valueAt: number;
}

const mostLength = 4096;
const mostTokens = 400;
const spaces = /[\s\u0000-\u001f]+/y;
const termStart =
  /([\p{L}_][\p{L}\p{M}\p{N}_.@/-]*)(?:(!=|!~|<=|>=|==|[:=<>~])|\s+(!=|!~|<=|>=|==|[=<>~])(?=\s|["\w.+-]))\s*/uy;
const plainValue = /[^\s()"]+/y;
const wordPattern = /[^\s()"]+/y;
const operators: Record<string, "or" | "and" | "not"> = { or: "or", and: "and", not: "not", "|": "or", "&": "and" };

/** Throws MlError `usage` naming the place: an open quote, a term without a value, too long a text. */
export function tokenize(text: string): Token[] {
  if (text.length > mostLength) throw badSearch(text, `it has more than ${mostLength} characters`, { at: mostLength });
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    spaces.lastIndex = at;
    if (spaces.test(text)) {
      at = spaces.lastIndex;
      continue;
    }
    const token = readToken(text, at);
    tokens.push(token);
    at = token.end;
    if (tokens.length > mostTokens) throw badSearch(text, `it has more than ${mostTokens} parts`, { at });
  }
  return tokens;
}

function readToken(text: string, at: number): Token {
  const first = text[at] ?? "";
  if (first === "(" || first === ")") return { kind: first === "(" ? "open" : "close", text: first, at, end: at + 1 };
  if ((first === "-" || first === "!") && /[^\s\d)-]/.test(text[at + 1] ?? " "))
    return { kind: "not", text: first, at, end: at + 1 };
  if (first === '"') {
    const { value, end } = readQuoted(text, at);
    const prefix = text[end] === "*";
    return { kind: "phrase", text: value, at, end: prefix ? end + 1 : end, prefix };
  }
  termStart.lastIndex = at;
  const start = termStart.exec(text);
  if (start !== null) return readTerm(text, at, start);
  wordPattern.lastIndex = at;
  const word = wordPattern.exec(text)?.[0] ?? first;
  const end = at + word.length;
  const operator = operators[word.toLowerCase()];
  return operator === undefined ? { kind: "word", text: word, at, end } : { kind: operator, text: word, at, end };
}

function readTerm(text: string, at: number, start: RegExpExecArray): Term {
  const name = start[1] ?? "";
  const given = start[2] ?? start[3];
  const sign = (given === "==" ? "=" : given) as Sign;
  const valueAt = at + start[0].length;
  const term = { kind: "term" as const, at, name, sign, valueAt };
  if (text[valueAt] === '"') {
    const { value, end } = readQuoted(text, valueAt);
    return { ...term, value, quoted: true, end, text: text.slice(at, end) };
  }
  plainValue.lastIndex = valueAt;
  const value = plainValue.exec(text)?.[0];
  if (value === undefined) {
    throw badSearch(text, `\`${name}${sign}\` has no value`, {
      at: valueAt,
      hint: `write one right after the sign: \`${name}${sign}…\``,
    });
  }
  const end = valueAt + value.length;
  return { ...term, value, quoted: false, end, text: text.slice(at, end) };
}

function readQuoted(text: string, at: number): { value: string; end: number } {
  let value = "";
  for (let here = at + 1; here < text.length; here++) {
    const character = text[here] ?? "";
    if (character === '"') return { value, end: here + 1 };
    if (character === "\\" && (text[here + 1] === '"' || text[here + 1] === "\\")) here += 1;
    value += text[here] ?? "";
  }
  throw badSearch(text, "the quote is never closed", { at, hint: 'close it with another `"`' });
}
