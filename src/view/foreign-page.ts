/** What an import from another tracker would bring, before anything is kept: its runs, how columns were read, what is left out. */
import { formatSize } from "../core/size.ts";
import { type Face, type Line, type Span, span } from "./face.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { clockTime } from "./time.ts";

/** What the server has of a run already: this very one, or it as it was when it was imported. */
export interface ForeseenStanding {
  /** Its id there; null where it is new. */
  run_id: string | null;
  state: "new" | "here_already" | "grown";
}

/** A run as it would be kept. */
export interface Foreseen {
  origin_id: string;
  name: string;
  experiment: string | null;
  user: string | null;
  status: string;
  started_at: string | null;
  ended_at: string | null;
  parameters: Record<string, string>;
  files: number;
  size_bytes: number;
  remarks: string[];
  /** Null where no server was asked. */
  standing: ForeseenStanding | null;
}

export interface ForeseenColumn {
  column: string;
  kind: string;
  name: string;
  why: string;
}

export interface ForeseenImport {
  what: string;
  runs: Foreseen[];
  left_out: string[];
  /** Of a table; null for other sources. */
  columns: ForeseenColumn[] | null;
}

const shownRuns = 20;
const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

function columnLines(columns: readonly ForeseenColumn[], face: Face): Line[] {
  const layout: Column[] = [{ name: "column" }, { name: "kind" }, { name: "why" }];
  const head: Row = {
    column: [span("column", "dim")],
    kind: [span("is a", "dim")],
    why: [span("because", "dim")],
  };
  const rows = columns.map(
    ({ column, kind, name, why }): Row => ({
      column: [span(safeText(column), "strong")],
      kind: [
        span(kind, kind === "ignored" ? "dim" : "plain"),
        span(name === column ? "" : ` ${safeText(name)}`, "dim"),
      ],
      why: [span(why, "dim")],
    }),
  );
  return layTable(layout, [head, ...rows], { face });
}

/** Also for stderr, before the question whether to go on. */
export function columnsPage({ columns }: ForeseenImport, face: Face): Line[] {
  return columns === null ? [] : columnLines(columns, face);
}

function hereSpan({ standing }: Foreseen): Span {
  if (standing === null || standing.state === "new") return span("");
  return standing.state === "grown" ? span("changed since", "warn") : span("here already", "dim");
}

export function foreseenPage(foreseen: ForeseenImport, face: Face): Line[] {
  const { runs, left_out: leftOut, what } = foreseen;
  const layout: Column[] = [
    { name: "run", most: 32 },
    { name: "experiment", most: 24, keep: 4 },
    { name: "status" },
    { name: "started", keep: 5 },
    { name: "parameters", most: 44, keep: 3 },
    { name: "files", keep: 2 },
    { name: "here" },
  ];
  const rows = runs.slice(0, shownRuns).map((run): Row => {
    const parameters = Object.entries(run.parameters).map(([name, value]) => `${name}=${value}`);
    return {
      run: [span(safeText(run.name), "strong")],
      experiment: [span(safeText(run.experiment ?? ""), "dim")],
      status: [span(run.status)],
      started: [span(clockTime(run.started_at, face.nowMs) ?? "", "dim")],
      parameters: [span(safeText(parameters.join(" ")))],
      here: [hereSpan(run)],
      files: [span(run.files === 0 ? "" : `${plural(run.files, "file")}, ${formatSize(run.size_bytes)}`, "dim")],
    };
  });
  const remarks = [
    ...Map.groupBy(
      runs.flatMap((run) => run.remarks),
      (remark) => remark,
    ),
  ].map(([remark, all]): Line => [span(`${plural(all.length, "run")}: `, "dim"), span(safeText(remark))]);
  const here = runs.filter(({ standing }) => standing?.state === "here_already");
  const grown = runs.filter(({ standing }) => standing?.state === "grown");
  const rests = [
    ...(here.length > 0 ? [`, ${here.length} ${here.length === 1 ? "is" : "are"} here already`] : []),
    ...(grown.length > 0 ? [`, ${grown.length} changed there since`] : []),
  ].join("");
  const rest = runs.length > shownRuns ? [[span(`and ${runs.length - shownRuns} more`, "dim")]] : [];
  return [
    ...columnsPage(foreseen, face),
    ...(foreseen.columns === null ? [] : [[]]),
    ...layTable(layout, rows, { face }),
    ...rest,
    ...remarks.slice(0, shownRuns),
    ...leftOut.map((why): Line => [span("left out  ", "warn"), span(safeText(why))]),
    [
      span(
        `${plural(runs.length - here.length - grown.length, "run")} would be imported from ${safeText(what)}${rests}`,
      ),
    ],
    ...(grown.length === 0
      ? []
      : [[span("`--update` would take over what is new there, unless it contradicts what was imported", "dim")]]),
  ];
}
