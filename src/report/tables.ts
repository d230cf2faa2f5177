/** The tables of a report, from the comparison that `ml compare` shows: set-ups with their repeats, and all runs. */

import { formatDuration } from "../core/duration.ts";
import { compareRuns } from "../think/comparison.ts";
import type { SetUp } from "../think/repeats.ts";
import type { RunFacts } from "../think/run-facts.ts";
import { bestRows, columnTitle, shortText } from "../view/compare-table.ts";
import type { ReportCell, ReportTable } from "./document.ts";
import { spreadText } from "./spread-text.ts";

/** A wider table fits no page. */
export const mostMetrics = 5;
const mostParameters = 8;

const arrows = { min: " ↓", max: " ↑" } as const;

export interface ResultsTable extends ReportTable {
  /** Columns that vary and had no room. */
  leftOut: string[];
}

/** A set-up a row: what varies among them, then each metric as mean ± deviation, best in bold. */
export function resultsTable(setUps: readonly SetUp[], metrics: readonly string[]): ResultsTable {
  const comparison = compareRuns(
    setUps.map(({ merged }) => merged),
    { metrics, all: false },
  );
  const repeated = setUps.some(({ runs }) => runs.length > 1);
  const inputs = comparison.columns.filter(
    ({ kind, name }) => kind === "parameter" || (kind === "fact" && !["seconds", "status", "verdict"].includes(name)),
  );
  const measured = comparison.columns.filter(({ kind }) => kind === "metric");
  const verdict = comparison.columns.filter(({ name, kind }) => kind === "fact" && name === "verdict");
  const shown = inputs.slice(0, mostParameters);
  const number = (values: readonly unknown[]) => typeof values.find((value) => value !== null) === "number";
  const best = measured.map(bestRows);
  const rows = setUps.map((setUp, at): ReportCell[] => {
    const count =
      setUp.completed === setUp.runs.length ? `${setUp.completed}` : `${setUp.completed} of ${setUp.runs.length}`;
    return [
      { text: setUp.runs.length === 1 ? setUp.merged.name : `${setUp.merged.name} …` },
      ...shown.map((column) => ({ text: shortText(column, column.values[at] ?? null) })),
      ...(repeated || setUp.completed < setUp.runs.length ? [{ text: count }] : [{ text: "1" }]),
      ...measured.map(({ name }, index) => {
        const value = setUp.metrics[name];
        return { text: value === undefined ? "" : spreadText(value), best: best[index]?.has(at) === true };
      }),
      { text: setUp.seconds === null ? "" : formatDuration(setUp.seconds.mean * 1000) },
      ...verdict.map((column) => ({ text: shortText(column, column.values[at] ?? null) })),
    ];
  });
  return {
    kind: "table",
    id: "results",
    caption: captionOf(setUps, repeated),
    columns: [
      { title: "set-up", align: "left" },
      ...shown.map((column) => ({
        title: columnTitle(column),
        align: number(column.values) ? ("right" as const) : ("left" as const),
      })),
      { title: "n", align: "right" },
      ...measured.map(({ name, better }) => ({
        title: `${name}${better === null ? "" : arrows[better]}`,
        align: "right" as const,
      })),
      { title: "time", align: "right" },
      ...verdict.map(() => ({ title: "verdict", align: "left" as const })),
    ],
    rows,
    leftOut: inputs.slice(mostParameters).map(({ name }) => name),
  };
}

const labelParameters = 3;

/** What tells each set-up from the others, `lr 0.3, hidden 16`; its name where that is not in its parameters. */
export function setUpLabels(setUps: readonly SetUp[]): string[] {
  const { columns } = compareRuns(
    setUps.map(({ merged }) => merged),
    { metrics: [], all: false },
  );
  const varied = columns.filter(({ kind }) => kind === "parameter").slice(0, labelParameters);
  const labels = setUps.map(({ merged }, at) => {
    const parts = varied.flatMap((column) => {
      const value = column.values[at] ?? null;
      return value === null ? [] : [`${column.name} ${shortText(column, value)}`];
    });
    return parts.length === 0 ? merged.name : parts.join(", ");
  });
  const isAlone = (label: string) => labels.filter((other) => other === label).length === 1;
  return labels.map((label, at) => (isAlone(label) ? label : `${label} (${setUps[at]?.merged.run_id.slice(-6)})`));
}

function captionOf(setUps: readonly SetUp[], repeated: boolean): string {
  const runs = setUps.reduce((sum, setUp) => sum + setUp.runs.length, 0);
  const spread = repeated
    ? " Values are mean ± sample standard deviation over the n completed runs of a set-up, which differ in nothing but seeds and names of folders."
    : "";
  return `What varied, and what came out: ${setUps.length} ${setUps.length === 1 ? "set-up" : "set-ups"}, ${runs} ${runs === 1 ? "run" : "runs"}. Last values. ↑: more is better, ↓: less is better; the best is bold.${spread}`;
}

/** Each run by its id, for whoever looks one up. */
export function runsTable(runs: readonly RunFacts[], metrics: readonly string[]): ReportTable {
  const comparison = compareRuns(runs, { metrics: metrics.slice(0, 3), all: false });
  const columns = comparison.columns.filter(({ kind, name }) => kind === "metric" || name === "seconds");
  return {
    kind: "table",
    id: "runs",
    caption: `All ${runs.length === 1 ? "runs: one" : `${runs.length} runs`}.`,
    columns: [
      { title: "run", align: "left" },
      { title: "name", align: "left" },
      { title: "state", align: "left" },
      ...columns.map((column) => ({ title: columnTitle(column), align: "right" as const })),
    ],
    rows: runs.map((run, at) => [
      { text: run.run_id },
      { text: run.name },
      { text: run.failure ?? run.status },
      ...columns.map((column) => ({ text: shortText(column, column.values[at] ?? null) })),
    ]),
  };
}
