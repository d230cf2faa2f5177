/**
 * One logged value, between the number in memory and its JSON in metrics.jsonl and the manifest. JSON has no NaN and
 * no infinities, so these three are the strings "NaN", "Infinity" and "-Infinity"; every other value is a number.
 * Invariant: decode(encode(n)) is n for every number, and anything that is no metric value decodes to null.
 * Not here: what a metric is called, or which of its values is the best.
 */

export type MetricValue = number | "NaN" | "Infinity" | "-Infinity";

export function encodeMetricValue(value: number): MetricValue {
  if (Number.isFinite(value)) return value;
  return Number.isNaN(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity";
}

/** From parsed JSON, where `1e400` is Infinity already, as its writer meant. Null for all that is no metric value. */
export function decodeMetricValue(value: unknown): number | null {
  if (typeof value === "number") return value;
  if (value === "NaN") return Number.NaN;
  if (value === "Infinity") return Number.POSITIVE_INFINITY;
  return value === "-Infinity" ? Number.NEGATIVE_INFINITY : null;
}

const decimal = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const special = /^([+-]?)(?:(nan)|inf(?:inity)?)$/i;

/** From plain text as Python, C or JavaScript print it: `0.25`, `1e-3`, `nan`, `-inf`. `1e400` is Infinity. */
export function readMetricText(text: string): number | null {
  if (decimal.test(text)) return Number(text);
  const match = special.exec(text);
  if (match === null) return null;
  if (match[2] !== undefined) return Number.NaN;
  return match[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}
