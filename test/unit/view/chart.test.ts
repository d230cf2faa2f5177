/** Curves as characters: shape, axes, gaps and several curves, in braille and in ASCII. */
import { describe, expect, test } from "bun:test";
import { type ChartCurve, chart, chartLegend } from "../../../src/view/chart.ts";
import { lineText, lineWidth } from "../../../src/view/face.ts";

const curve = (values: number[], label = "loss"): ChartCurve => ({
  label,
  tone: "live",
  points: values.map((value, step) => ({ step, value })),
});
const draw = (values: number[], unicode = true, width = 40, height = 8) =>
  chart([curve(values)], { width, height, face: { unicode } }).map(lineText);

describe("a chart", () => {
  test("falls where the curve falls, with round numbers on its axis and the steps below", () => {
    const lines = draw(Array.from({ length: 100 }, (_, step) => 1 / (1 + step / 10)));
    expect(lines).toHaveLength(8);
    expect(lines[0]).toStartWith("  1 ┤⢇");
    expect(lines.at(-1)).toBe("     0                           step 99");
    expect(lines.map((line) => /^ *(\S+) ┤/.exec(line)?.[1]).filter(Boolean)).toEqual(["1", "0.5", "0"]);
  });

  test("stays in ASCII where it must", () => {
    expect(draw([0, 1, 2, 3], false).join("\n")).toMatch(/^[\n -~]*$/);
  });

  test("NaN and infinities leave gaps, and nothing but them is said to be nothing", () => {
    expect(draw([1, Number.NaN, 3, Number.POSITIVE_INFINITY]).join("")).toContain("⠉");
    expect(draw([Number.NaN])[0]).toBe("nothing finite to draw");
  });

  test("a flat curve and a single point have room around them", () => {
    for (const values of [[5, 5, 5], [0], [-3]]) expect(draw(values).join("")).toMatch(/[⠁-⣿]/);
  });

  test("a spike between two columns is not lost", () => {
    const values = Array.from({ length: 10_000 }, (_, step) => (step === 5001 ? 100 : 0));
    expect(draw(values)[0]).toMatch(/[⠁-⣿]/);
  });

  test("no line is wider than asked for, at any size", () => {
    for (const [width, height] of [
      [10, 4],
      [80, 24],
      [200, 60],
    ] as const)
      for (const line of chart([curve([1e-9, 12345.678, -4])], { width, height, face: { unicode: true } }))
        expect(lineWidth(line)).toBeLessThanOrEqual(width);
  });

  test("several curves are told apart by tone and, in ASCII, by mark", () => {
    const two = [curve([1, 2], "a"), { ...curve([2, 1], "b"), tone: "good" as const }];
    expect(lineText(chartLegend(two, { unicode: false }))).toBe("* a   o b");
    const text = chart(two, { width: 30, height: 8, face: { unicode: false } })
      .map(lineText)
      .join("");
    expect(text).toContain("*");
    expect(text).toContain("o");
  });
});
