/** A picture with its numbers as one HTML file that needs nothing else: no script, no font and no line from elsewhere. */
import type { DrawnSeries } from "../view/curve-points.ts";
import { escapeXml } from "../view/escape-xml.ts";
import { formatMetric } from "../view/metric.ts";

export interface PageParts {
  title: string;
  svg: string;
  series: readonly DrawnSeries[];
  xName: string;
  yName: string;
  /** What it was made from. */
  about: string;
}

const style = `
  body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
  svg { max-width: 100%; height: auto }
  table { border-collapse: collapse } th, td { padding: .2rem .8rem; text-align: right; border-bottom: 1px solid #ddd }
  th:first-child, td:first-child { text-align: left } pre { overflow: auto; max-height: 20rem } footer { color: #666; font-size: .85rem }`;

function row({ label, points }: DrawnSeries): string {
  const values = points.map((point) => point[1]);
  const least = values.reduce((low, value) => Math.min(low, value), Number.POSITIVE_INFINITY);
  const most = values.reduce((high, value) => Math.max(high, value), Number.NEGATIVE_INFINITY);
  const cells = [points.length, formatMetric(values.at(-1) ?? Number.NaN), formatMetric(least), formatMetric(most)];
  return `<tr><td>${escapeXml(label)}</td>${cells.map((cell) => `<td>${cell}</td>`).join("")}</tr>`;
}

export function htmlPage({ title, svg, series, xName, yName, about }: PageParts): string {
  const data = series.flatMap(({ label, points }) => points.map(([x, y]) => `${JSON.stringify(label)},${x},${y}`));
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${escapeXml(title)}</title>
<style>${style}
</style>
<h1>${escapeXml(title)}</h1>
${svg.trim()}
<table>
<tr><th>run</th><th>points</th><th>last</th><th>least</th><th>most</th></tr>
${series.map(row).join("\n")}
</table>
<details><summary>All points (CSV)</summary>
<pre>run,${escapeXml(xName)},${escapeXml(yName)}
${escapeXml(data.join("\n"))}</pre></details>
<footer>${escapeXml(about)}</footer>
</html>
`;
}
