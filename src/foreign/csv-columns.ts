/**
 * What a column of a table of results is: told by the person, else by its name, else by what is in it. The rule is the one of
 * docs/import.md, it is shown before anything is kept, and each flag overrides it.
 */
import { betterDirection } from "../core/better-direction.ts";
import { MlError } from "../core/error.ts";
import { readMetricText } from "../run/metric-value.ts";
import type { CsvTable } from "./csv-text.ts";

export const columnKinds = [
  "parameter",
  "metric",
  "note",
  "id",
  "name",
  "experiment",
  "user",
  "status",
  "started",
  "ended",
  "tag",
  "ignored",
] as const;
export type ColumnKind = (typeof columnKinds)[number];

export interface ReadColumn {
  column: string;
  kind: ColumnKind;
  /** What it is called in the run: without its prefix. */
  name: string;
  why: string;
}

/** Columns of which a run has one; the first that fits is it. */
const known: Partial<Record<ColumnKind, RegExp>> = {
  id: /^(run_?id|run_?uuid|id|uuid)$/i,
  name: /^(run_?)?name$|^run$/i,
  experiment: /^(experiment(_?name)?|group|project)$/i,
  user: /^(user(_?(name|id))?|author|owner)$/i,
  status: /^(status|state)$/i,
  started: /^(start(ed)?(_?(time|at))?|date|datetime|timestamp|created(_?at)?|time)$/i,
  ended: /^(end(ed)?(_?(time|at))?|finish(ed)?(_?at)?)$/i,
};
const prefixes: [RegExp, ColumnKind][] = [
  [/^(params?|parameters?|config|hparams?)[./:]\s*(.+)$/i, "parameter"],
  [/^(metrics?|summary)[./:]\s*(.+)$/i, "metric"],
  [/^(tags?)[./:]\s*(.+)$/i, "tag"],
];
const noteNames = /^(notes?|comments?|remarks?|description|observations?)$/i;
/** MLflow's `search_runs`, and the index that pandas writes. */
const ignoredNames = /^(index|unnamed: ?\d+|artifact_uri|experiment_id|lifecycle_stage)$/i;
const resultNames =
  /^(train|val|valid|validation|test|eval|dev|best|final|last|mean|avg|std|min|max)[_./ -]|[_./ -](mean|std|avg|best|final|last|seconds|hours|minutes|ms)$|^(time|runtime|duration|seconds|throughput|latency|flops|memory|params_count)$/i;
const emptyCell = /^(|nan|none|null|n\/?a|-|—)$/i;

export const isEmptyCell = (cell: string) => emptyCell.test(cell);

function kindOf(column: string, cells: readonly string[], taken: ReadonlySet<ColumnKind>): Omit<ReadColumn, "column"> {
  for (const [pattern, kind] of prefixes) {
    const name = pattern.exec(column)?.[2];
    if (name !== undefined) return { kind, name, why: "by its prefix" };
  }
  for (const [kind, pattern] of Object.entries(known) as [ColumnKind, RegExp][]) {
    // A duration is no moment.
    const isMoment = kind !== "started" && kind !== "ended" ? true : cells.some((cell) => momentOf(cell) !== null);
    if (pattern.test(column) && !taken.has(kind) && isMoment) return { kind, name: column, why: "by its name" };
  }
  if (noteNames.test(column)) return { kind: "note", name: column, why: "by its name" };
  if (ignoredNames.test(column)) return { kind: "ignored", name: column, why: "by its name" };
  const filled = cells.filter((cell) => !isEmptyCell(cell));
  if (filled.length === 0) return { kind: "ignored", name: column, why: "it is empty" };
  const numeric = filled.every((cell) => readMetricText(cell) !== null);
  if (numeric && (betterDirection(column) !== null || resultNames.test(column)))
    return { kind: "metric", name: column, why: "numbers, and the name of a result" };
  const isProse = filled.some((cell) => cell.length > 80 || cell.includes("\n") || cell.split(/\s+/).length > 5);
  if (!numeric && isProse) return { kind: "note", name: column, why: "sentences" };
  return { kind: "parameter", name: column, why: numeric ? "numbers, and no name of a result" : "words" };
}

export interface ColumnWishes {
  parameters: readonly string[];
  metrics: readonly string[];
  notes: readonly string[];
  ignored: readonly string[];
}

/** Throws `usage` where a wish names a column that is not there. */
export function readColumns({ columns, rows }: CsvTable, wishes: ColumnWishes): ReadColumn[] {
  const asked = new Map<string, ColumnKind>();
  const wish = (names: readonly string[], kind: ColumnKind) => {
    for (const name of names) {
      if (!columns.includes(name))
        throw new MlError("usage", `there is no column \`${name}\``, {
          hint: `there are: ${columns.slice(0, 20).join(", ")}`,
        });
      asked.set(name, kind);
    }
  };
  wish(wishes.parameters, "parameter");
  wish(wishes.metrics, "metric");
  wish(wishes.notes, "note");
  wish(wishes.ignored, "ignored");
  const taken = new Set<ColumnKind>();
  return columns.map((column, at) => {
    const kind = asked.get(column);
    const read =
      kind === undefined
        ? kindOf(
            column,
            rows.map((row) => row[at] ?? ""),
            taken,
          )
        : { kind, name: column, why: "as you said" };
    taken.add(read.kind);
    return { column, ...read };
  });
}

/** Milliseconds since 1970 of a date, a time (UTC where it names no zone), or seconds or milliseconds since 1970; else null. */
export function momentOf(cell: string): number | null {
  if (/^\d{10}(\.\d+)?$/.test(cell)) return Math.round(Number(cell) * 1000);
  if (/^\d{13}$/.test(cell)) return Number(cell);
  const date = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(Z|[+-]\d{2}:?\d{2})?)?$/.exec(cell);
  if (date === null) return null;
  const ms = Date.parse(`${date[1]}T${date[2] ?? "00:00"}${date[3] ?? "Z"}`);
  return Number.isFinite(ms) ? ms : null;
}
