/**
 * A CSV file that a training loop keeps: Lightning's `metrics.csv`, what Keras' CSVLogger writes, and their like. It is taken for
 * one where its header has a column that counts (`step`, `epoch`, …), its other columns have names, and its rows hold numbers.
 * Lightning writes such a file anew where a column is added; rows that were seen are then stepped over.
 */
import { readMetricText } from "../run/metric-value.ts";
import { readLines } from "./lines.ts";
import type { FoundPoint, OpenFile, Source } from "./point.ts";

/** The first of these that is there gives the step; the others are no metrics. */
const counters = ["step", "global_step", "iteration", "iter", "epoch"];
const columnName = /^[A-Za-z_][\w./ ()%:@-]*$/;
const mostColumns = 500;
const lineBytes = 64 * 1024;

/** Cells of one line (RFC 4180, without line breaks inside of quotes). */
export function csvCells(line: string, separator: string): string[] {
  if (!line.includes('"')) return line.split(separator).map((cell) => cell.trim());
  const cells: string[] = [];
  let cell = "";
  let quoted = false;
  for (let at = 0; at < line.length; at += 1) {
    const char = line[at] as string;
    if (char === '"' && quoted && line[at + 1] === '"') {
      cell += '"';
      at += 1;
    } else if (char === '"') quoted = !quoted;
    else if (char === separator && !quoted) {
      cells.push(cell.trim());
      cell = "";
    } else cell += char;
  }
  return [...cells, cell.trim()];
}

interface Header {
  line: string;
  separator: string;
  columns: string[];
  stepColumn: number;
}

export function readHeader(line: string): Header | null {
  for (const separator of [",", ";", "\t"]) {
    const columns = csvCells(line.replace(/^\uFEFF/, ""), separator);
    if (columns.length < 2 || columns.length > mostColumns || !columns.every((name) => columnName.test(name))) continue;
    const names = columns.map((name) => name.toLowerCase());
    const counter = counters.find((name) => names.includes(name));
    if (counter !== undefined) return { line, separator, columns, stepColumn: names.indexOf(counter) };
  }
  return null;
}

function rowPoints(line: string, { columns, separator, stepColumn }: Header, t: number): FoundPoint[] | null {
  const cells = csvCells(line, separator);
  if (cells.length > columns.length) return null;
  const step = readMetricText(cells[stepColumn] ?? "");
  const points: FoundPoint[] = [];
  for (const [index, name] of columns.entries()) {
    const cell = cells[index] ?? "";
    if (counters.includes(name.toLowerCase()) || cell === "") continue;
    const value = readMetricText(cell);
    if (value !== null) points.push({ name, value, step: step !== null && Number.isFinite(step) ? step : null, t });
    else if (!/^(?:None|NA|N\/A|null)$/i.test(cell)) return null;
  }
  return points;
}

export class CsvLog implements Source {
  private header: Header | null = null;
  private at = 0;
  private rows = 0;
  /** It turned out to hold something else than numbers. */
  private foreign = false;

  constructor(
    readonly group: string,
    readonly label: string,
  ) {}

  async read(file: OpenFile, ended: boolean): Promise<FoundPoint[]> {
    if (this.foreign) return [];
    let first: string | null = null;
    const stop = (line: string) => {
      first = line;
      return false;
    };
    const afterHeader = await readLines(file, { from: 0, ended, mostBytes: lineBytes, onLine: stop });
    if (first === null) return [];
    let seen = 0;
    if (this.header?.line !== first || file.sizeBytes < this.at) {
      this.header = readHeader(first);
      seen = this.rows;
      this.at = afterHeader;
      this.rows = 0;
    }
    const { header } = this;
    if (header === null) {
      this.foreign = true;
      return [];
    }
    const points: FoundPoint[] = [];
    const onLine = (line: string) => {
      const row = rowPoints(line, header, file.mtimeMs / 1000);
      this.foreign ||= row === null;
      if (row === null) return false;
      this.rows += 1;
      if (this.rows > seen) points.push(...row);
      return true;
    };
    this.at = await readLines(file, { from: this.at, ended, mostBytes: lineBytes, onLine });
    return this.foreign ? [] : points;
  }
}
