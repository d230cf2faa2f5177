/** Marked runs side by side: only what differs between them, as the server tells it, and their curves in one chart. */
import { legendLines } from "../../view/braille-chart.ts";
import { compareTable, sameLine } from "../../view/compare-table.ts";
import { curveOf } from "../../view/curve-points.ts";
import { type Line, span, wrapText } from "../../view/face.ts";
import { headline } from "../../view/metric.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Area, box, inside, type Layer, piece, type Row } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";
import { drawCurves } from "./metrics.ts";

const mostChartRows = 22;

/** The metric that most of the runs have, the telling ones first. */
function sharedMetric(scene: Scene): string | null {
  const counts = new Map<string, number>();
  for (const { known } of scene.marked)
    for (const curve of known?.curves ?? []) counts.set(curve.name, (counts.get(curve.name) ?? 0) + 1);
  const most = Math.max(0, ...counts.values());
  const candidates = Object.fromEntries([...counts].filter(([, count]) => count === most).map(([name]) => [name, 0]));
  const wanted = scene.ui.metric;
  return wanted !== null && counts.has(wanted) ? wanted : (headline(candidates)?.name ?? null);
}

function curveLines(scene: Scene, size: { width: number; height: number }): Line[] {
  const metric = sharedMetric(scene);
  if (metric === null) return [];
  const runs = scene.marked.map(({ run, known }) => ({ label: run.name, points: known?.points ?? [] }));
  const wish = { metric, x: "step" as const, smooth: 0, logX: false, logY: false };
  const legend = legendLines(runs.map(({ label, points }) => curveOf(label, points, wish)));
  const drawn = drawCurves(runs, { metric, scene, width: size.width, height: size.height - legend.length });
  return drawn.length === 0 ? [] : [[], ...drawn, ...legend];
}

export function drawCompare(scene: Scene, area: Area): Layer {
  const room = inside(area);
  const face = faceFor(scene, room.width - 2);
  const title: Row = [piece("Compare", "strong")];
  const panel = { ...area, title, focused: true, unicode: scene.unicode };
  const says = (text: string, tone: "dim" | "warn") => box({ ...panel, rows: [[], [piece(`  ${text}`, tone)]] });
  if (scene.marked.length < 2) {
    const key = scene.keymap.keysOf("mark")[0];
    return says(
      `Mark two or more runs with ${key} in the list of runs; what differs between them stands here then.`,
      "dim",
    );
  }
  const { comparison, problem } = scene.compared;
  if (comparison === null)
    return says(problem === null ? "reading …" : safeText(problem), problem === null ? "dim" : "warn");
  const same = sameLine(comparison);
  const sameText = same === null ? [] : wrapText(same.map((part) => part.text).join(""), face.width);
  const table: Line[] = [...compareTable(comparison, face), [], ...sameText.map((text): Line => [span(text, "dim")])];
  const height = Math.min(mostChartRows, room.height - table.length - 1);
  const lines = [...table, ...curveLines(scene, { width: face.width, height })];
  const most = Math.max(0, lines.length - room.height);
  scene.ui.scroll.overview = Math.min(scene.ui.scroll.overview, most);
  const shown = lines.slice(scene.ui.scroll.overview);
  return box({ ...panel, rows: shown.map((line): Row => [piece(" "), ...line]) });
}
