/**
 * One parameter of a sweep, from the words that were typed. Values stay texts, because that is what a script is given.
 *
 *     lr=1e-3,3e-4          these values
 *     bs=32:256:x2          from 32 to 256, times 2 each: 32, 64, 128, 256
 *     n=1:10:3  n=1:10:+3   from 1 to 10, 3 more each: 1, 4, 7, 10
 *     lr=1e-5:1e-2:log4     4 values, evenly spaced by ratio, ends included
 *     x=0:1:lin5            5 values, evenly spaced, ends included
 *     lr=1e-5:1e-2:log      any value between, by ratio: for random sweeps
 *     x=0:1:uniform         any value between;   k=1:8:int   any whole number, ends included
 *
 * Evenly spaced values between the ends are rounded, so that a command can be read: to four significant digits, or to as many
 * more as keep every one of them within a hundredth of the way to its neighbour. Whole numbers, and what has six digits or
 * fewer as it is, are not touched; the ends are what was typed. What is shown is what the script gets.
 */
import { MlError } from "../core/error.ts";

export type Spread = "log" | "uniform" | "int";

export type Dimension =
  | { name: string; kind: "values"; values: string[] }
  | { name: string; kind: "spread"; spread: Spread; low: number; high: number };

const mostValues = 10_000;

/** Short, and read back as the same number to 12 digits: 0.30000000000000004 is 0.3. */
export function numberText(value: number): string {
  const rounded = Number(value.toPrecision(12));
  const text = String(rounded);
  return text.replace("e+", "e");
}

function wrong(text: string, why: string, hint = "see `ml help sweep` for the forms of a parameter"): MlError {
  return new MlError("usage", `\`${text}\` is no parameter of a sweep: ${why}`, { hint });
}

function stepped(text: string, range: { low: number; high: number; step: string }): string[] {
  const { low, high, step } = range;
  const factor = /^[x*](.+)$/.exec(step);
  const amount = Number(factor?.[1] ?? step.replace(/^\+/, ""));
  if (!Number.isFinite(amount)) throw wrong(text, `\`${step}\` is no step`);
  if (factor !== null ? amount <= 1 || low <= 0 : amount <= 0) {
    throw wrong(
      text,
      factor !== null ? "a factor is greater than 1, and its range above 0" : "a step is greater than 0",
    );
  }
  const values: string[] = [];
  // The index and not the last value is multiplied, so that no error adds up.
  for (let index = 0; ; index += 1) {
    const value = factor !== null ? low * amount ** index : low + amount * index;
    if (value > high * (1 + 1e-9) + (high === 0 ? 1e-12 : 0)) return values;
    values.push(numberText(value));
    if (values.length > mostValues) throw wrong(text, `it has more than ${mostValues} values`);
  }
}

const fewestDigits = 4;
const mostDigits = 12;

const isShort = (value: number) => Number.isInteger(value) || Number(value.toPrecision(6)) === value;

/** The rule at the top of this file. */
function inFewDigits(values: readonly number[]): string[] {
  const exact = values.map((value) => Number(value.toPrecision(mostDigits)));
  const isClose = (digits: number) =>
    exact.every((value, at) => {
      const rounded = Number(value.toPrecision(digits));
      const gaps = [exact[at - 1], exact[at + 1]].flatMap((other) =>
        other === undefined ? [] : [Math.abs(other - value)],
      );
      return isShort(value) || Math.abs(rounded - value) <= Math.min(...gaps) / 100;
    });
  let digits = fewestDigits;
  while (digits < mostDigits && !isClose(digits)) digits += 1;
  const inner = (value: number, at: number) => at > 0 && at < exact.length - 1 && !isShort(value);
  return exact.map((value, at) => numberText(inner(value, at) ? Number(value.toPrecision(digits)) : value));
}

interface Spacing {
  low: number;
  high: number;
  count: number;
  log: boolean;
  fewDigits: boolean;
}

function spaced(text: string, { low, high, count, log, fewDigits }: Spacing): string[] {
  if (log && low <= 0) throw wrong(text, "a range by ratio is above 0");
  if (count < 2 || count > mostValues) throw wrong(text, `a range has 2 to ${mostValues} values`);
  const values = Array.from({ length: count }, (_, index) => {
    const share = index / (count - 1);
    return log ? low * (high / low) ** share : low + (high - low) * share;
  });
  return fewDigits ? inFewDigits(values) : values.map(numberText);
}

interface Range {
  name: string;
  ends: readonly [string, string];
  step: string;
}

function fromRange(text: string, { name, ends, step }: Range, options: DimensionOptions): Dimension {
  const [low, high] = [Number(ends[0]), Number(ends[1])];
  if (high < low) throw wrong(text, "its range ends before it begins");
  const counted = /^(log|lin)(\d+)$/.exec(step);
  if (counted !== null) {
    const count = Number(counted[2]);
    const spacing = { low, high, count, log: counted[1] === "log", fewDigits: options.fewDigits };
    return { name, kind: "values", values: spaced(text, spacing) };
  }
  if (step === "log" || step === "uniform" || step === "int") {
    if (step === "log" && low <= 0) throw wrong(text, "a range by ratio is above 0");
    if (step === "int" && !(Number.isInteger(low) && Number.isInteger(high)))
      throw wrong(text, "its ends are no whole numbers");
    return { name, kind: "spread", spread: step, low, high };
  }
  return { name, kind: "values", values: stepped(text, { low, high, step }) };
}

/** `a,b\,c` at its commas; a backslash keeps one. */
export function splitList(text: string): string[] {
  return text.split(/(?<!\\),/).map((part) => part.replaceAll("\\,", ",").trim());
}

export interface DimensionOptions {
  /** False for definitions from before values were rounded. */
  fewDigits: boolean;
}

/** Throws `usage` for what is none of the forms above. */
export function parseDimension(text: string, options: DimensionOptions): Dimension {
  const match = /^\s*([A-Za-z_][\w.@/-]*)\s*=(.*)$/s.exec(text);
  if (match === null) throw wrong(text, "it is not of the form NAME=VALUES", "try `lr=1e-3,3e-4` or `bs=32:256:x2`");
  const [, name = "", spec = ""] = match;
  const parts = spec.trim().split(":");
  const [low = "", high = "", step = ""] = parts;
  const isRange = parts.length === 3 && [low, high].every((part) => part !== "" && Number.isFinite(Number(part)));
  if (isRange) return fromRange(text, { name, ends: [low, high], step }, options);
  const values = splitList(spec);
  if (values.some((value) => value === "")) throw wrong(text, "one of its values is empty");
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw wrong(text, `\`${twice}\` is there twice`);
  return { name, kind: "values", values };
}
