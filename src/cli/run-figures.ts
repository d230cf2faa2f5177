/** The most telling curve of each run, drawn here as SVG: the server knows no charts. */
import type { Connection } from "../client/connection.ts";
import { curveOf } from "../view/curve-points.ts";
import { headline } from "../view/metric.ts";
import { readPoints } from "./read-points.ts";

/** More pictures than anybody looks at. */
const mostFigures = 24;

/** By run id; a run without a curve has none. */
export async function runFigures(connection: Connection, runIds: readonly string[]): Promise<Record<string, string>> {
  const figures: Record<string, string> = {};
  for (const run of runIds.slice(0, mostFigures)) {
    const { manifest } = await connection.ask("run.get", { run });
    const metric = headline(manifest.metrics)?.name;
    if (metric === undefined) continue;
    const { points } = await readPoints(connection, run, [metric]);
    const curve = curveOf(manifest.name, points, { metric, x: "step", smooth: 0, logX: false, logY: false });
    if (curve.points.length < 2) continue;
    const { lineChartSvg } = await import("../picture/line-chart.ts");
    const wishes = {
      title: null,
      xName: "step",
      yName: metric,
      logX: false,
      logY: false,
      width: 560,
      height: 300,
    } as const;
    figures[run] = await lineChartSvg([curve], wishes, `${metric} of run ${run}`);
  }
  return figures;
}
