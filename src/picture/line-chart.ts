/**
 * Curves as an SVG for a paper: white ground, a palette that colour-blind readers can tell apart (Okabe and Ito, 2008) and dash
 * patterns, so that it also survives a black-and-white printer; no two of sixty-four curves share both. Vega lays it out without any browser.
 */
import { parse, type Spec, View } from "vega";
import type { Axis, DrawnSeries } from "../view/curve-points.ts";
import { escapeXml } from "../view/escape-xml.ts";

export interface ChartWishes {
  title: string | null;
  xName: Axis;
  yName: string;
  logX: boolean;
  logY: boolean;
  width: number;
  height: number;
}

const palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D1F"];
const dashes = [
  [1, 0],
  [6, 2],
  [2, 2],
  [8, 2, 2, 2],
  [4, 4],
  [10, 3],
  [1, 3],
  [6, 2, 1, 2],
];
/** Every round of the palette begins one pattern further on. */
const dashOf = (at: number) => dashes[(at + Math.floor(at / palette.length)) % dashes.length] ?? [1, 0];
/** Above this many points a curve has no dots: they would be the line. */
const dottedPoints = 30;
export const chartFont = "DejaVu Sans, Helvetica, Arial, sans-serif";

/** Time in the largest unit of which there are at least two. */
function timeUnit(series: readonly DrawnSeries[]): { divisor: number; name: string } {
  const longest = series.reduce((most, { points }) => Math.max(most, points.at(-1)?.[0] ?? 0), 0);
  if (longest >= 2 * 86_400) return { divisor: 86_400, name: "days" };
  if (longest >= 2 * 3600) return { divisor: 3600, name: "hours" };
  return longest >= 2 * 60 ? { divisor: 60, name: "minutes" } : { divisor: 1, name: "seconds" };
}

function specOf(series: readonly DrawnSeries[], wishes: ChartWishes): Spec {
  const unit = wishes.xName === "time" ? timeUnit(series) : null;
  const labels = series.map(({ label }) => label);
  const values = series.flatMap(({ label, points }) =>
    points.map(([x, y]) => ({ x: x / (unit?.divisor ?? 1), y, run: label, dots: points.length <= dottedPoints })),
  );
  const isWhole = unit === null && !wishes.logX && values.every(({ x }) => Number.isInteger(x));
  const axis = {
    labelFont: chartFont,
    titleFont: chartFont,
    titleFontWeight: "normal" as const,
    gridColor: "#e6e6e6",
    grid: true,
    tickCount: 6,
  };
  const legend = {
    stroke: "color",
    strokeDash: "dash",
    symbolType: "stroke",
    symbolSize: 400,
    labelFont: chartFont,
    labelLimit: 0,
  };
  const xTitle = unit === null ? wishes.xName : `time (${unit.name})`;
  return {
    $schema: "https://vega.github.io/schema/vega/v6.json",
    width: wishes.width,
    height: wishes.height,
    padding: 8,
    background: "white",
    ...(wishes.title === null ? {} : { title: { text: wishes.title, font: chartFont, anchor: "start" as const } }),
    data: [{ name: "points", values }],
    scales: [
      {
        name: "x",
        type: wishes.logX ? "log" : "linear",
        domain: { data: "points", field: "x" },
        range: "width",
        zero: false,
        nice: wishes.logX,
      },
      {
        name: "y",
        type: wishes.logY ? "log" : "linear",
        domain: { data: "points", field: "y" },
        range: "height",
        zero: false,
        nice: !wishes.logY,
      },
      { name: "color", type: "ordinal", domain: labels, range: palette },
      { name: "dash", type: "ordinal", domain: labels, range: labels.map((_, at) => dashOf(at)) },
    ],
    axes: [
      { orient: "bottom", scale: "x", title: xTitle, ...axis, ...(isWhole ? { tickMinStep: 1 } : {}) },
      { orient: "left", scale: "y", title: wishes.yName, ...axis },
    ],
    legends: series.length < 2 ? [] : [legend],
    marks: [
      {
        type: "group",
        from: { facet: { name: "curve", data: "points", groupby: "run" } },
        marks: [
          {
            type: "line",
            from: { data: "curve" },
            encode: {
              enter: {
                x: { scale: "x", field: "x" },
                y: { scale: "y", field: "y" },
                stroke: { scale: "color", field: "run" },
                strokeDash: { scale: "dash", field: "run" },
                strokeWidth: { value: 1.6 },
              },
            },
          },
          {
            type: "symbol",
            from: { data: "curve" },
            encode: {
              enter: {
                x: { scale: "x", field: "x" },
                y: { scale: "y", field: "y" },
                fill: { scale: "color", field: "run" },
                size: { value: 14 },
                opacity: { signal: "datum.dots ? 1 : 0" },
              },
            },
          },
        ],
      },
    ],
  };
}

/** `about` is kept inside the file, so that a picture still says what it shows when it has lost its name. */
export async function lineChartSvg(
  series: readonly DrawnSeries[],
  wishes: ChartWishes,
  about: string,
): Promise<string> {
  const view = new View(parse(specOf(series, wishes)), { renderer: "none" });
  try {
    const svg = await view.toSVG();
    return `${svg.replace(/^(<svg[^>]*>)/, `$1<desc>${escapeXml(about)}</desc>`)}\n`;
  } finally {
    view.finalize();
  }
}
