/**
 * What is believed of a positive quantity: a normal distribution of its logarithm, and intervals from it. Pure.
 *
 * Durations and memory vary by factors, not by seconds, which is why the logarithm is taken. Every interval here is meant
 * to hold 8 times out of 10 (`coverage`); how often it really does is measured from ended runs (forecast.ts).
 */

export interface Estimate {
  /** Of the natural logarithm. */
  mean: number;
  sd: number;
}

export interface Interval {
  low: number;
  middle: number;
  high: number;
}

export const coverage = 0.8;
const tail = (1 - coverage) / 2;
/** The standard normal quantile of 0.9. */
const z90 = 1.2815515655446004;

/** Standard normal distribution function, to 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
export function normalBelow(x: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2);
  const poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  const upper = 0.5 * poly * Math.exp((-x * x) / 2);
  return x >= 0 ? 1 - upper : upper;
}

/** Its inverse, by bisection: 60 halvings of ±9 standard deviations. */
export function normalQuantile(p: number): number {
  let low = -9;
  let high = 9;
  for (let round = 0; round < 60; round += 1) {
    const middle = (low + high) / 2;
    if (normalBelow(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** Student's t at 0.9 by its expansion around the normal (Abramowitz and Stegun, 26.7.5); within 2 % from two degrees on. */
export function studentAt90(degrees: number): number {
  const z = z90;
  const first = (z ** 3 + z) / 4;
  const second = (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96;
  const third = (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384;
  return z + first / degrees + second / degrees ** 2 + third / degrees ** 3;
}

export interface Sample {
  value: number;
  /** 1 for one that counts fully. */
  weight: number;
}

export interface Prior {
  /** Spread of the logarithm that is assumed before anything was seen, worth `degrees` observations. */
  sd: number;
  degrees: number;
}

/**
 * What the next value will be like, given weighted past ones and a prior for their spread: the predictive distribution of
 * the normal model with unknown mean and variance, its Student tail put into the sd. Null without positive samples.
 */
export function estimateFrom(samples: readonly Sample[], prior: Prior): Estimate | null {
  const used = samples.filter(({ value, weight }) => value > 0 && weight > 0);
  const total = used.reduce((sum, { weight }) => sum + weight, 0);
  if (total <= 0) return null;
  const mean = used.reduce((sum, { value, weight }) => sum + weight * Math.log(value), 0) / total;
  const spread = used.reduce((sum, { value, weight }) => sum + weight * (Math.log(value) - mean) ** 2, 0) / total;
  // Kish's effective size: many samples of little weight are worth few.
  const size = total ** 2 / used.reduce((sum, { weight }) => sum + weight ** 2, 0);
  const degrees = prior.degrees + size - 1;
  const variance = (prior.degrees * prior.sd ** 2 + size * spread) / degrees;
  return { mean, sd: (Math.sqrt(variance * (1 + 1 / size)) * studentAt90(degrees)) / z90 };
}

/** Both believed at once: weighted by how sure each is. */
export function together(a: Estimate | null, b: Estimate | null): Estimate | null {
  if (a === null || b === null) return a ?? b;
  const [wa, wb] = [1 / a.sd ** 2, 1 / b.sd ** 2];
  return { mean: (wa * a.mean + wb * b.mean) / (wa + wb), sd: Math.sqrt(1 / (wa + wb)) };
}

export function intervalOf({ mean, sd }: Estimate): Interval {
  return { low: Math.exp(mean - z90 * sd), middle: Math.exp(mean), high: Math.exp(mean + z90 * sd) };
}

/** The estimate that an interval came from. */
export function estimateOf({ low, middle, high }: Interval): Estimate {
  return { mean: Math.log(middle), sd: Math.max(1e-6, Math.log(high / low) / (2 * z90)) };
}

/** Below this chance of having lasted so long, the estimate has been refuted and says nothing about the rest. */
const refuted = 0.005;

/** The interval, known that the value is more than `least`; null where that alone refutes the estimate. */
export function intervalBeyond(estimate: Estimate, least: number): Interval | null {
  if (least <= 0) return intervalOf(estimate);
  const below = normalBelow((Math.log(least) - estimate.mean) / estimate.sd);
  const left = 1 - below;
  if (left < refuted) return null;
  const at = (p: number) => Math.exp(estimate.mean + estimate.sd * normalQuantile(below + left * p));
  const [low, middle, high] = [at(tail), at(0.5), at(1 - tail)];
  return { low: Math.max(least, low), middle: Math.max(least, middle), high: Math.max(least, high) };
}
