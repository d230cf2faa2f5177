/** A table of results as runs, one a row: what somebody kept by hand, in a spreadsheet, or got out of another tool. */
import { basename } from "node:path";
import { MlError } from "../core/error.ts";
import { openRegular } from "../harvest/point.ts";
import { readMetricText } from "../run/metric-value.ts";
import {
  type ColumnKind,
  type ColumnWishes,
  isEmptyCell,
  momentOf,
  type ReadColumn,
  readColumns,
} from "./csv-columns.ts";
import { type CsvTable, readCsv } from "./csv-text.ts";
import { type ForeignRun, type ForeignStore, foreignLimits, tooMany, unreadable } from "./foreign-run.ts";
import { smallText } from "./small-file.ts";

const tableBytes = 64 * 1024 * 1024;

export interface CsvWishes extends ColumnWishes {
  /** For rows that do not say when: milliseconds since 1970. */
  dateMs: number | null;
}

const statuses: [RegExp, ForeignRun["status"]][] = [
  [/^(completed?|finished|done|ok|success(ful)?|succeeded|passed)$/i, "completed"],
  [/^(failed|failure|error|crashed|oom)$/i, "failed"],
  [/^(cancell?ed|killed|stopped|aborted|interrupted)$/i, "cancelled"],
];

class Row {
  constructor(
    private readonly columns: readonly ReadColumn[],
    private readonly cells: readonly string[],
  ) {}

  /** Filled cells of a kind, by the names of their columns. */
  all(kind: ColumnKind): [string, string][] {
    return this.columns.flatMap((column, at): [string, string][] => {
      const cell = this.cells[at] ?? "";
      return column.kind === kind && !isEmptyCell(cell) ? [[column.name, cell]] : [];
    });
  }

  one(kind: ColumnKind): string | null {
    return this.all(kind)[0]?.[1] ?? null;
  }
}

/** NaN is a result; an empty cell is none. */
function metricsOf(columns: readonly ReadColumn[], cells: readonly string[]): [string, number][] {
  return columns.flatMap(({ kind, name }, at): [string, number][] => {
    const value = kind === "metric" ? readMetricText(cells[at] ?? "") : null;
    return value === null ? [] : [[name, value]];
  });
}

function statusOf(row: Row, path: string, index: number): Pick<ForeignRun, "status" | "remarks"> {
  const word = row.one("status");
  if (word === null)
    return { status: "completed", remarks: ["The table does not say how the run ended; it is taken as completed."] };
  const status = statuses.find(([pattern]) => pattern.test(word))?.[1];
  if (status === undefined)
    throw unreadable(path, `row ${index + 1} has the status \`${word.slice(0, 40)}\`, which is no end of a run`);
  return { status, remarks: [] };
}

function runOf(
  table: CsvTable,
  columns: readonly ReadColumn[],
  at: { index: number; path: string; dateMs: number | null; ids: Set<string> },
): ForeignRun {
  const { index, path, dateMs, ids } = at;
  const cells = table.rows[index] ?? [];
  const row = new Row(columns, cells);
  const started = momentOf(row.one("started") ?? "");
  const ended = momentOf(row.one("ended") ?? "");
  const madeMs = started ?? ended ?? dateMs;
  if (madeMs === null)
    throw new MlError("usage", `row ${index + 1} of \`${basename(path)}\` does not say when it ran`, {
      hint: "say it for all that do not: `--date 2024-05-01`; a rough day is enough",
    });
  const text = JSON.stringify(table.columns.map((column, place) => [column, cells[place]]));
  const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex").slice(0, 16);
  let originId = row.one("id") ?? `row ${hash}`;
  for (let copy = 2; ids.has(originId); copy += 1) originId = `${row.one("id") ?? `row ${hash}`} (${copy})`;
  ids.add(originId);
  const values = metricsOf(columns, cells);
  const t = (ended ?? started ?? 0) / 1000;
  return {
    system: "csv",
    originId,
    name: row.one("name") ?? row.one("id") ?? `row ${index + 1}`,
    experiment: row.one("experiment") ?? basename(path).replace(/\.\w+$/, ""),
    user: row.one("user"),
    ...statusOf(row, path, index),
    startedMs: started,
    endedMs: ended !== null && started !== null ? Math.max(started, ended) : ended,
    madeMs,
    script: null,
    parameters: Object.fromEntries(row.all("parameter")),
    tags: Object.fromEntries(row.all("tag")),
    note:
      row
        .all("note")
        .map(([name, cell]) => (row.all("note").length === 1 ? cell : `${name}: ${cell}`))
        .join("\n") || null,
    parentId: null,
    gitCommit: null,
    files: [],
    async points(take) {
      for (const [name, value] of values) take({ name, value, step: null, t });
    },
  };
}

/** Throws `not_found`, `usage`, `refused`, `too_large`. */
export async function readCsvRuns(
  path: string,
  shown: string,
  wishes: CsvWishes,
): Promise<ForeignStore & { columns: ReadColumn[] }> {
  const file = await openRegular(path);
  await file?.handle.close();
  if (file === null) throw new MlError("not_found", `there is no file \`${shown}\``);
  const table = readCsv((await smallText(path, tableBytes)) ?? "", path);
  if (table.rows.length > foreignLimits.runs) throw tooMany(`\`${shown}\` has more than ${foreignLimits.runs} rows`);
  const columns = readColumns(table, wishes);
  const ids = new Set<string>();
  const runs = table.rows.map((_, index) => runOf(table, columns, { index, path, dateMs: wishes.dateMs, ids }));
  return { what: `rows of ${basename(path)}`, runs, leftOut: [], columns };
}
