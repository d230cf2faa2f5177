/** Curves into files, by the ending that was asked for; each appears whole or not at all. */
import { writeDurable } from "../core/durable.ts";
import type { DrawnSeries } from "../view/curve-points.ts";
import { type ChartWishes, lineChartSvg } from "./line-chart.ts";

export interface FileWishes {
  svg: string | null;
  png: string | null;
  html: string | null;
}

/** Pixels a unit: sharp on paper at the width of a column. */
const pngScale = 3;

/** Returns the paths that were written. Throws system errors. */
export async function drawFiles(
  series: readonly DrawnSeries[],
  files: FileWishes,
  options: { chart: ChartWishes; about: string },
): Promise<string[]> {
  const { chart, about } = options;
  const svg = await lineChartSvg(series, chart, about);
  const write = (path: string, data: string | Uint8Array) => {
    writeDurable(path, data, { sync: false });
    return path;
  };
  const written: string[] = [];
  if (files.svg !== null) written.push(write(files.svg, svg));
  if (files.png !== null) {
    const { pngOf } = await import("./png.ts");
    written.push(write(files.png, await pngOf(svg, pngScale)));
  }
  if (files.html !== null) {
    const { htmlPage } = await import("./html-page.ts");
    const title = chart.title ?? chart.yName;
    written.push(write(files.html, htmlPage({ title, svg, series, xName: chart.xName, yName: chart.yName, about })));
  }
  return written;
}
