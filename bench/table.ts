/** What a row of the bench found, and the one table that all rows are printed in. */
import type { Spread } from "./measure.ts";

export interface Line {
  /** What was measured, short: `status`. */
  what: string;
  unit: "ms" | "us" | "/s" | "kB" | "MB" | "MB/s" | "%" | "x" | "s";
  ours: Spread | null;
  /** Whoever does the same, and how fast. */
  peers?: Record<string, Spread | null>;
  /** What nothing could beat, and what it is. */
  limit?: { name: string; value: Spread } | null;
  goal: string;
  /** Null where there is nothing to judge: a peer is missing, or the line is only for information. */
  met: boolean | null;
  /** `cost ~ n^growth`, for rows with an N. */
  growth?: { sizes: number[]; exponent: number };
  note?: string;
}

export interface BenchContext {
  /** The compiled executable under test. */
  ml: string;
  /** A compiled executable that prints one word. */
  noop: string;
  /** The repository. */
  root: string;
  /** A temporary folder of this row alone; gone afterwards. */
  folder: string;
  long: boolean;
  /** Names of what is to be measured alone of a row that has parts; empty for all of it. */
  only: readonly string[];
  /** Has a function called when the row is over, however it ends. Last one first. */
  after(cleanUp: () => void | Promise<void>): void;
}

export interface Row {
  id: string;
  title: string;
  /** True where the executable is not needed. */
  withoutMl?: true;
  run(context: BenchContext): Promise<Line[]>;
}

const headings = ["row", "what", "ours", "peer", "ours/peer", "limit", "goal", "met", "min-max of ours", "growth"];

export function figure(value: number, unit: Line["unit"]): string {
  if (!Number.isFinite(value)) return "?";
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return `${value.toFixed(digits)} ${unit}`;
}

/** Cells of one finding; further peers get a line each. */
export function cellsOf(id: string, line: Line): string[][] {
  const { ours, unit, limit, growth } = line;
  const show = (of: Spread | null | undefined) => (of ? figure(of.median, unit) : "absent");
  const peers = Object.entries(line.peers ?? {});
  const ratio = (of: Spread | null) => (of && ours ? (ours.median / of.median).toFixed(2) : "");
  const peerCells = peers.map(([name, of]) => [`${name} ${show(of)}`, ratio(of)]);
  const [first = ["", ""], ...others] = peerCells;
  return [
    [
      id,
      line.what,
      ours ? figure(ours.median, unit) : "not measured",
      ...first,
      limit ? `${limit.name} ${show(limit.value)}` : "",
      line.goal,
      line.met === null ? "" : line.met ? "yes" : "NO",
      ours && ours.count > 1 ? `${figure(ours.min, unit)} - ${figure(ours.max, unit)}` : "",
      growth ? `n^${growth.exponent.toFixed(2)} (${growth.sizes.join(", ")})` : "",
    ],
    ...others.map((cells) => ["", "", "", ...cells, "", "", "", "", ""]),
  ];
}

/** Columns padded to their widest cell; with `markdown`, as a table of Markdown. Notes follow below. */
export function renderTable(found: readonly { id: string; lines: Line[] }[], markdown: boolean): string {
  const rows = found.flatMap(({ id, lines }) => lines.flatMap((line) => cellsOf(id, line)));
  const all = [headings, ...rows];
  const widths = headings.map((_, at) => Math.max(...all.map((row) => (row[at] ?? "").length)));
  const format = (row: string[]) =>
    markdown
      ? `| ${row.join(" | ")} |`
      : row
          .map((cell, at) => cell.padEnd(widths[at] ?? 0))
          .join("  ")
          .trimEnd();
  const rule = markdown
    ? `|${headings.map(() => "---").join("|")}|`
    : widths.map((width) => "-".repeat(width)).join("  ");
  const notes = found.flatMap(({ id, lines }) =>
    lines.flatMap((line) => (line.note ? [`${markdown ? "- " : ""}${id} ${line.what}: ${line.note}`] : [])),
  );
  return [format(headings), rule, ...rows.map(format), ...(notes.length > 0 ? ["", ...notes] : [])].join("\n");
}
