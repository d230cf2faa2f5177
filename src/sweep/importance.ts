/**
 * How much of a metric's spread goes with each parameter: the share of its variance that lies between the parameter's
 * values (eta squared of a one-way analysis of variance), less what chance alone would give with so few runs (epsilon
 * squared; Kelley, PNAS 1935). Says nothing of parameters acting together, and is no proof of cause.
 */
import type { PointState } from "./standing.ts";
import { metricOf } from "./standing.ts";

export interface ValueMean {
  value: string;
  runs: number;
  mean: number;
  least: number;
  most: number;
}

export interface Importance {
  parameter: string;
  /** 0 to 1; null where too few runs tell. */
  share: number | null;
  /** Runs that it rests on. */
  runs: number;
  /** Best mean first. */
  values: ValueMean[];
}

function meansOf(groups: ReadonlyMap<string, number[]>, direction: "max" | "min"): ValueMean[] {
  const sign = direction === "max" ? -1 : 1;
  return [...groups]
    .map(([value, found]) => ({
      value,
      runs: found.length,
      mean: found.reduce((sum, one) => sum + one, 0) / found.length,
      least: Math.min(...found),
      most: Math.max(...found),
    }))
    .sort((a, b) => sign * (a.mean - b.mean));
}

function shareOf(values: readonly ValueMean[], all: readonly number[]): number | null {
  const [runs, groups] = [all.length, values.length];
  // With hardly more runs than values, between and within cannot be told apart.
  if (groups < 2 || runs - groups < Math.max(2, groups)) return null;
  const mean = all.reduce((sum, one) => sum + one, 0) / runs;
  const total = all.reduce((sum, one) => sum + (one - mean) ** 2, 0);
  if (total === 0) return null;
  const between = values.reduce((sum, one) => sum + one.runs * (one.mean - mean) ** 2, 0);
  const within = (total - between) / (runs - groups);
  return Math.max(0, Math.min(1, (between - (groups - 1) * within) / total));
}

/** By share, largest first, unknown last; parameters with one value are left out. */
export function importanceOf(
  states: readonly PointState[],
  parameters: readonly string[],
  goal: { metric: string; direction: "max" | "min" },
): Importance[] {
  const found = states.flatMap((state) => {
    const value = state.run?.status === "completed" ? metricOf(state.run, goal.metric, goal.direction) : null;
    return value === null ? [] : [{ point: state.point, value }];
  });
  const rows = parameters.flatMap((parameter): Importance[] => {
    const groups = new Map<string, number[]>();
    for (const { point, value } of found) {
      const at = point[parameter];
      if (at !== undefined) groups.set(at, [...(groups.get(at) ?? []), value]);
    }
    if (groups.size < 2) return [];
    const values = meansOf(groups, goal.direction);
    const all = [...groups.values()].flat();
    return [{ parameter, share: shareOf(values, all), runs: all.length, values }];
  });
  return rows.sort((a, b) => (b.share ?? -1) - (a.share ?? -1));
}
