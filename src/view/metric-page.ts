/** Metrics of a run as a table: name, course, last, best, least, most, how many. */
import { type Face, type Line, span } from "./face.ts";
import { unknown } from "./mark.ts";
import { type Curve, formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { sparkline } from "./spark.ts";
import { type Column, layTable, type Row } from "./table.ts";

const columns: readonly Column[] = [
  { name: "metric", least: 8, most: 40 },
  { name: "course", keep: 6 },
  { name: "last", align: "right" },
  { name: "best", align: "right", keep: 5 },
  { name: "at step", align: "right", keep: 1 },
  { name: "min", align: "right", keep: 2 },
  { name: "max", align: "right", keep: 2 },
  { name: "points", align: "right", keep: 3 },
];

function curveRow(curve: Curve, face: Face): Row {
  const number = (value: number | null) =>
    value === null || Number.isNaN(value) ? [unknown(face)] : [span(formatMetric(value))];
  const width = face.width < 90 ? 12 : 24;
  return {
    metric: [span(safeText(curve.name))],
    course: [span(sparkline(curve.values, { width, unicode: face.unicode }), "live")],
    last: [span(formatMetric(curve.last), "strong")],
    best: curve.best === null ? [unknown(face)] : [span(formatMetric(curve.best), "good")],
    "at step": curve.bestStep === null ? [unknown(face)] : [span(String(curve.bestStep), "dim")],
    min: number(curve.min),
    max: number(curve.max),
    points: [span(String(curve.count), "dim")],
  };
}

/** A header and one line a metric. */
export function metricTable(curves: readonly Curve[], face: Face, indent = 0): Line[] {
  const header: Row = Object.fromEntries(columns.map((column) => [column.name, [span(column.name, "dim")]]));
  return layTable(columns, [header, ...curves.map((curve) => curveRow(curve, face))], { face, indent });
}
