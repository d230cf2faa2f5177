/** Curves as they are drawn: what x is, what smoothing does, what is left out and said to be; and the chart itself. */
import { expect, test } from "bun:test";
import { brailleChart, legendLines } from "../../../src/view/braille-chart.ts";
import { type CurveOptions, curveOf } from "../../../src/view/curve-points.ts";
import { lineWidth } from "../../../src/view/face.ts";
import type { Point } from "../../../src/view/metric.ts";
import { face, text } from "./sample.ts";

const options: CurveOptions = { metric: "loss", x: "step", smooth: 0, logX: false, logY: false };
const point = (value: number | string, step: number | null, given: Partial<Point> = {}): Point => ({
  name: "loss",
  value,
  step,
  t: 1000 + (step ?? 0) * 10,
  ...given,
});
const falling = Array.from({ length: 50 }, (_, step) => point(1 / (step + 1), step));

test("x is the step, the time since the first point, or the epoch that was logged before", () => {
  const points = [point(0, 0, { name: "epoch" }), point(3, 5), point(1, 6, { name: "epoch" }), point(2, 7)];
  expect(curveOf("a", points, options).points).toEqual([
    [5, 3],
    [7, 2],
  ]);
  expect(curveOf("a", points, { ...options, x: "time" }).points).toEqual([
    [50, 3],
    [70, 2],
  ]);
  expect(curveOf("a", points, { ...options, x: "epoch" }).points).toEqual([
    [0, 3],
    [1, 2],
  ]);
  expect(curveOf("a", [point(3, null), point(2, null)], options).points).toEqual([
    [0, 3],
    [1, 2],
  ]);
});

test("what the axes cannot show is left out and counted", () => {
  const points = [point("NaN", 0), point(-1, 1), point(1, 2), point("Infinity", 3)];
  expect(curveOf("a", points, { ...options, logY: true })).toMatchObject({ points: [[2, 1]], left_out: 3 });
});

test("smoothing keeps a constant, and the mean of two is the mean of two", () => {
  const constant = [0, 1, 2, 3].map((step) => point(5, step));
  for (const [, y] of curveOf("a", constant, { ...options, smooth: 0.9 }).points) expect(y).toBeCloseTo(5);
  const steps = [0, 2, 4].map((value, step) => point(value, step));
  expect(curveOf("a", steps, { ...options, smooth: 2 }).points.map(([, y]) => y)).toEqual([0, 1, 3]);
});

test("the chart keeps to its width and height, in braille and in ASCII", () => {
  const series = [curveOf("falling", falling, options), curveOf("flat", [point(0.5, 0), point(0.5, 49)], options)];
  for (const unicode of [true, false]) {
    const shown = face(60, unicode);
    const lines = brailleChart(series, {
      face: shown,
      height: 8,
      xName: "step",
      yName: "loss",
      logX: false,
      logY: false,
    });
    expect(lines).toHaveLength(8 + 4);
    expect(Math.max(...lines.map(lineWidth))).toBeLessThanOrEqual(60);
    expect(text([...lines, ...legendLines(series)])).toMatchSnapshot();
    if (!unicode) expect(text(lines)).toMatch(/^[\x20-\x7e\n]*$/);
  }
});

test("nothing to draw, one point, and equal values are no trouble", () => {
  const chart = (points: Point[]) =>
    brailleChart([curveOf("a", points, options)], {
      face: face(40),
      height: 5,
      xName: "step",
      yName: "loss",
      logX: false,
      logY: false,
    });
  expect(chart([])).toEqual([]);
  expect(text(chart([point(0, 3)]))).toContain("loss");
  // Its dot and its letter stand in one row, and there is no step between two.
  const one = text(chart([point(1, 3)])).split("\n");
  expect(one.find((line) => line.trimEnd().endsWith(" a"))).toMatch(/[\u2801-\u28ff]/);
  expect(one.find((line) => /^ +[\d. ]+$/.test(line))?.trim()).toBe("3");
  expect(text(chart([point(1e300, 0), point(-1e300, 1)]))).toContain("loss");
});
