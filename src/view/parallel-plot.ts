/**
 * A parallel plot in text: an axis a parameter and one for the metric, a line a run, drawn in braille (or dots); lines of
 * the better half are told apart by tone and the best one is drawn last. Every axis says what its ends mean.
 */
import { type Face, type Line, type Span, span, type Tone } from "./face.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";

export interface Axis {
  name: string;
  /** Bottom to top. Numbers are placed by rank, not by size: values of a sweep are mostly spaced by ratio. */
  values: readonly string[];
}

export interface PlottedRun {
  /** One of its axis' values each; null where the parameter does not apply. */
  at: readonly (string | null)[];
  metric: number;
}

export interface ParallelPlot {
  axes: readonly Axis[];
  metric: { name: string; direction: "max" | "min" };
  runs: readonly PlottedRun[];
}

const rows = 9;
/** Dots of a braille cell by column and row (Unicode, Braille Patterns). */
const dots = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];

interface Cell {
  bits: number;
  tone: Tone;
}

class Canvas {
  readonly #cells: Cell[];
  constructor(
    readonly columns: number,
    readonly height: number,
  ) {
    this.#cells = Array.from({ length: columns * height }, () => ({ bits: 0, tone: "dim" as Tone }));
  }

  dot(x: number, y: number, tone: Tone): void {
    const [column, row] = [Math.floor(x / 2), Math.floor(y / 4)];
    const cell = this.#cells[row * this.columns + column];
    if (cell === undefined || column < 0 || column >= this.columns) return;
    cell.bits |= dots[x & 1]?.[y & 3] ?? 0;
    cell.tone = tone;
  }

  line(from: readonly [number, number], to: readonly [number, number], tone: Tone): void {
    const steps = Math.max(1, Math.abs(to[0] - from[0]), Math.abs(to[1] - from[1]));
    for (let step = 0; step <= steps; step += 1) {
      const share = step / steps;
      this.dot(Math.round(from[0] + (to[0] - from[0]) * share), Math.round(from[1] + (to[1] - from[1]) * share), tone);
    }
  }

  row(index: number, unicode: boolean): Span[] {
    const cells = this.#cells.slice(index * this.columns, (index + 1) * this.columns);
    return cells.map(({ bits, tone }) => {
      if (bits === 0) return span(" ");
      return span(unicode ? String.fromCodePoint(0x2800 + bits) : ".", tone);
    });
  }
}

/** 0 at the bottom, 1 at the top. */
function heightOn(axis: Axis, value: string): number {
  const index = axis.values.indexOf(value);
  return axis.values.length < 2 ? 0.5 : Math.max(0, index) / (axis.values.length - 1);
}

function labelled(words: readonly string[], columns: readonly number[], width: number): Line {
  let text = "";
  for (const [index, word] of words.entries()) {
    const next = columns[index + 1] ?? width;
    const at = Math.min(columns[index] ?? 0, index === words.length - 1 ? Math.max(0, width - word.length) : width);
    const start = Math.max(text.length, at);
    text = text.padEnd(start) + word.slice(0, Math.max(1, next - start - (index === words.length - 1 ? 0 : 1)));
  }
  return [span(text, "dim")];
}

/** Nothing where fewer than two runs have a value, or where it is too narrow to be read. */
export function parallelPlot(plot: ParallelPlot, face: Face): Line[] {
  const { axes, runs, metric } = plot;
  const width = Math.min(Number.isFinite(face.width) ? face.width : 80, 100) - 2;
  if (runs.length < 2 || axes.length === 0 || width < 12 * (axes.length + 1)) return [];
  const found = runs.map((run) => run.metric);
  const [low, high] = [Math.min(...found), Math.max(...found)];
  const canvas = new Canvas(width, rows);
  const [dotsWide, dotsHigh] = [width * 2 - 1, rows * 4 - 1];
  const columns = Array.from({ length: axes.length + 1 }, (_, index) =>
    Math.round((index * (width - 1)) / axes.length),
  );
  const xOf = (index: number) => Math.min(dotsWide, (columns[index] ?? 0) * 2);
  const yOf = (share: number) => Math.round((1 - share) * dotsHigh);
  const better = (value: number) => (high > low ? (value - low) / (high - low) : 0.5);
  const goodness = (run: PlottedRun) => (metric.direction === "max" ? better(run.metric) : 1 - better(run.metric));
  const ordered = [...runs].sort((a, b) => goodness(a) - goodness(b));
  for (const [index, run] of ordered.entries()) {
    const tone: Tone = index === ordered.length - 1 ? "good" : goodness(run) >= 0.5 ? "accent" : "dim";
    const path = run.at.map((value, axis) => {
      const shown = axes[axis];
      return value === null || shown === undefined ? null : ([xOf(axis), yOf(heightOn(shown, value))] as const);
    });
    const points = [...path, [xOf(axes.length), yOf(better(run.metric))] as const].filter((point) => point !== null);
    for (const [at, point] of points.entries()) {
      const next = points[at + 1];
      if (next !== undefined) canvas.line(point, next, tone);
    }
  }
  const text = (value: string | undefined) => safeText(value ?? "");
  const tops = [...axes.map((axis) => text(axis.values.at(-1))), formatMetric(high)];
  const bottoms = [...axes.map((axis) => text(axis.values[0])), formatMetric(low)];
  const names = [...axes.map((axis) => text(axis.name)), text(metric.name)];
  const indent = span("  ");
  return [
    [indent, ...labelled(names, columns, width).map((part) => span(part.text, "strong"))],
    [indent, ...labelled(tops, columns, width)],
    ...Array.from({ length: rows }, (_, index): Line => [indent, ...canvas.row(index, face.unicode)]),
    [indent, ...labelled(bottoms, columns, width)],
  ];
}
