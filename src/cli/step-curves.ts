/** A metric over its steps, for documents: the curve of a run, read from the server, and several drawn as one SVG. */
import type { Connection } from "../client/connection.ts";
import { curveOf, type DrawnSeries } from "../view/curve-points.ts";
import { readPoints } from "./read-points.ts";

/** Null where it is no curve: fewer than two points. */
export async function stepCurve(
  connection: Connection,
  runId: string,
  { metric, label }: { metric: string; label: string },
): Promise<DrawnSeries | null> {
  const { points } = await readPoints(connection, runId, [metric]);
  const curve = curveOf(label, points, { metric, x: "step", smooth: 0, logX: false, logY: false });
  return curve.points.length > 1 ? curve : null;
}

/** `size`: units of the SVG; `about` is told to who cannot see it. */
export async function drawStepCurves(
  series: readonly DrawnSeries[],
  { metric, size, about }: { metric: string; size: { width: number; height: number }; about: string },
): Promise<string> {
  const { lineChartSvg } = await import("../picture/line-chart.ts");
  return lineChartSvg(series, { title: null, xName: "step", yName: metric, logX: false, logY: false, ...size }, about);
}
