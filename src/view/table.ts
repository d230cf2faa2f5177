/**
 * Aligned columns for a given width. Cells say what, columns say how: where there is too little room, columns that may
 * shrink are cut, and after that the least important ones go. Several sections can share one set of widths, so that
 * a page lines up. Nothing is ever wrapped.
 */
import { cutLine, cutText, type Face, type Line, lineWidth, type Span, textWidth } from "./face.ts";

export interface Column {
  name: string;
  align?: "left" | "right";
  /** May be cut down to this many columns; without it the column is never cut. */
  least?: number;
  /** Never wider than this; default no limit. */
  most?: number;
  /** Where it is cut: names of a series differ at their end. Default at the end. */
  cut?: "middle";
  /** Columns with a low number are dropped first when room is short; without it never dropped. */
  keep?: number;
}

/** By column name; a missing cell is empty. */
export type Row = Readonly<Record<string, Line>>;

export interface TableOptions {
  /** Columns of space before each line; default 0. */
  indent?: number;
  /** Columns of space between cells; default 2. */
  gap?: number;
}

/** A column with the width that it got; 0 means dropped. */
export interface Fitted extends Column {
  width: number;
}

function naturalWidths(columns: readonly Column[], rows: readonly Row[]): Fitted[] {
  const fitted: Fitted[] = [];
  for (const column of columns) {
    let widest = 0;
    for (const row of rows) {
      let width = 0;
      for (const part of row[column.name] ?? []) width += Bun.stringWidth(part.text);
      if (width > widest) widest = width;
    }
    fitted.push({ ...column, width: Math.min(widest, column.most ?? Infinity) });
  }
  return fitted;
}

function totalWidth(columns: readonly Fitted[], gap: number): number {
  const shown = columns.filter((column) => column.width > 0);
  return shown.reduce((sum, column) => sum + column.width, 0) + gap * Math.max(0, shown.length - 1);
}

/** Takes columns of width away, widest first, as far as `least` allows. */
function shrink(columns: Fitted[], excess: number): void {
  for (let left = excess; left > 0; left--) {
    const widest = columns
      .filter((column) => column.least !== undefined && column.width > column.least)
      .sort((a, b) => b.width - a.width)[0];
    if (widest === undefined) return;
    widest.width -= 1;
  }
}

/** The widths for these rows in `width` columns: shrink what may shrink, then drop the least important, in turn. */
export function fitColumns(columns: readonly Column[], rows: readonly Row[], width: number, gap = 2): Fitted[] {
  let candidates = [...columns];
  for (;;) {
    const fitted = naturalWidths(candidates, rows);
    if (totalWidth(fitted, gap) <= width) return fitted;
    shrink(fitted, totalWidth(fitted, gap) - width);
    if (totalWidth(fitted, gap) <= width) return fitted;
    const droppable = candidates
      .filter((column) => column.keep !== undefined)
      .sort((a, b) => (a.keep ?? 0) - (b.keep ?? 0))[0];
    if (droppable === undefined) return fitted;
    candidates = candidates.filter((column) => column !== droppable);
  }
}

/** Cuts the last part of a cell in its middle, what stands before it stays. */
function cutMiddle(cell: Line, width: number, unicode: boolean): Line {
  const last = cell.at(-1);
  const before = cell.slice(0, -1);
  const room = width - lineWidth(before);
  if (last === undefined || room < 5) return cutLine(cell, width, unicode);
  const letters = [...last.text];
  let tail = "";
  while (letters.length > 0 && textWidth(tail + letters.at(-1)) <= Math.floor((room - 1) / 2))
    tail = letters.pop() + tail;
  const head = cutText(last.text, room - textWidth(tail), unicode);
  return [...before, { ...last, text: `${head}${tail}` }];
}

/** One row by fitted columns, cut to the face's width as a last resort. */
export function layRow(columns: readonly Fitted[], row: Row, face: Face, options: TableOptions = {}): Line {
  const cells: Span[] = [];
  for (const column of columns) {
    if (column.width === 0) continue;
    let cell = row[column.name] ?? [];
    let width = 0;
    for (const part of cell) width += Bun.stringWidth(part.text);
    if (width > column.width) {
      const cut = column.cut === "middle" ? cutMiddle : cutLine;
      cell = cut(cell, column.width, face.unicode);
      width = lineWidth(cell);
    }
    const gap = cells.length === 0 ? (options.indent ?? 0) : (options.gap ?? 2);
    const fill = column.width - width;
    cells.push({ text: " ".repeat(column.align === "right" ? gap + fill : gap), tone: "plain" }, ...cell);
    if (column.align !== "right") cells.push({ text: " ".repeat(fill), tone: "plain" });
  }
  return cutLine(trimEnd(cells), face.width, face.unicode);
}

function trimEnd(line: Line): Line {
  let end = line.length;
  while (end > 0 && line[end - 1]?.text.trim() === "") end -= 1;
  return line.slice(0, end);
}

/** A whole table: fit, then lay each row. */
export function layTable(
  columns: readonly Column[],
  rows: readonly Row[],
  options: TableOptions & { face: Face },
): Line[] {
  const { face, indent = 0, gap = 2 } = options;
  const fitted = fitColumns(columns, rows, face.width - indent, gap);
  return rows.map((row) => layRow(fitted, row, face, { indent, gap }));
}
