/**
 * Metric values for people: short numbers, which direction is better (guessed from the name, only where the name is
 * clear), the one headline of a run, and a summary of a curve. Guesses are for display; records hold what was logged.
 */
import { betterDirection } from "../core/better-direction.ts";
import type { Reply } from "../protocol/requests.ts";

export type Point = Reply<"metrics.read">["points"][number];

export interface Curve {
  name: string;
  count: number;
  last: number;
  lastStep: number | null;
  min: number;
  max: number;
  /** Null where the name does not tell which way is better, or nothing finite was logged. */
  best: number | null;
  bestStep: number | null;
  values: number[];
}

/** A logged value as a number; `"NaN"`, `"Infinity"` and `"-Infinity"` are what they say. */
export function metricNumber(value: number | string): number {
  return typeof value === "number" ? value : Number(value);
}

/** Four significant digits, no more than a reader can use: `0.8712`, `3e-4`, `1234`, `1.2e+9`, `NaN`. */
export function formatMetric(value: number | string): string {
  const number = metricNumber(value);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
  if (number === 0) return "0";
  const size = Math.abs(number);
  if (Number.isInteger(number) && size < 1e7) return String(number);
  if (size >= 1e7 || size < 1e-3) return number.toExponential(2).replace(/\.?0+e/, "e");
  if (size >= 1000) return number.toFixed(size >= 10_000 ? 0 : 1).replace(/\.0$/, "");
  return String(Number(number.toPrecision(4)));
}

const derived = /^(best|final)_|^training_time_hours$/;
const held = /(^|[_/.\- ])(val|valid|validation|test|eval|dev)([_/.\- ]|$)/i;

const ranks = new Map<string, number>();

/** How well a metric stands for a run: held-out scores before held-out losses, before training ones. Runs share names. */
function rank(name: string): number {
  let known = ranks.get(name);
  if (known === undefined) {
    const direction = betterDirection(name);
    known = (held.test(name) ? 4 : 0) + (direction === "max" ? 2 : direction === "min" ? 1 : 0);
    if (ranks.size < 1000) ranks.set(name, known);
  }
  return known;
}

/** The one metric to show where there is room for one, with the best value where one was recorded; null without any. */
export function headline(
  metrics: Readonly<Record<string, number | string>>,
): { name: string; value: number | string } | null {
  const [name] = tellingFirst(Object.keys(metrics));
  const value = name === undefined ? undefined : metrics[name];
  return name === undefined || value === undefined ? null : { name, value };
}

/** Names of metrics, the most telling first; without those derived from others. */
export function tellingFirst(names: Iterable<string>): string[] {
  return [...new Set(names)].filter((name) => !derived.test(name)).sort((a, b) => rank(b) - rank(a));
}

function summarise(name: string, points: readonly Point[]): Curve {
  const values = points.map((point) => metricNumber(point.value));
  const direction = betterDirection(name);
  const curve: Curve = {
    name,
    count: points.length,
    last: values.at(-1) ?? Number.NaN,
    lastStep: points.at(-1)?.step ?? null,
    min: Number.NaN,
    max: Number.NaN,
    best: null,
    bestStep: null,
    values,
  };
  for (const [index, value] of values.entries()) {
    if (!Number.isFinite(value)) continue;
    if (!(curve.min <= value)) curve.min = value;
    if (!(curve.max >= value)) curve.max = value;
    const better = curve.best === null || (direction === "min" ? value < curve.best : value > curve.best);
    if (direction === null || !better) continue;
    curve.best = value;
    curve.bestStep = points[index]?.step ?? null;
  }
  return curve;
}

/** One curve a name, in order of first appearance. */
export function curves(points: readonly Point[]): Curve[] {
  const byName = Map.groupBy(points, (point) => point.name);
  return [...byName].map(([name, group]) => summarise(name, group));
}

/** Curves of thinned points may lack the very best one: what the record knows of last and best values counts. */
export function withRecorded(found: readonly Curve[], metrics: Readonly<Record<string, number | string>>): Curve[] {
  return found.map((curve) => {
    const last = metrics[curve.name];
    const best = metrics[`best_${curve.name}`];
    const known = { ...curve, ...(last === undefined ? {} : { last: metricNumber(last) }) };
    if (curve.best === null || best === undefined || metricNumber(best) === curve.best) return known;
    return { ...known, best: metricNumber(best), bestStep: null };
  });
}
