/** What a reproduction came to: the verdict in a sentence, metric beside metric, and what differs around them. */
import type { Difference, MetricMatch, Reproduction } from "../protocol/keep.ts";
import { cutLine, type Face, type Line, span, type Tone, wrapText } from "./face.ts";
import { shortId, unknown } from "./mark.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";

const words: Record<Reproduction["verdict"], { text: string; mark: string; ascii: string; tone: Tone }> = {
  reproduced: { text: "reproduced", mark: "✓", ascii: "+", tone: "good" },
  not_reproduced: { text: "not reproduced", mark: "✗", ascii: "x", tone: "bad" },
  undecided: { text: "undecided", mark: "?", ascii: "?", tone: "warn" },
  pending: { text: "not yet", mark: "○", ascii: "o", tone: "live" },
};
const metricColumns: readonly Column[] = [
  { name: "" },
  { name: "metric", least: 8, most: 40 },
  { name: "source", align: "right" },
  { name: "again", align: "right" },
  { name: "differs by", align: "right" },
  { name: "allowed", align: "right", keep: 2 },
];
const differenceColumns: readonly Column[] = [
  { name: "what", least: 10, most: 40 },
  { name: "source", least: 8 },
  { name: "again", least: 8 },
];
const shownMetrics = 30;
const shownDifferences = 15;

/** `0`, `3e-7`, `0.4 %`. */
function shareText(share: number | null, face: Face): string {
  if (share === null) return unknown(face).text;
  if (share === 0) return "0";
  return share < 1e-4 ? share.toExponential(0) : `${formatMetric(share * 100)} %`;
}

/** What decides, in words: `4.1 % by noise of 5 runs`, `1e-6 for rounding`, `0.5 % as asked`. */
function allowedText({ allowed, by, repeats }: MetricMatch, face: Face): string {
  const why = { tolerance: "as asked", noise: `by noise of ${repeats} runs`, default: "for rounding" }[by];
  return `${shareText(allowed, face)} ${why}`;
}

function metricRow(match: MetricMatch, face: Face): Row {
  const value = (given: number | string | null) => (given === null ? unknown(face) : span(formatMetric(given)));
  const { mark, ascii, tone } = words[match.equal ? "reproduced" : "not_reproduced"];
  return {
    "": [span(face.unicode ? mark : ascii, tone)],
    metric: [span(safeText(match.name))],
    source: [value(match.source)],
    again: [value(match.again)],
    "differs by": [span(shareText(match.difference, face), match.equal ? "plain" : "bad")],
    allowed: [span(allowedText(match, face), "dim")],
  };
}

const headerOf = (columns: readonly Column[]): Row =>
  Object.fromEntries(columns.map(({ name }) => [name, [span(name, "dim")]]));

function metricLines(found: Reproduction, face: Face): Line[] {
  if (found.metrics.length === 0) return [];
  const rows = found.metrics.slice(0, shownMetrics).map((match) => metricRow(match, face));
  const more = found.metrics.length - shownMetrics;
  return [
    [],
    ...layTable(metricColumns, [headerOf(metricColumns), ...rows], { face, indent: 2 }),
    ...(more > 0 ? [[span(`  and ${more} more (--json has all)`, "dim")]] : []),
  ];
}

function differenceLines(title: string, differences: readonly Difference[], face: Face): Line[] {
  if (differences.length === 0) return [[span(`  ${title}: the same`, "dim")]];
  const cell = (text: string | null) => (text === null ? unknown(face) : span(safeText(text)));
  const rows = differences.slice(0, shownDifferences).map(({ what, source, again }) => ({
    what: [span(safeText(what))],
    source: [cell(source)],
    again: [cell(again)],
  }));
  const more = differences.length - shownDifferences;
  return [
    [span(`  ${title}: ${differences.length} ${differences.length === 1 ? "difference" : "differences"}`, "warn")],
    ...layTable(differenceColumns, [headerOf(differenceColumns), ...rows], { face, indent: 4 }),
    ...(more > 0 ? [[span(`    and ${more} more (--json has all)`, "dim")]] : []),
  ];
}

export function reproductionPage(found: Reproduction, face: Face): Line[] {
  const { text, mark, ascii, tone } = words[found.verdict];
  const head = `${face.unicode ? mark : ascii} ${text}`;
  const body = wrapText(safeText(found.sentence), Math.max(20, face.width - 4));
  const lines: Line[] = [
    cutLine(
      [span(head, tone), span(`  ${shortId(found.run_id)}`, "accent"), span(` of ${found.source_run}`, "dim")],
      face.width,
      face.unicode,
    ),
    ...body.map((line) => [span(`  ${line}`)]),
  ];
  if (found.verdict === "pending") return lines;
  const noise = found.repeats.length > 0 ? `  noise measured with ${found.repeats.map(shortId).join(" ")}` : null;
  return [
    ...lines,
    ...metricLines(found, face),
    ...(found.not_compared.length > 0
      ? [[span(`  not compared, as they measure time or load: ${found.not_compared.map(safeText).join(", ")}`, "dim")]]
      : []),
    ...(noise === null ? [] : [[span(noise, "dim")]]),
    ...found.artifacts.differing.slice(0, 5).map((path): Line => [span(`  differs: work/${safeText(path)}`, "warn")]),
    [],
    ...(found.seen
      ? differenceLines("environment", found.environment, face)
      : [[span("  environment and hardware: not known", "dim")]]),
    ...(found.seen ? differenceLines("hardware", found.hardware, face) : []),
  ].map((line) => cutLine(line, face.width, face.unicode));
}
