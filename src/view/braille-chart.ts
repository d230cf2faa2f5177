/**
 * Curves in a terminal: two by four dots a character (Unicode braille, U+2800), or one sign a curve in ASCII; axes with round
 * numbers, and a letter at the end of each curve, so that colour is never the only thing that tells them apart.
 */
import { formatDuration } from "../core/duration.ts";
import type { Axis, DrawnSeries } from "./curve-points.ts";
import { type Face, type Line, type Span, span, type Tone } from "./face.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";

export interface ChartOptions {
  face: Face;
  /** Rows of the plot itself. */
  height: number;
  xName: Axis;
  yName: string;
  logX: boolean;
  logY: boolean;
}

const tones: readonly Tone[] = ["live", "warn", "good", "bad", "strong", "plain"];
const asciiSigns = ["*", "o", "+", "x", "#", "@"];
/** Bit of a dot by its column (0, 1) and row (0 to 3) in the cell. */
const bits = [
  [0x01, 0x02, 0x04, 0x40],
  [0x08, 0x10, 0x20, 0x80],
];

export const letterOf = (index: number): string => String.fromCharCode(97 + (index % 26));
export const toneOf = (index: number): Tone => tones[index % tones.length] ?? "plain";

interface Scale {
  low: number;
  high: number;
  /** 0 to 1 of the way. */
  at(value: number): number;
  ticks: number[];
}

/** Round numbers between two ends: 1, 2 or 5 times a power of ten apart, and at least `least`. */
function roundTicks(low: number, high: number, { most, least = 0 }: { most: number; least?: number }): number[] {
  const rough = Math.max(least, (high - low) / Math.max(1, most));
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((one) => one >= rough) ?? 10 * power;
  const ticks: number[] = [];
  for (let tick = Math.ceil(low / step) * step; tick <= high + step * 1e-9; tick += step)
    ticks.push(Number(tick.toPrecision(12)));
  return ticks;
}

interface ScaleOptions {
  log: boolean;
  /** Ticks, about. */
  most: number;
  /** Between whole numbers there are none. */
  whole?: boolean;
}

function scaleOf(values: readonly number[], { log, most, whole = false }: ScaleOptions): Scale {
  const known = log ? values.map(Math.log10) : values;
  let low = known.reduce((least, value) => Math.min(least, value), Infinity);
  let high = known.reduce((greatest, value) => Math.max(greatest, value), -Infinity);
  if (low === high) [low, high] = [low - (Math.abs(low) * 0.05 || 0.5), high + (Math.abs(high) * 0.05 || 0.5)];
  const powers = roundTicks(low, high, { most })
    .filter((tick) => Number.isInteger(tick))
    .map((tick) => 10 ** tick);
  const ends = [10 ** low, 10 ** high];
  const least = whole ? 1 : 0;
  const ticks = !log ? roundTicks(low, high, { most, least }) : powers.length > 1 ? powers : ends;
  return { low, high, ticks, at: (value) => ((log ? Math.log10(value) : value) - low) / (high - low) };
}

interface Canvas {
  cells: { mask: number; series: number }[][];
  set(x: number, y: number, series: number): void;
}

function makeCanvas(columns: number, rows: number): Canvas {
  const cells = Array.from({ length: rows }, () => Array.from({ length: columns }, () => ({ mask: 0, series: -1 })));
  return {
    cells,
    set(x, y, series) {
      const cell = cells[Math.floor(y / 4)]?.[Math.floor(x / 2)];
      if (cell === undefined) return;
      cell.mask |= bits[x % 2]?.[y % 4] ?? 0;
      cell.series = series;
    },
  };
}

/** Bresenham's line, dots at both ends. */
function drawLine(
  canvas: Canvas,
  from: readonly [number, number],
  to: readonly [number, number],
  series: number,
): void {
  let [x, y] = from;
  const [dx, dy] = [Math.abs(to[0] - x), -Math.abs(to[1] - y)];
  const [stepX, stepY] = [x < to[0] ? 1 : -1, y < to[1] ? 1 : -1];
  for (let error = dx + dy; ; ) {
    canvas.set(x, y, series);
    if (x === to[0] && y === to[1]) return;
    const twice = 2 * error;
    if (twice >= dy) {
      error += dy;
      x += stepX;
    }
    if (twice <= dx) {
      error += dx;
      y += stepY;
    }
  }
}

const xText = (value: number, axis: Axis) => (axis === "time" ? formatDuration(value * 1000) : formatMetric(value));

/** Ticks below the axis, those left out that would touch the one before. */
function tickLine(scale: Scale, columns: number, axis: Axis): string {
  let line = "";
  for (const tick of scale.ticks) {
    const text = xText(tick, axis);
    const at = Math.round(scale.at(tick) * (columns - 1));
    const start = Math.max(0, Math.min(columns - text.length, at - Math.floor(text.length / 2)));
    if (line !== "" && start < line.length + 2) continue;
    line = line.padEnd(start) + text;
  }
  return line;
}

function cellSpans(cells: Canvas["cells"][number], unicode: boolean): Span[] {
  const spans: Span[] = [];
  for (const { mask, series } of cells) {
    const text =
      mask === 0 ? " " : unicode ? String.fromCharCode(0x2800 + mask) : (asciiSigns[series % asciiSigns.length] ?? "*");
    const tone = mask === 0 ? "plain" : toneOf(series);
    const last = spans.at(-1);
    if (last?.tone === tone) last.text += text;
    else spans.push({ text, tone });
  }
  return spans;
}

/** One line a curve: its letter, what it is, its last value, how much could not be drawn. */
export function legendLines(series: readonly DrawnSeries[]): Line[] {
  return series.map(({ label, points, left_out }, index) => [
    span(letterOf(index), toneOf(index)),
    span(` ${safeText(label)}`),
    span(
      points.length === 0
        ? "  nothing to draw"
        : `  last ${left_out === 0 ? "" : "drawn "}${formatMetric(points.at(-1)?.[1] ?? Number.NaN)}`,
      "dim",
    ),
    span(
      left_out === 0
        ? ""
        : `  ${left_out} ${left_out === 1 ? "point" : "points"} not drawn (no finite value on these axes)`,
      "warn",
    ),
  ]);
}

/** How many dots below the top a value stands, and in which row that is: curves, labels and letters agree. */
const dotOf = (scale: Scale, value: number, height: number) => Math.round((1 - scale.at(value)) * (height * 4 - 1));
const rowOf = (scale: Scale, value: number, height: number) => Math.floor(dotOf(scale, value, height) / 4);

/** Letters of the curves by the row in which they end. */
function endLetters(series: readonly DrawnSeries[], scale: Scale, height: number): Map<number, Span[]> {
  const ends = new Map<number, Span[]>();
  for (const [index, { points }] of series.entries()) {
    const last = points.at(-1);
    if (last === undefined) continue;
    const row = rowOf(scale, last[1], height);
    ends.set(row, [...(ends.get(row) ?? []), span(letterOf(index), toneOf(index))]);
  }
  return ends;
}

/** Empty where no curve has a point. */
export function brailleChart(series: readonly DrawnSeries[], options: ChartOptions): Line[] {
  const { face, height } = options;
  const points = series.flatMap((one) => one.points);
  if (points.length === 0) return [];
  const y = scaleOf(
    points.map((point) => point[1]),
    { log: options.logY, most: Math.max(2, Math.floor(height / 3)) },
  );
  const labels = new Map(y.ticks.map((tick) => [rowOf(y, tick, height), formatMetric(tick)]));
  const margin = Math.max(...[...labels.values()].map((text) => text.length));
  const letters = endLetters(series, y, height);
  const tail = Math.max(...[...letters.values()].map((one) => one.length)) + 1;
  const columns = Math.max(16, Math.min(face.width, 160) - margin - 2 - tail);
  const places = points.map((point) => point[0]);
  const x = scaleOf(places, {
    log: options.logX,
    most: Math.max(2, Math.floor(columns / 12)),
    whole: options.xName !== "time" && places.every(Number.isInteger),
  });
  const canvas = makeCanvas(columns, height);
  const place = ([px, py]: readonly [number, number]): readonly [number, number] => [
    Math.round(x.at(px) * (columns * 2 - 1)),
    dotOf(y, py, height),
  ];
  for (const [index, one] of series.entries()) {
    for (const [at, point] of one.points.entries())
      drawLine(canvas, place(one.points[at - 1] ?? point), place(point), index);
  }
  const [wall, tick, corner, floor] = face.unicode ? ["│", "┤", "└", "─"] : ["|", "+", "+", "-"];
  const rows = canvas.cells.map((cells, row): Line => {
    const label = labels.get(row);
    const axis = span(`${(label ?? "").padStart(margin)} ${label === undefined ? wall : tick}`, "dim");
    return [axis, ...cellSpans(cells, face.unicode), span(" "), ...(letters.get(row) ?? [])];
  });
  const name = options.xName + (options.logX ? " (log)" : "");
  return [
    [span(`${safeText(options.yName)}${options.logY ? " (log)" : ""}`, "strong")],
    ...rows,
    [span(`${" ".repeat(margin + 1)}${corner}${(floor ?? "-").repeat(columns)}`, "dim")],
    [span(`${" ".repeat(margin + 2)}${tickLine(x, columns, options.xName)}`, "dim")],
    [span(`${" ".repeat(margin + 2)}${name.padStart(Math.floor((columns + name.length) / 2))}`, "dim")],
  ];
}
