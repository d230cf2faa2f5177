/**
 * Drawn rows as bytes, for another process: numbers as they lie in memory, all texts in one, each with its length. As JSON
 * every number is spelled out, and a record, which is JSON itself, is quoted once more.
 *
 *     three numbers: cells, bytes of text, bytes of the rest | cells | text | the rest, JSON
 *
 * A cell is a number, or the length of a text in UTF-16 units; NaN is null. For the machine that wrote it, and for now.
 */
import { type Cell, type DrawnRows, type FilledTable, filledTables, noRows, rowColumns } from "./draw-rows.ts";

const headCells = 3;
const cellBytes = Float64Array.BYTES_PER_ELEMENT;

/** What is not in cells. */
interface Rest extends Omit<DrawnRows, "rows"> {
  /** How many cells each table has. */
  sizes: Record<FilledTable, number>;
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Float64Array) => new Uint8Array(buffer, byteOffset, byteLength);

/** The parts of it, to be written one after the other. */
export function rowBytes({ rows, ...drawn }: DrawnRows): Uint8Array[] {
  const sizes = Object.fromEntries(filledTables.map((table) => [table, rows[table].length])) as Rest["sizes"];
  const cells = new Float64Array(filledTables.reduce((sum, table) => sum + sizes[table], 0));
  const texts: string[] = [];
  let at = 0;
  for (const table of filledTables) {
    for (const value of rows[table]) {
      if (typeof value === "string" && value !== "") texts.push(value);
      cells[at++] = typeof value === "string" ? value.length : (value ?? Number.NaN);
    }
  }
  const text = Buffer.from(texts.join(""));
  const rest = Buffer.from(JSON.stringify({ ...drawn, sizes } satisfies Rest));
  return [bytesOf(Float64Array.of(at, text.length, rest.length)), bytesOf(cells), text, rest];
}

/** `bytes` may be longer than what was written; they begin where their memory does. */
export function rowsFrom({ buffer }: Uint8Array<ArrayBuffer>): DrawnRows {
  const [count = 0, textBytes = 0, restBytes = 0] = new Float64Array(buffer, 0, headCells);
  const cells = new Float64Array(buffer, headCells * cellBytes, count);
  const textAt = (headCells + count) * cellBytes;
  const text = Buffer.from(buffer, textAt, textBytes).toString("utf8");
  const { sizes, ...drawn } = JSON.parse(Buffer.from(buffer, textAt + textBytes, restBytes).toString("utf8")) as Rest;
  const rows = noRows();
  const next = { cell: 0, character: 0 };
  for (const table of filledTables) {
    const own = cells.subarray(next.cell, next.cell + sizes[table]);
    next.cell += own.length;
    const read = readTable(own, rowColumns[table], { text, from: next.character });
    rows[table] = read.values;
    next.character = read.to;
  }
  return { ...drawn, rows };
}

/** `columns` has a letter for each column of a row. `to` is where in the text the next table begins. */
function readTable(
  cells: Float64Array,
  columns: string,
  { text, from }: { text: string; from: number },
): { values: Cell[]; to: number } {
  const isText = [...columns].map((letter) => letter === "t");
  const values = new Array<Cell>(cells.length);
  let [column, to] = [0, from];
  for (let at = 0; at < cells.length; at++) {
    const cell = cells[at] as number;
    if (Number.isNaN(cell)) values[at] = null;
    else if (isText[column]) {
      values[at] = text.slice(to, to + cell);
      to += cell;
    } else values[at] = cell;
    column = column + 1 === isText.length ? 0 : column + 1;
  }
  return { values, to };
}
