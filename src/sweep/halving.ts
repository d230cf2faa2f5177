/**
 * Successive halving for runs that go on by themselves: at rungs min, min·factor, min·factor² … of a metric's steps, only the
 * best 1/factor, 1/factor² … of all points go on. Nobody waits for anybody: a run goes on until as many others as a rung
 * keeps are known to have been better there, which no later report can change. So what is stopped does not depend on who
 * came first, and a value that was never reported stops nobody. Pure.
 *
 * After K. Jamieson, A. Talwalkar, "Non-stochastic Best Arm Identification and Hyperparameter Optimization", AISTATS 2016,
 * without its barriers (compare L. Li et al., "A System for Massively Parallel Hyperparameter Tuning", MLSys 2020).
 */

import { decodeMetricValue } from "../run/metric-value.ts";
import type { MetricPoint } from "../run/metrics.ts";

export interface Rung {
  step: number;
  /** So many go on from here. */
  keep: number;
}

export interface HalvingRule {
  min: number;
  factor: number;
}

/** The rungs of a sweep of so many points; none where a single rung would keep nobody. */
export function rungsOf(points: number, { min, factor }: HalvingRule): Rung[] {
  const rungs: Rung[] = [];
  for (let index = 0; ; index += 1) {
    // By whole numbers where they are: 27 / 3 / 3 / 3 is 1, and 27 · (1/3)³ is not.
    const keep = Math.floor(points / factor ** (index + 1) + 1e-9);
    if (keep < 1) return rungs;
    rungs.push({ step: min * factor ** index, keep });
  }
}

/** The values of one metric at the rungs, taken from its points as they come. */
export class RungValues {
  /** The first value at or behind each rung that was reached, in order. NaN is a value. */
  readonly values: number[] = [];
  private seen = 0;

  constructor(private readonly rungs: readonly Rung[]) {}

  /** A point without a step counts as the next one. */
  take({ value, step }: Pick<MetricPoint, "value" | "step">): void {
    this.seen += 1;
    const number = decodeMetricValue(value);
    if (number === null) return;
    const at = step ?? this.seen;
    for (let rung = this.rungs[this.values.length]; rung !== undefined; rung = this.rungs[this.values.length]) {
      if (at < rung.step) return;
      this.values.push(number);
    }
  }

  get isComplete(): boolean {
    return this.values.length >= this.rungs.length;
  }
}

export interface Contender {
  runId: string;
  values: readonly number[];
  /** It runs, and may be stopped. */
  live: boolean;
}

export interface Halved {
  runId: string;
  step: number;
  value: number;
  /** So many were better there, and so many go on. */
  behind: number;
  keep: number;
}

/** True where `one` is better; what is not a number is worse than every number. */
function isBetter(one: number, other: number, direction: "max" | "min"): boolean {
  if (Number.isNaN(one)) return false;
  if (Number.isNaN(other)) return true;
  return direction === "max" ? one > other : one < other;
}

/** Those that are to be stopped, each by the first rung at which it is too far behind. */
export function halve(
  contenders: readonly Contender[],
  { rungs, direction }: { rungs: readonly Rung[]; direction: "max" | "min" },
): Halved[] {
  return contenders.flatMap(({ runId, values, live }) => {
    if (!live) return [];
    for (const [index, { step, keep }] of rungs.entries()) {
      const value = values[index];
      if (value === undefined) return [];
      const better = contenders.filter(({ values: theirs }) => {
        const other = theirs[index];
        return other !== undefined && isBetter(other, value, direction);
      });
      if (better.length >= keep) return [{ runId, step, value, behind: better.length, keep }];
    }
    return [];
  });
}

/** `val_acc 0.41 at step 3 is behind 3 others, and 3 of 9 go on from there`. */
export function halvedReason({ step, value, behind, keep }: Halved, metric: string, points: number): string {
  const others = behind === 1 ? "another" : `${behind} others`;
  return `halving: ${metric} ${Number(value.toPrecision(6))} at step ${step} is behind ${others}, and ${keep} of ${points} go on from there`;
}
