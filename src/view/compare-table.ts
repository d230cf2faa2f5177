/** Several runs side by side, in the form that is wanted: a table for a terminal, Markdown, CSV (RFC 4180), LaTeX. */
import { formatDuration } from "../core/duration.ts";
import type { ComparedColumn, Comparison } from "../think/comparison.ts";
import type { Cell } from "../think/difference.ts";
import { type Face, type Line, span, wrapText } from "./face.ts";
import { shortId, unknown, verdictSpan } from "./mark.ts";
import { markdownText } from "./markdown-text.ts";
import { formatMetric } from "./metric.ts";
import { safeText } from "./safe-text.ts";
import { type Column, fitColumns, layRow, type Row } from "./table.ts";

/** Rows of the best values of a metric; none where no value is better than another. */
export function bestRows(column: ComparedColumn): Set<number> {
  const numbers = column.values.filter((value): value is number => typeof value === "number");
  if (column.better === null || new Set(numbers).size < 2) return new Set();
  const best = column.better === "max" ? Math.max(...numbers) : Math.min(...numbers);
  return new Set(column.values.flatMap((value, index) => (value === best ? [index] : [])));
}

/** A value as people write it; numbers as short as a reader can use. */
export function shortText(column: ComparedColumn, value: Cell): string {
  if (value === null) return "";
  if (column.name === "seconds" && typeof value === "number") return formatDuration(value * 1000);
  return typeof value === "number" ? formatMetric(value) : String(value);
}

/** Metrics stand right, also where the first of them is `NaN`. */
const isNumeric = ({ kind, values }: ComparedColumn) =>
  kind === "metric" || typeof values.find((value) => value !== null) === "number";

export const columnTitle = (column: ComparedColumn) => (column.name === "seconds" ? "time" : column.name);

/** What a narrow table keeps longest: what a run is judged by, then what was turned, then the rest. */
function weightOf({ kind, name, better }: ComparedColumn): number {
  if (name === "verdict") return 6;
  if (kind === "metric") return better === "max" ? 5 : better === "min" ? 3 : 2;
  return kind === "parameter" ? 4 : name === "status" || name === "seconds" ? 1 : 0;
}

export function compareTable(comparison: Comparison, face: Face): Line[] {
  const { columns, runs } = comparison;
  const layout: Column[] = [
    { name: "run" },
    ...columns.map(
      (column, index): Column => ({
        name: String(index),
        align: isNumeric(column) ? "right" : "left",
        most: 28,
        keep: weightOf(column) * columns.length - index,
      }),
    ),
  ];
  const header: Row = Object.fromEntries([
    ["run", [span("run", "dim")]],
    ...columns.map((column, index) => [String(index), [span(safeText(columnTitle(column)), "dim")]]),
  ]);
  const best = columns.map(bestRows);
  const rows = runs.map((run, at): Row => {
    const cells = columns.map((column, index): [string, Line] => {
      const value = column.values[at] ?? null;
      if (value === null) return [String(index), [unknown(face)]];
      if (column.name === "verdict") return [String(index), [verdictSpan(String(value), face)]];
      const mark = best[index]?.has(at) === true;
      return [
        String(index),
        [
          span(safeText(shortText(column, value)), mark ? "good" : "plain"),
          ...(mark ? [span(face.unicode ? "★" : "*", "good")] : []),
        ],
      ];
    });
    return {
      run: [span(safeText(run.name), "strong"), span(` ${shortId(run.run_id)}`, "dim")],
      ...Object.fromEntries(cells),
    };
  });
  const fitted = fitColumns(layout, [header, ...rows], face.width);
  const left = columns.filter((_, index) => !fitted.some(({ name }) => name === String(index)));
  const note = `no room here for ${left.map((column) => safeText(columnTitle(column))).join(", ")}`;
  return [
    ...[header, ...rows].map((row) => layRow(fitted, row, face)),
    ...(left.length === 0 ? [] : wrapText(note, Math.max(30, face.width)).map((text): Line => [span(text, "dim")])),
  ];
}

/** What is the same in all of them, in one line; null where nothing is. */
export function sameLine({ same }: Comparison): Line | null {
  if (same.length === 0) return null;
  const facts = same.map(({ name, value }) => `${safeText(name)} ${safeText(String(value))}`);
  return [span(`the same in all: ${facts.join(", ")}`, "dim")];
}

function tableOf(comparison: Comparison, cell: (column: ComparedColumn, at: number) => string): string[][] {
  return [
    ["run", ...comparison.columns.map(columnTitle)],
    ...comparison.runs.map((run, at) => [run.run_id, ...comparison.columns.map((column) => cell(column, at))]),
  ];
}

/** Values in full, seconds as a number. */
export function compareCsv(comparison: Comparison): string {
  const quoted = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  const rows = tableOf(comparison, (column, at) => String(column.values[at] ?? ""));
  rows[0] = ["run", ...comparison.columns.map((column) => column.name)];
  return rows.map((row) => `${row.map(quoted).join(",")}\r\n`).join("");
}

/** The best value of each metric is bold; numbers stand right. */
export function compareMarkdown(comparison: Comparison): string {
  const best = comparison.columns.map(bestRows);
  const rows = tableOf(comparison, (column, at) => {
    const text = markdownText(shortText(column, column.values[at] ?? null));
    return best[comparison.columns.indexOf(column)]?.has(at) === true ? `**${text}**` : text;
  });
  const [head = [], ...body] = rows;
  const align = comparison.columns.map((column) => (isNumeric(column) ? "---:" : "---"));
  return [head.map(markdownText), ["---", ...align], ...body].map((row) => `| ${row.join(" | ")} |\n`).join("");
}

const latexSpecial: Record<string, string> = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
};

export const latexText = (text: string) =>
  safeText(text).replace(/[\\~^&%$#_{}]/g, (character) => latexSpecial[character] ?? `\\${character}`);

/** For the booktabs package: the usual way of papers. */
export function compareLatex(comparison: Comparison): string {
  const best = comparison.columns.map(bestRows);
  const rows = tableOf(comparison, (column, at) => {
    const text = latexText(shortText(column, column.values[at] ?? null));
    return best[comparison.columns.indexOf(column)]?.has(at) === true ? `\\textbf{${text}}` : text;
  });
  const [head = [], ...body] = rows;
  const align = comparison.columns.map((column) => (isNumeric(column) ? "r" : "l"));
  const line = (row: readonly string[]) => `  ${row.join(" & ")} \\\\\n`;
  const texts = body.map(([run = "", ...cells]) => line([latexText(run), ...cells]));
  const beyond = /[^\p{ASCII}\p{Script=Latin}–—“”‘’…]/u.test(texts.join(""))
    ? "% letters beyond Latin: for LuaLaTeX or XeLaTeX, with a font that has them\n"
    : "";
  return `% \\usepackage{booktabs}\n${beyond}\\begin{tabular}{l${align.join("")}}\n  \\toprule\n${line(head.map(latexText))}  \\midrule\n${texts.join("")}  \\bottomrule\n\\end{tabular}\n`;
}
