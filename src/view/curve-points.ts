/** Logged points as the curve that is to be drawn: which number is x, smoothed or not, what cannot be drawn left out and counted. */
import { metricNumber, type Point } from "./metric.ts";

export const axes = ["step", "epoch", "time"] as const;
export type Axis = (typeof axes)[number];

export interface DrawnSeries {
  /** What tells it from the others in the legend. */
  label: string;
  points: (readonly [x: number, y: number])[];
  /** Points with no finite value, or none that the axes can show. */
  left_out: number;
}

export interface CurveOptions {
  metric: string;
  x: Axis;
  /** 0: none; below 1: weight of what came before (exponential); 2 and more: mean of so many points. */
  smooth: number;
  logX: boolean;
  logY: boolean;
}

/** x of each point of the metric; null where it has none. Steps that nobody gave are counted from 0. */
function placesOf(points: readonly Point[], { metric, x }: CurveOptions): { point: Point; x: number | null }[] {
  const places: { point: Point; x: number | null }[] = [];
  const begin = points.find((point) => point.t > 0)?.t ?? 0;
  let epoch: number | null = null;
  for (const point of points) {
    if (x === "epoch" && point.name.toLowerCase() === "epoch") epoch = metricNumber(point.value);
    if (point.name !== metric) continue;
    const at =
      x === "time" ? (point.t > 0 ? point.t - begin : null) : x === "epoch" ? epoch : (point.step ?? places.length);
    places.push({ point, x: at });
  }
  return places;
}

/** Exponential smoothing without its bias towards 0 at the beginning (as Adam corrects its means, arXiv:1412.6980). */
function exponential(values: readonly number[], weight: number): number[] {
  let sum = 0;
  let norm = 0;
  return values.map((value) => {
    sum = weight * sum + (1 - weight) * value;
    norm = weight * norm + (1 - weight);
    return sum / norm;
  });
}

function movingMean(values: readonly number[], width: number): number[] {
  let sum = 0;
  return values.map((value, index) => {
    sum += value - (index >= width ? (values[index - width] ?? 0) : 0);
    return sum / Math.min(index + 1, width);
  });
}

function smoothed(values: readonly number[], smooth: number): readonly number[] {
  if (smooth <= 0 || smooth === 1) return values;
  return smooth < 1 ? exponential(values, smooth) : movingMean(values, Math.floor(smooth));
}

/** `points` are all of the run, or those of the metric and of `epoch`. */
export function curveOf(label: string, points: readonly Point[], options: CurveOptions): DrawnSeries {
  const all = placesOf(points, options);
  const finite = all.filter(
    ({ point, x }) => x !== null && Number.isFinite(x) && Number.isFinite(metricNumber(point.value)),
  );
  const values = smoothed(
    finite.map(({ point }) => metricNumber(point.value)),
    options.smooth,
  );
  const drawn = finite
    .map(({ x }, index): readonly [number, number] => [x ?? 0, values[index] ?? Number.NaN])
    .filter(([x, y]) => (!options.logX || x > 0) && (!options.logY || y > 0));
  return { label, points: drawn.toSorted((a, b) => a[0] - b[0]), left_out: all.length - drawn.length };
}
