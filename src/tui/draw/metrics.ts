/** The metrics of a run: one curve large, with axes, and all of them as a table. */

import { type ChartCurve, chart, chartLegend } from "../../view/chart.ts";
import type { Line, Tone } from "../../view/face.ts";
import { span } from "../../view/face.ts";
import { type Curve, headline } from "../../view/metric.ts";
import { metricTable } from "../../view/metric-page.ts";
import { metricFact } from "../../view/verdict-block.ts";
import { type Area, onGround, piece, type Row } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";
import { type Page, scrolledPage } from "./text-tab.ts";

export const curveTones: readonly Tone[] = ["live", "good", "warn", "bad", "strong", "dim"];

export function asChartCurve(curve: Curve, label: string, tone: Tone): ChartCurve {
  const points = curve.values.map((value, index) => ({ step: curve.steps[index] ?? null, value }));
  return { label, points, tone };
}

/** The curve that is shown large: the chosen one, else the one that stands for the run. */
export function chosenCurve(scene: { known: Scene["known"]; ui: Pick<Scene["ui"], "metric"> }): Curve | null {
  const curves = scene.known?.curves ?? [];
  const names = Object.fromEntries(curves.map((curve) => [curve.name, curve.last]));
  const wanted = scene.ui.metric ?? headline(names)?.name ?? null;
  return curves.find((curve) => curve.name === wanted) ?? curves[0] ?? null;
}

export function metricsPage(scene: Scene, area: Area): Page {
  const { known, selected } = scene;
  const curve = chosenCurve(scene);
  if (known === null || selected === null) return { rows: [], foot: [] };
  if (curve === null) {
    const text =
      selected.status === "queued"
        ? "It has not started, so it has logged no metrics."
        : "It has logged no metrics: `from ml_runner import log_metric`, or print `loss: 0.5` and the like.";
    return { rows: [[piece(` ${text}`, "dim")]], foot: [] };
  }
  const face = faceFor(scene, area.width - 2);
  const table = metricTable(known.curves, face).map((line) => [span(" "), ...line]);
  const chartHeight = Math.max(6, Math.min(area.height - Math.min(table.length, 8) - 3, Math.floor(area.height * 0.7)));
  const drawn = asChartCurve(curve, curve.name, "live");
  const lines: Line[] = [
    [span(" "), ...metricFact(curve), ...(known.thinned ? [span("  thinned", "dim")] : [])],
    ...chart([drawn], { width: area.width - 2, height: chartHeight, face }).map((line) => [span(" "), ...line]),
    [],
  ];
  const rows: Row[] = table.map((line, index) =>
    index > 0 && known.curves[index - 1] === curve ? onGround(line as Row, "resting") : (line as Row),
  );
  return scrolledPage(scene, "metrics", { lines: [...lines, ...rows], area });
}

/** Several runs' curves of one name in one chart. */
export function overlay(
  curves: readonly { label: string; curve: Curve }[],
  options: { width: number; height: number; scene: Scene },
): Line[] {
  const { width, height, scene } = options;
  const drawn = curves.map(({ label, curve }, index) =>
    asChartCurve(curve, label, curveTones[index % curveTones.length] ?? "live"),
  );
  return [chartLegend(drawn, scene), ...chart(drawn, { width, height: height - 1, face: scene })];
}
