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

function spaced(text: string, range: { low: number; high: number; count: number; log: boolean }): string[] {
  const { low, high, count, log } = range;
  if (log && low <= 0) throw wrong(text, "a range by ratio is above 0");
  if (count < 2 || count > mostValues) throw wrong(text, `a range has 2 to ${mostValues} values`);
  return Array.from({ length: count }, (_, index) => {
    const share = index / (count - 1);
    return numberText(log ? low * (high / low) ** share : low + (high - low) * share);
  });
}

function fromRange(name: string, text: string, parts: readonly [string, string, string]): Dimension {
  const [low, high] = [Number(parts[0]), Number(parts[1])];
  const step = parts[2];
  if (high < low) throw wrong(text, "its range ends before it begins");
  const counted = /^(log|lin)(\d+)$/.exec(step);
  if (counted !== null) {
    const count = Number(counted[2]);
    return { name, kind: "values", values: spaced(text, { low, high, count, log: counted[1] === "log" }) };
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

/** Throws `usage` for what is none of the forms above. */
export function parseDimension(text: string): Dimension {
  const match = /^\s*([A-Za-z_][\w.@/-]*)\s*=(.*)$/s.exec(text);
  if (match === null) throw wrong(text, "it is not of the form NAME=VALUES", "try `lr=1e-3,3e-4` or `bs=32:256:x2`");
  const [, name = "", spec = ""] = match;
  const parts = spec.trim().split(":");
  const [low = "", high = "", step = ""] = parts;
  const isRange = parts.length === 3 && [low, high].every((part) => part !== "" && Number.isFinite(Number(part)));
  if (isRange) return fromRange(name, text, [low, high, step]);
  const values = splitList(spec);
  if (values.some((value) => value === "")) throw wrong(text, "one of its values is empty");
  const twice = values.find((value, index) => values.indexOf(value) !== index);
  if (twice !== undefined) throw wrong(text, `\`${twice}\` is there twice`);
  return { name, kind: "values", values };
}
