/** What a pattern of printed lines would find: how many lines fit, the metrics, and the first lines with what was taken out of them. */
import type { Reply } from "../protocol/requests.ts";
import { cutLine, type Face, type Line, span } from "./face.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable } from "./table.ts";

const columns: readonly Column[] = [
  { name: "metric", least: 8, most: 40 },
  { name: "points", align: "right" },
  { name: "first", align: "right" },
  { name: "last", align: "right" },
];
const shownLines = 5;

type Point = Reply<"metrics.try">["samples"][number]["points"][number];

function pointText({ name, value, step }: Point): string {
  return `${safeText(name)} ${formatMetric(value)}${step === null ? "" : ` at ${step}`}`;
}

export function patternPage(found: Reply<"metrics.try">, face: Face): Line[] {
  const count = `${found.matched} of ${found.lines} ${found.lines === 1 ? "line" : "lines"} of ${found.run_id}`;
  const cut = found.cut ? [span(" (only the first 256 MB were read)", "warn")] : [];
  if (found.matched === 0)
    return [[span("no match", "warn"), span(`  in ${found.lines} lines of ${found.run_id}`), ...cut]];
  const header = Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));
  const rows = found.metrics.map((metric) => ({
    metric: [span(safeText(metric.name))],
    points: [span(String(metric.count))],
    first: [span(formatMetric(metric.first))],
    last: [span(formatMetric(metric.last), "strong")],
  }));
  const samples = found.samples
    .slice(0, shownLines)
    .flatMap(({ line, points }): Line[] => [
      [span(safeText(line))],
      [span(`  ${points.map(pointText).join(", ")}`, "good")],
    ]);
  return [
    [span("fits", "good"), span(`  ${count}`), ...cut],
    [],
    ...layTable(columns, [header, ...rows], { face }),
    [],
    ...samples.map((line) => cutLine(line, face.width, face.unicode)),
  ];
}
