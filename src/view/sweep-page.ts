/** Sweeps as pages: what one would become before it is queued, how one stands, all of them. */
import { formatDuration } from "../core/duration.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, type Span, span } from "./face.ts";
import { dot, markOf, shortId, unknown } from "./mark.ts";
import { formatMetric } from "./metric.ts";
import { type Axis, parallelPlot } from "./parallel-plot.ts";
import { safeText } from "./safe-text.ts";
import { progressBar } from "./spark.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { clockTime, durationText } from "./time.ts";

type Preview = Reply<"sweep.create">["preview"];
type Whole = Reply<"sweep.get">;
type Summary = Whole["sweep"];
type State = Whole["points"][number];

const shownCommands = 6;
const runs = (count: number) => `${count.toLocaleString("en")} ${count === 1 ? "run" : "runs"}`;

/** `sweep train-lr: 8 runs, about 2h40m of work (20m each, by 4 runs of this script)`, then the first commands. */
export function previewLines(preview: Preview, { skipsAnswered }: { skipsAnswered: boolean }): Line[] {
  const { count, answered, estimate, points, name } = preview;
  const queued = count - (skipsAnswered ? answered : 0);
  const work =
    estimate === null
      ? "; how long they take is not known yet"
      : `, about ${formatDuration(estimate.hours * 3_600_000)} of work (${formatDuration(estimate.seconds_each * 1000)} each, by ${runs(estimate.runs)} of this script)`;
  const lines: Line[] = [[span("sweep "), span(safeText(name), "strong"), span(`: ${runs(queued)}${work}`)]];
  for (const { command } of points.slice(0, shownCommands)) lines.push([span(`  ${safeText(command)}`, "dim")]);
  if (count > shownCommands) lines.push([span(`  and ${(count - shownCommands).toLocaleString("en")} more`, "dim")]);
  if (answered > 0) {
    const left = skipsAnswered ? "left out" : "`--skip-answered` leaves them out";
    lines.push([span(`${answered} of ${count} were answered by earlier runs of the same code: ${left}`, "accent")]);
  }
  return lines;
}

function countSpans({ counts }: Summary, face: Face): Span[] {
  const part = (status: "completed" | "running" | "queued" | "failed" | "cancelled", count: number): Span[][] =>
    count === 0 ? [] : [[markOf({ status, held: false, stopping: null }, face), span(` ${count}`)]];
  const parts = [
    ...part("completed", counts.completed),
    ...part("running", counts.running),
    ...part("queued", counts.waiting),
    ...part("failed", counts.failed),
    ...part("cancelled", counts.cancelled),
    ...(counts.halved > 0 ? [[span(`${counts.halved} halved`, "dim")]] : []),
    ...(counts.answered > 0 ? [[span(`${counts.answered} answered before`, "dim")]] : []),
    ...(counts.missing > 0 ? [[span(`${counts.missing} not queued`, "warn")]] : []),
  ];
  return parts.flatMap((spans, index) => (index === 0 ? spans : [span("  "), ...spans]));
}

const stateTones = { active: "plain", paused: "warn", cancelled: "dim", reached: "good" } as const;

export function doneShare({ counts }: Summary): number {
  const ended = counts.completed + counts.failed + counts.cancelled + counts.halved + counts.answered;
  return counts.points === 0 ? 0 : ended / counts.points;
}

/** An active sweep of which nothing is left to run has ended, until it is extended. */
function stateSpan({ state, counts }: Summary): Span {
  const isOver = state === "active" && counts.waiting + counts.running + counts.missing === 0;
  return isOver ? span("ended", "good") : span(state, stateTones[state]);
}

/** `lr=1e-3 bs=32`. */
export function pointText(point: Readonly<Record<string, string>>): string {
  return Object.entries(point)
    .map(([name, value]) => `${safeText(name)}=${safeText(value)}`)
    .join(" ");
}

function headLines({ sweep, definition }: Whole, face: Face): Line[] {
  const eta = clockTime(sweep.eta, face.nowMs);
  const bar = progressBar(doneShare(sweep), { width: 20, unicode: face.unicode });
  const lines: Line[] = [
    [span(safeText(sweep.name), "strong"), span(`  ${sweep.sweep_id}  `, "dim"), stateSpan(sweep)],
    [
      span("  "),
      span(bar, "live"),
      span(` ${runs(sweep.counts.points)}  `),
      ...countSpans(sweep, face),
      ...(eta === null ? [] : [dot(face), span(`done about ${eta}`)]),
    ],
    [span("  command  ", "dim"), span(safeText(sweep.command))],
  ];
  const { goal, halving } = definition;
  // An older server tells of none.
  if (goal !== null && halving != null) {
    const rule = `at step ${formatMetric(halving.min)} of ${safeText(goal.metric)} and every ${formatMetric(halving.factor)} times as many, the best of ${formatMetric(halving.factor)} goes on`;
    lines.push([span("  halving  ", "dim"), span(rule)]);
  }
  if (sweep.reason !== null) lines.push([span("  because  ", "dim"), span(safeText(sweep.reason))]);
  if (sweep.best !== null) {
    const { metric, value, point, run_id: runId } = sweep.best;
    lines.push([
      span("  best     ", "dim"),
      span(`${safeText(metric)} ${formatMetric(value)}`, "good"),
      span(` with ${pointText(point)} `),
      span(shortId(runId), "dim"),
    ]);
  }
  return lines;
}

/** Values as numbers where all are numbers, else as they came. */
function ordered(values: readonly string[]): string[] {
  const distinct = [...new Set(values)];
  const numeric = distinct.every((value) => value.trim() !== "" && Number.isFinite(Number(value)));
  return numeric ? distinct.sort((a, b) => Number(a) - Number(b)) : distinct;
}

function varying(whole: Whole): Axis[] {
  return whole.sweep.parameters.flatMap((name) => {
    const values = ordered(whole.points.flatMap((state) => state.point[name] ?? []));
    return values.length < 2 ? [] : [{ name, values }];
  });
}

type Goal = NonNullable<Whole["definition"]["goal"]>;

export function goalValue(state: State, goal: Goal | null): number | null {
  if (goal === null || state.run === null) return null;
  const value = state.run.metrics[`best_${goal.metric}`] ?? state.run.metrics[goal.metric];
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

/** Best first where there is a goal; points without a value behind those with one. */
export function sortedPoints(whole: Whole): State[] {
  const { goal } = whole.definition;
  if (goal === null) return [...whole.points];
  const sign = goal.direction === "max" ? -1 : 1;
  return [...whole.points].sort((a, b) => {
    const [x, y] = [goalValue(a, goal), goalValue(b, goal)];
    if (x === null || y === null) return (x === null ? 1 : 0) - (y === null ? 1 : 0);
    return sign * (x - y);
  });
}

function pointRow(state: State, whole: Whole, { names, face }: { names: readonly string[]; face: Face }): Row {
  const { run, point } = state;
  const { goal } = whole.definition;
  const value = goalValue(state, goal);
  const cells: Record<string, Line> = {};
  for (const name of names)
    cells[`p:${name}`] = [point[name] === undefined ? unknown(face) : span(safeText(point[name]))];
  if (run === null) return { ...cells, state: [span("not queued", "warn")] };
  const halved = run.status === "cancelled" ? whole.definition.halved[run.run_id] : undefined;
  const word =
    halved !== undefined
      ? span(`halved at ${formatMetric(halved.step)}`, "dim")
      : run.failure !== null && run.status === "failed"
        ? span(run.failure, "bad")
        : span(run.held && run.status === "queued" ? "held" : run.status);
  return {
    ...cells,
    state: [markOf({ ...run, stopping: null }, face), span(" "), run.status === "completed" ? span("") : word],
    value: [value === null ? unknown(face) : span(formatMetric(value))],
    took: [run.seconds === null ? unknown(face) : span(durationText(run.seconds * 1000) ?? "")],
    run: [
      span(shortId(run.run_id), "dim"),
      ...(state.attempts > 1 ? [span(` (attempt ${state.attempts})`, "dim")] : []),
    ],
  };
}

const shownPoints = 40;

function pointTable(whole: Whole, face: Face): Line[] {
  const names = varying(whole).map((axis) => axis.name);
  const { goal } = whole.definition;
  const columns: Column[] = [
    ...names.map((name): Column => ({ name: `p:${name}`, least: 6, most: 24 })),
    { name: "state" },
    ...(goal === null ? [] : [{ name: "value", align: "right" } as Column]),
    { name: "took", align: "right", keep: 3 },
    { name: "run", keep: 2 },
  ];
  const head: Row = {
    ...Object.fromEntries(names.map((name) => [`p:${name}`, [span(safeText(name), "dim")]])),
    state: [span("state", "dim")],
    value: [span(safeText(goal?.metric ?? ""), "dim")],
    took: [span("took", "dim")],
    run: [span("run", "dim")],
  };
  const states = sortedPoints(whole);
  const rows = states.slice(0, shownPoints).map((state) => pointRow(state, whole, { names, face }));
  const table = layTable(columns, [head, ...rows], { face, indent: 2 });
  const more = states.length - shownPoints;
  return more > 0 ? [...table, [span(`  and ${more} more: --plain or --json lists all`, "dim")]] : table;
}

function importanceLines(whole: Whole, face: Face): Line[] {
  const { importance } = whole;
  const { goal } = whole.definition;
  if (goal === null || importance.length === 0) return [];
  const nameWidth = Math.max(...importance.map((row) => row.parameter.length));
  const lines: Line[] = [
    [],
    [
      span(`What moved ${safeText(goal.metric)}`, "strong"),
      span(" (share of its spread that goes with each parameter alone)", "dim"),
    ],
  ];
  for (const { parameter, share, runs: count, values } of importance) {
    const bar = progressBar(share ?? 0, { width: 10, unicode: face.unicode });
    const said = share === null ? span("too few runs to tell", "dim") : span(`${Math.round(share * 100)}%`.padStart(4));
    const means = values.slice(0, 4).map((one) => `${safeText(one.value)}: ${formatMetric(one.mean)}`);
    lines.push([
      span(`  ${safeText(parameter).padEnd(nameWidth)}  `),
      ...(share === null ? [] : [span(bar, "live"), span(" ")]),
      said,
      span(`   mean ${means.join(", ")}${values.length > 4 ? ", …" : ""}  n ${count}`, "dim"),
    ]);
  }
  return lines;
}

export function sweepPage(whole: Whole, face: Face): Line[] {
  const { goal } = whole.definition;
  const axes = varying(whole).slice(0, 6);
  const plotted = whole.points.flatMap((state) => {
    const metric = state.run?.status === "completed" ? goalValue(state, goal) : null;
    return metric === null ? [] : [{ at: axes.map((axis) => state.point[axis.name] ?? null), metric }];
  });
  const plot =
    goal === null
      ? []
      : parallelPlot({ axes, metric: { name: goal.metric, direction: goal.direction }, runs: plotted }, face);
  return [
    ...headLines(whole, face),
    [],
    ...pointTable(whole, face),
    ...(plot.length === 0 ? [] : [[], ...plot]),
    ...importanceLines(whole, face),
  ];
}

const listColumns: readonly Column[] = [
  { name: "name", least: 10, most: 40 },
  { name: "id", keep: 2 },
  { name: "state" },
  { name: "done", keep: 4 },
  { name: "counts" },
  { name: "best", keep: 3, least: 12 },
];

export function sweepListPage(sweeps: readonly Summary[], face: Face): Line[] {
  if (sweeps.length === 0) return [[span("no sweeps yet: `ml sweep train.py --grid lr=1e-3,3e-4` makes one", "dim")]];
  const rows = sweeps.map(
    (sweep): Row => ({
      name: [span(safeText(sweep.name), "strong")],
      id: [span(sweep.sweep_id, "dim")],
      state: [stateSpan(sweep)],
      done: [
        span(progressBar(doneShare(sweep), { width: 10, unicode: face.unicode }), "live"),
        span(` ${Math.floor(doneShare(sweep) * 100)}%`),
      ],
      counts: countSpans(sweep, face),
      best:
        sweep.best === null
          ? []
          : [
              span(
                `${safeText(sweep.best.metric)} ${formatMetric(sweep.best.value)} with ${pointText(sweep.best.point)}`,
                "dim",
              ),
            ],
    }),
  );
  return layTable(listColumns, rows, { face });
}
