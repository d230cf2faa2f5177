/** How a sweep stands: its points against the runs that there are. Pure; whoever asks brings both. */
import { type Point, pointKey } from "./expand.ts";

/** What is known of one run of a sweep. */
export interface SweepRun {
  run_id: string;
  name: string;
  status: "queued" | "starting" | "running" | "completed" | "failed" | "cancelled";
  held: boolean;
  point: Point;
  failure: string | null;
  seconds: number | null;
  /** Last value by name; NaN and infinities as strings. */
  metrics: Readonly<Record<string, number | string>>;
}

export interface PointState {
  point: Record<string, string>;
  /** The newest run of the point; null where it has none. */
  run: SweepRun | null;
  /** How many runs it has had. */
  attempts: number;
}

/** Runs of one point, newest first, take the place of each other. */
export function standing(points: readonly Point[], runs: readonly SweepRun[]): PointState[] {
  const byKey = new Map<string, SweepRun[]>();
  for (const run of runs) {
    const key = pointKey(run.point);
    byKey.set(key, [...(byKey.get(key) ?? []), run]);
  }
  return points.map((point) => {
    const own = byKey.get(pointKey(point)) ?? [];
    return { point: { ...point }, run: own[0] ?? null, attempts: own.length };
  });
}

export function metricOf(run: SweepRun | null, metric: string, direction: "max" | "min" | null): number | null {
  if (run === null) return null;
  const best = direction === null ? undefined : run.metrics[`best_${metric}`];
  const value = best ?? run.metrics[metric];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** The completed point with the best value, or null. */
export function bestOf(
  states: readonly PointState[],
  goal: { metric: string; direction: "max" | "min" },
): { state: PointState; run: SweepRun; value: number } | null {
  let best: { state: PointState; run: SweepRun; value: number } | null = null;
  const sign = goal.direction === "max" ? 1 : -1;
  for (const state of states) {
    const { run } = state;
    if (run === null || run.status !== "completed") continue;
    const value = metricOf(run, goal.metric, goal.direction);
    if (value !== null && (best === null || (value - best.value) * sign > 0)) best = { state, run, value };
  }
  return best;
}
