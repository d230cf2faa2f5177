/** The metrics of a run: one curve large, with axes, and all of them as a table. */
import { brailleChart } from "../../view/braille-chart.ts";
import { curveOf } from "../../view/curve-points.ts";
import type { Line } from "../../view/face.ts";
import { span, wrapText } from "../../view/face.ts";
import { type Curve, headline, type Point } from "../../view/metric.ts";
import { metricTable } from "../../view/metric-page.ts";
import { metricFact } from "../../view/verdict-block.ts";
import { type Area, onGround, piece, type Row } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";
import { type Page, scrolledPage } from "./text-tab.ts";

/** Lines of a chart besides those of its plot: name, axis, ticks and the axis' name. */
const chartFrame = 4;
/** Rows of the table that stay on the screen under the curve. */
const tableRows = 8;

/** The curve that is shown large: the chosen one, else the one that stands for the run. */
export function chosenCurve(scene: { known: Scene["known"]; ui: Pick<Scene["ui"], "metric"> }): Curve | null {
  const curves = scene.known?.curves ?? [];
  const names = Object.fromEntries(curves.map((curve) => [curve.name, curve.last]));
  const wanted = scene.ui.metric ?? headline(names)?.name ?? null;
  return curves.find((curve) => curve.name === wanted) ?? curves[0] ?? null;
}

/** Curves of one metric in `height` lines; empty where there is nothing to draw, or no room. */
export function drawCurves(
  runs: readonly { label: string; points: readonly Point[] }[],
  options: { metric: string; width: number; height: number; scene: Scene },
): Line[] {
  const { metric, width, height, scene } = options;
  if (height < chartFrame + 3) return [];
  const wish = { metric, x: "step" as const, smooth: 0, logX: false, logY: false };
  const series = runs.map(({ label, points }) => curveOf(label, points, wish));
  const face = faceFor(scene, width);
  return brailleChart(series, {
    face,
    height: height - chartFrame,
    xName: "step",
    yName: metric,
    logX: false,
    logY: false,
  });
}

export function metricsPage(scene: Scene, area: Area): Page {
  const { known, selected } = scene;
  const curve = chosenCurve(scene);
  if (known === null || selected === null) return { rows: [], foot: [] };
  if (curve === null) {
    const text =
      selected.status === "queued"
        ? "It has not started, so it has logged no metrics."
        : selected.status === "running" || selected.status === "starting"
          ? "It has logged no metrics so far. Lines `ml:metric loss=0.5 step=1` that it prints are read when it has ended; what `ml_runner` logs is there at once."
          : "It has logged no metrics: `from ml_runner import log_metric`, or print `ml:metric loss=0.5 step=1`.";
    return { rows: wrapText(text, area.width - 2).map((line) => [piece(` ${line}`, "dim")]), foot: [] };
  }
  const width = area.width - 2;
  const table = metricTable(known.curves, faceFor(scene, width)).map((line) => [span(" "), ...line]);
  const height = Math.max(chartFrame + 3, area.height - Math.min(table.length, tableRows) - 2);
  const drawn = drawCurves([{ label: curve.name, points: known.points }], { metric: curve.name, width, height, scene });
  const lines: Line[] = [
    [span(" "), ...metricFact(curve), ...(known.thinned ? [span("  thinned", "dim")] : [])],
    ...drawn.slice(1).map((line) => [span(" "), ...line]),
    [],
  ];
  const rows: Row[] = table.map((line, index) =>
    index > 0 && known.curves[index - 1] === curve ? onGround(line as Row, "resting") : (line as Row),
  );
  return scrolledPage(scene, "metrics", { lines: [...lines, ...rows], area });
}
