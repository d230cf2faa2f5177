/** Numbers of a query with their units: `1e-3`, `4h`, `90s`, `2GB`, `50%`, and ranges `1e-4..1e-2`. Pure. */
import { parseDuration } from "../core/duration.ts";
import { parseSize } from "../core/size.ts";
import type { Range } from "./query.ts";

export type Unit = "seconds" | "gb" | "bytes" | "percent" | "plain";

/** One number in `unit`, or null where the text is none. */
export function readNumber(text: string, unit: Unit): number | null {
  if (/^[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i.test(text)) return Number(text.replaceAll("_", ""));
  if (/^[+-]?inf(?:inity)?$/i.test(text)) return text.startsWith("-") ? -Infinity : Infinity;
  try {
    if (unit === "seconds") return parseDuration(text) / 1000;
    if (unit === "bytes") return parseSize(text);
    if (unit === "gb") return parseSize(text) / 1e9;
  } catch {
    return null;
  }
  const percent = /^(-?[\d.]+)%$/.exec(text);
  if (percent === null) return null;
  return unit === "percent" ? Number(percent[1]) : Number(percent[1]) / 100;
}

export const anyNumber: Range = { low: null, lowOpen: false, high: null, highOpen: false };

/** `x` alone, or `x..y` with either end left out; null where it is neither. */
export function readRange(text: string, unit: Unit): Range | null {
  const dots = text.indexOf("..");
  if (dots < 0) {
    const value = readNumber(text, unit);
    return value === null ? null : { low: value, lowOpen: false, high: value, highOpen: false };
  }
  const [left, right] = [text.slice(0, dots), text.slice(dots + 2)];
  if (left === "" && right === "") return null;
  const low = left === "" ? null : readNumber(left, unit);
  const high = right === "" ? null : readNumber(right, unit);
  if ((left !== "" && low === null) || (right !== "" && high === null)) return null;
  return { ...anyNumber, low, high };
}

/** The range that a sign and a number make. */
export function rangeOf(sign: ">" | ">=" | "<" | "<=", value: number): Range {
  if (sign === ">" || sign === ">=") return { ...anyNumber, low: value, lowOpen: sign === ">" };
  return { ...anyNumber, high: value, highOpen: sign === "<" };
}
