/** A table in a text: RFC 4180 with quotes, line breaks within them, and comma, semicolon or tab. Pure. */
import { unreadable } from "./foreign-run.ts";

export interface CsvTable {
  columns: string[];
  rows: string[][];
}

/** The separator of which the first line has most. */
function separatorOf(text: string): string {
  const line = text.slice(0, text.indexOf("\n") + 1 || text.length);
  const counts = [",", ";", "\t"].map((sign) => ({ sign, count: line.split(sign).length }));
  return counts.reduce((most, one) => (one.count > most.count ? one : most)).sign;
}

/** Throws `refused` for an open quote. */
function cellsOf(text: string, path: string): string[][] {
  const separator = separatorOf(text);
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = "";
  let quoted = false;
  const endRow = () => {
    row.push(cell);
    cell = "";
    if (row.length > 1 || row[0]?.trim() !== "") rows.push(row);
    row = [];
  };
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at] as string;
    if (quoted) {
      if (sign !== '"') cell += sign;
      else if (text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else quoted = false;
    } else if (sign === '"' && cell.trim() === "") {
      cell = "";
      quoted = true;
    } else if (sign === separator) {
      row.push(cell);
      cell = "";
    } else if (sign === "\n") endRow();
    else if (sign !== "\r" || text[at + 1] !== "\n") cell += sign;
  }
  if (quoted) throw unreadable(path, `a quote of row ${rows.length + 1} is never closed`);
  if (cell !== "" || row.length > 0) endRow();
  return rows;
}

const mostColumns = 1000;

/** The first row names the columns. Throws `refused` where names are missing or a row has more cells than they. */
export function readCsv(text: string, path: string): CsvTable {
  const [head, ...rows] = cellsOf(text.replace(/^\uFEFF/, ""), path);
  if (head === undefined || rows.length === 0) throw unreadable(path, "it has no rows below its head");
  const columns = head.map((name) => name.trim());
  if (columns.length > mostColumns) throw unreadable(path, `it has more than ${mostColumns} columns`);
  // pandas writes its index as a first column without a name.
  if (columns[0] === "") columns[0] = "index";
  const nameless = columns.indexOf("");
  if (nameless >= 0) throw unreadable(path, `column ${nameless + 1} has no name`);
  const twice = columns.find((name, at) => columns.indexOf(name) !== at);
  if (twice !== undefined) throw unreadable(path, `column \`${twice.slice(0, 80)}\` is there twice`);
  const long = rows.findIndex((row) => row.length > columns.length);
  if (long >= 0)
    throw unreadable(path, `row ${long + 1} has ${rows[long]?.length} cells for ${columns.length} columns`);
  return { columns, rows: rows.map((row) => columns.map((_, at) => (row[at] ?? "").trim())) };
}
