/** Pictures as files: an SVG that says what it shows, a PNG with letters on it, an HTML file that asks nobody for anything. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { drawFiles } from "../../../src/picture/draw-files.ts";
import type { ChartWishes } from "../../../src/picture/line-chart.ts";
import type { DrawnSeries } from "../../../src/view/curve-points.ts";
import { tempFolder } from "../../support/temp.ts";

const chart: ChartWishes = {
  title: 'Loss <of> "two" & more',
  xName: "time",
  yName: "loss",
  logX: false,
  logY: true,
  width: 300,
  height: 200,
};
const series: DrawnSeries[] = [
  {
    label: "a </svg><script>",
    points: [
      [0, 1],
      [3600, 0.5],
      [7300, 0.1],
    ],
    left_out: 0,
  },
  {
    label: "b",
    points: [
      [0, 2],
      [7300, 0.2],
    ],
    left_out: 1,
  },
];

test("SVG, PNG and HTML of one chart", async () => {
  const folder = tempFolder();
  const place = (name: string) => join(folder, name);
  const files = { svg: place("x.svg"), png: place("x.png"), html: place("x.html") };
  const about = "loss of 2026-11-23_k3f9ab & others";
  expect(await drawFiles(series, files, { chart, about })).toEqual(Object.values(files));
  expect(readdirSync(folder).sort()).toEqual(["x.html", "x.png", "x.svg"]);
  const svg = readFileSync(files.svg, "utf8");
  expect(svg).toContain("<desc>loss of 2026-11-23_k3f9ab &amp; others</desc>");
  expect(svg).toContain("time (hours)");
  expect(svg).not.toContain("<script>");
  const png = readFileSync(files.png);
  expect(png.subarray(1, 4).toString()).toBe("PNG");
  expect(png.readUInt32BE(16)).toBeGreaterThan(900);
  const html = readFileSync(files.html, "utf8");
  expect(html).not.toMatch(/<script|<link|src=|@import|url\(/);
  expect(html).toContain("<details><summary>All points (CSV)</summary>");
});

test("no two of many curves share colour and dashes, and between whole steps there is no tick", async () => {
  const svg = join(tempFolder(), "x.svg");
  const many = Array.from({ length: 20 }, (_, at): DrawnSeries => {
    const points: [number, number][] = [
      [1, at],
      [2, at + 1],
    ];
    return { label: `run ${at}`, points, left_out: 0 };
  });
  await drawFiles(many, { svg, png: null, html: null }, { chart: { ...chart, xName: "step", logY: false }, about: "" });
  const text = readFileSync(svg, "utf8");
  const strokes = [...text.matchAll(/stroke="(#\w+)"[^>]*stroke-dasharray="([^"]*)"/g)].map(([, ...both]) =>
    both.join(" "),
  );
  expect(new Set(strokes).size).toBe(20);
  expect(text).toContain(">1</text>");
  expect(text).not.toContain(">1.2</text>");
});

test("letters are drawn, not left out, without any font on the machine", async () => {
  const folder = tempFolder();
  const draw = async (name: string, title: string | null) => {
    await drawFiles(
      series,
      { svg: null, html: null, png: join(folder, name) },
      { chart: { ...chart, title }, about: "" },
    );
    return readFileSync(join(folder, name));
  };
  const [plain, titled] = [await draw("plain.png", null), await draw("titled.png", "MMMMMMMM")];
  expect(titled.length).toBeGreaterThan(plain.length);
});

test("a file that cannot be written leaves nothing behind", async () => {
  const folder = tempFolder();
  const svg = join(folder, "missing/x.svg");
  expect(drawFiles(series, { svg, png: null, html: null }, { chart, about: "" })).rejects.toThrow("ENOENT");
  expect(existsSync(join(folder, "missing"))).toBe(false);
});
