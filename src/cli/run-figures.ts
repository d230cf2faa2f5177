/** The most telling curve of each run, drawn here as SVG: the server knows no charts. */
import type { Connection } from "../client/connection.ts";
import { headline } from "../view/metric.ts";
import { drawStepCurves, stepCurve } from "./step-curves.ts";

/** More pictures than anybody looks at. */
const mostFigures = 24;

/** By run id; a run without a curve has none. */
export async function runFigures(connection: Connection, runIds: readonly string[]): Promise<Record<string, string>> {
  const figures: Record<string, string> = {};
  for (const run of runIds.slice(0, mostFigures)) {
    const { manifest } = await connection.ask("run.get", { run });
    const metric = headline(manifest.metrics)?.name;
    if (metric === undefined) continue;
    const curve = await stepCurve(connection, run, { metric, label: manifest.name });
    if (curve === null) continue;
    const size = { width: 560, height: 300 };
    figures[run] = await drawStepCurves([curve], { metric, size, about: `${metric} of run ${run}` });
  }
  return figures;
}
