/**
 * Curves as a chart of characters: braille dots (2 by 4 a character) or, in ASCII, one mark a column; a value axis with
 * round numbers, a step axis with its ends, several curves in colours and marks of their own. Values that are not finite
 * leave a gap. A column shows the range of all its points, so that no spike is lost.
 */
import type { Face, Line, Span, Tone } from "./face.ts";
import { span, textWidth } from "./face.ts";
import { formatMetric } from "./metric.ts";

export interface ChartCurve {
  label: string;
  /** Null steps count from 0. */
  points: readonly { step: number | null; value: number }[];
  tone: Tone;
}

export interface ChartOptions {
  width: number;
  height: number;
  face: Pick<Face, "unicode">;
}

/** Marks of the curves in ASCII, where there are no colours to tell them apart. */
const asciiMarks = ["*", "o", "+", "x", "#", "@"];
/** Bits of a braille cell by column and row of its dots (Unicode 8.5, U+2800). */
const dots = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];

interface Range {
  low: number;
  high: number;
}

/** 1, 2 or 5 times a power of ten, at least `least`. */
function roundStep(least: number): number {
  const power = 10 ** Math.floor(Math.log10(least));
  const factor = [1, 2, 5, 10].find((one) => one * power >= least * 0.999) ?? 10;
  return factor * power;
}

function rangeOf(values: readonly number[]): Range | null {
  let low = Infinity;
  let high = -Infinity;
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return low > high ? null : { low, high };
}

/** Widened to round numbers; a flat curve gets room around it. */
function niceRange({ low, high }: Range, ticks: number): Range & { step: number } {
  const spread = high - low || Math.abs(high) * 0.1 || 1;
  const step = roundStep(spread / Math.max(1, ticks));
  let from = Math.floor(low / step) * step;
  let to = Math.ceil(high / step) * step;
  if (from === to) {
    from -= step;
    to += step;
  }
  return { low: from, high: to, step };
}

interface Cells {
  bits: Uint8Array;
  owner: Int8Array;
}

/** Sets the dots of one curve: each dot column spans from the least to the greatest of its values, joined to the last. */
function drawCurve(cells: Cells, curve: ChartCurve, plot: Plot & { index: number }): void {
  const { columns, rows, x, y, index } = plot;
  const lows = new Float64Array(columns * plot.across).fill(Infinity);
  const highs = new Float64Array(columns * plot.across).fill(-Infinity);
  const dotRows = rows * plot.down;
  for (const [order, point] of curve.points.entries()) {
    if (!Number.isFinite(point.value)) continue;
    const share = (stepOf(point, order) - x.low) / (x.high - x.low || 1);
    const column = Math.min(lows.length - 1, Math.max(0, Math.floor(share * lows.length)));
    const height = (1 - (point.value - y.low) / (y.high - y.low)) * (dotRows - 1);
    lows[column] = Math.min(lows[column] ?? Infinity, height);
    highs[column] = Math.max(highs[column] ?? -Infinity, height);
  }
  let before: number | null = null;
  let beforeColumn = 0;
  for (let column = 0; column < lows.length; column++) {
    const [low, high] = [lows[column] ?? Infinity, highs[column] ?? -Infinity];
    if (low > high) continue;
    if (before !== null) joinDots(cells, plot, { index, from: [beforeColumn, before], to: [column, (low + high) / 2] });
    for (let row = Math.round(low); row <= Math.round(high); row++) setDot(cells, plot, { column, row, index });
    before = (low + high) / 2;
    beforeColumn = column;
  }
}

interface Plot {
  columns: number;
  rows: number;
  /** Dots a character across and down. */
  across: number;
  down: number;
  x: Range;
  y: Range;
}

function stepOf(point: ChartCurve["points"][number], order: number): number {
  return point.step ?? order;
}

function joinDots(
  cells: Cells,
  plot: Plot,
  line: { index: number; from: [number, number]; to: [number, number] },
): void {
  const [fromColumn, fromRow] = line.from;
  const [toColumn, toRow] = line.to;
  const steps = Math.max(toColumn - fromColumn, Math.ceil(Math.abs(toRow - fromRow)));
  for (let at = 1; at < steps; at++) {
    const column = Math.round(fromColumn + ((toColumn - fromColumn) * at) / steps);
    const row = Math.round(fromRow + ((toRow - fromRow) * at) / steps);
    setDot(cells, plot, { column, row, index: line.index });
  }
}

function setDot(cells: Cells, plot: Plot, dot: { column: number; row: number; index: number }): void {
  const cellColumn = Math.floor(dot.column / plot.across);
  const cellRow = Math.floor(dot.row / plot.down);
  if (cellRow < 0 || cellRow >= plot.rows) return;
  const at = cellRow * plot.columns + cellColumn;
  cells.bits[at] = (cells.bits[at] ?? 0) | (dots[dot.column % plot.across]?.[dot.row % plot.down] ?? 1);
  cells.owner[at] = dot.index;
}

function plotRow(cells: Cells, row: number, options: { plot: Plot; curves: readonly ChartCurve[]; unicode: boolean }) {
  const spans: Span[] = [];
  const { plot, curves, unicode } = options;
  for (let column = 0; column < plot.columns; column++) {
    const at = row * plot.columns + column;
    const bits = cells.bits[at] ?? 0;
    const owner = cells.owner[at] ?? 0;
    const mark = unicode ? String.fromCodePoint(0x2800 + bits) : (asciiMarks[owner % asciiMarks.length] ?? "*");
    const text = bits === 0 ? " " : mark;
    const tone = bits === 0 ? "plain" : (curves[owner]?.tone ?? "live");
    const last = spans.at(-1);
    if (last !== undefined && last.tone === tone) last.text += text;
    else spans.push({ text, tone });
  }
  return spans;
}

function labelRow(low: string, high: string, width: number): string {
  const gap = width - textWidth(low) - textWidth(high);
  return gap > 0 ? low + " ".repeat(gap) + high : high.padStart(width).slice(-width);
}

/** Exactly `height` lines of at most `width` columns; a sentence in their place where there is nothing to draw. */
export function chart(curves: readonly ChartCurve[], options: ChartOptions): Line[] {
  const { width, height, face } = options;
  const values = rangeOf(curves.flatMap((curve) => curve.points.map((point) => point.value)));
  const steps = rangeOf(curves.flatMap((curve) => curve.points.map(stepOf)));
  const rows = height - 2;
  if (values === null || steps === null || rows < 2)
    return Array.from({ length: height }, (_, row) => (row === 0 ? [span("nothing finite to draw", "dim")] : []));
  const y = niceRange(values, Math.max(1, Math.floor(rows / 2)));
  const ticks = new Map<number, string>();
  for (let count = 0; y.low + count * y.step <= y.high + y.step / 2; count++) {
    const value = y.low + count * y.step;
    const row = Math.round((1 - (value - y.low) / (y.high - y.low)) * (rows - 1));
    ticks.set(row, formatMetric(Number(value.toPrecision(10))));
  }
  const axisWidth = Math.max(...[...ticks.values()].map((text) => text.length));
  const columns = Math.max(1, width - axisWidth - 2);
  const [across, down] = face.unicode ? [2, 4] : [1, 1];
  const plot: Plot = { columns, rows, across, down, x: steps, y };
  const cells: Cells = { bits: new Uint8Array(columns * rows), owner: new Int8Array(columns * rows) };
  for (const [index, curve] of curves.entries()) drawCurve(cells, curve, { ...plot, index });
  const [tick, bar, corner, line] = face.unicode ? ["┤", "│", "└", "─"] : ["+", "|", "+", "-"];
  const lines: Line[] = Array.from({ length: rows }, (_, row) => [
    span(`${(ticks.get(row) ?? "").padStart(axisWidth)} ${ticks.has(row) ? tick : bar}`, "dim"),
    ...plotRow(cells, row, { plot, curves, unicode: face.unicode }),
  ]);
  const labels = labelRow(formatMetric(steps.low), `step ${formatMetric(steps.high)}`, columns);
  return [
    ...lines,
    [span(`${" ".repeat(axisWidth + 1)}${corner}${line.repeat(columns)}`, "dim")],
    [span(`${" ".repeat(axisWidth + 2)}${labels}`, "dim")],
  ];
}

/** Which curve is which: its mark or colour, label, and last value. */
export function chartLegend(curves: readonly ChartCurve[], face: Pick<Face, "unicode">): Line {
  return curves.flatMap((curve, index) => [
    ...(index === 0 ? [] : [span("   ")]),
    span(face.unicode ? "━━ " : `${asciiMarks[index % asciiMarks.length]} `, curve.tone),
    span(curve.label),
  ]);
}
