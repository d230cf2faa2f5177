/**
 * Lists of runs: the same cells as `ml status` (view/run-row.ts), in columns whose widths depend on the panel alone, so
 * that nothing moves sideways while one scrolls. Only rows on the screen are made.
 */
import type { RunSummary } from "../../protocol/summary.ts";
import type { Line } from "../../view/face.ts";
import { cutText, span } from "../../view/face.ts";
import { unknown } from "../../view/mark.ts";
import { formatMetric, headline } from "../../view/metric.ts";
import { leftMs, type RowOptions, runRow, subtitle } from "../../view/run-row.ts";
import { safeText } from "../../view/safe-text.ts";
import { progressBar } from "../../view/spark.ts";
import { type Fitted, layRow, type Row as TableRow } from "../../view/table.ts";
import { ago, clockTime, roughDuration } from "../../view/time.ts";
import { type Area, fitRow, onGround, piece, type Row, type Spot } from "../cells.ts";
import { topFor } from "../layout.ts";
import { faceFor, type Scene } from "../scene.ts";

interface ListStyle {
  columns(width: number, options: { showUser: boolean }): Fitted[];
  cells(run: RunSummary, options: RowOptions): TableRow;
}

/** Panels narrower than this show one time a run, and its state in a few characters. */
const roomyFrom = 64;
const briefWidth = 13;
const roomyWidth = 20;

/** Bar and share for what runs, metric or verdict for what ended well, the kind of failure for what did not. */
function briefState(run: RunSummary, options: RowOptions, cells: TableRow): Line {
  const { face } = options;
  const fraction = run.status === "running" && run.stopping === null ? (run.progress?.fraction ?? null) : null;
  if (fraction !== null) {
    const bar = progressBar(fraction, { width: briefWidth - 5, unicode: face.unicode });
    return [span(bar, "live"), span(`${Math.floor(fraction * 100)}%`.padStart(5))];
  }
  return resultOf(run, { width: briefWidth, unicode: face.unicode }) ?? cells.state ?? [];
}

/** The metric that stands for a run that ended well and has no verdict: its mark says the rest. */
function resultOf(run: RunSummary, look: { width: number; unicode: boolean }): Line | null {
  const metric = run.status === "completed" && run.validation_status === null ? headline(run.metrics) : null;
  if (metric === null) return null;
  const value = formatMetric(metric.value);
  const name = cutText(safeText(metric.name), look.width - value.length - 1, look.unicode);
  return [span(`${name} `, "dim"), span(value)];
}

function roomyState(run: RunSummary, options: RowOptions, cells: TableRow): Line {
  return resultOf(run, { width: roomyWidth, unicode: options.face.unicode }) ?? cells.state ?? [];
}

/** `~14:30`, `52m left`: without the interval, which the overview has. */
function shortWhen(run: RunSummary, options: RowOptions, cells: TableRow): Line {
  const { nowMs } = options.face;
  const eta = run.status === "queued" ? clockTime(run.eta, nowMs) : null;
  if (eta !== null) return [span(`~${eta}`)];
  const left = run.status === "running" ? leftMs(run, nowMs) : null;
  return left === null ? (cells.when ?? []) : [span(`${roughDuration(left)} left`)];
}

/** The one time that matters: what is left, when it starts, how long it took. */
function briefTime(run: RunSummary, options: RowOptions, cells: TableRow): Line {
  const { nowMs } = options.face;
  if (run.status === "queued") return run.eta === null ? (cells.time ?? []) : shortWhen(run, options, cells);
  const left = run.status === "running" ? leftMs(run, nowMs) : null;
  return left === null ? (cells.time ?? []) : [span(roughDuration(left)), span(" left", "dim")];
}

/** Columns of the list of runs, widest panels showing most. */
export const runStyle: ListStyle = {
  columns(width, { showUser }) {
    if (width < roomyFrom)
      return [
        { name: "name", width: width - briefWidth - 4 - 9 },
        { name: "state", width: briefWidth },
        { name: "time", width: 9, align: "right" },
      ];
    const more: Fitted[] = [
      { name: "state", width: roomyWidth },
      { name: "time", width: 8, align: "right" },
      { name: "when", width: 12, align: "right" },
    ];
    if (showUser && width >= 72) more.unshift({ name: "user", width: 8 });
    if (width >= 84) more.unshift({ name: "run", width: 7 });
    if (width >= 104) more.push({ name: "detail", width: Math.min(60, width - 80) });
    const used = more.reduce((sum, column) => sum + column.width + 2, 0);
    return [{ name: "name", width: Math.max(10, width - used) }, ...more];
  },
  cells(run, options) {
    const cells = runRow(run, options);
    if (options.face.width >= roomyFrom) {
      const when = shortWhen(run, options, cells);
      return { ...cells, state: roomyState(run, options, cells), when };
    }
    return { ...cells, state: briefState(run, options, cells), time: briefTime(run, options, cells) };
  },
};

/** Columns of the waiting line: place, who, how important, what it needs, when, since when. */
export const queueStyle: ListStyle = {
  columns(width, { showUser }) {
    const more: Fitted[] = [
      ...(showUser ? [{ name: "user", width: 9 }] : []),
      { name: "priority", width: 3, align: "right" },
      { name: "when", width: 12, align: "right" },
    ];
    if (width >= 96) more.push({ name: "needs", width: 13 });
    if (width >= 110) more.push({ name: "since", width: 9, align: "right" });
    if (width >= 66) more.push({ name: "detail", width: Math.min(34, width - 54) });
    const used = more.reduce((sum, column) => sum + column.width + 2, 0) + 6;
    return [{ name: "place", width: 4, align: "right" }, { name: "name", width: Math.max(10, width - used) }, ...more];
  },
  cells(run, options) {
    const { face } = options;
    const cells = runRow(run, options);
    const needs = [
      run.requested.gpus > 0 ? `${run.requested.gpus} GPU` : null,
      `${run.requested.cpu_cores} CPU`,
    ].filter((part) => part !== null);
    return {
      ...cells,
      user: [span(safeText(run.user))],
      place: run.position === null ? [span(run.held ? "held" : "", "warn")] : [span(`#${run.position}`, "strong")],
      priority: [span(`p${run.priority}`, run.priority === 5 ? "dim" : "plain")],
      needs: [span(needs.join(" "), "dim")],
      since: [span(ago(run.queued_at, face.nowMs) ?? "", "dim")],
      when: run.eta === null ? [unknown(face)] : shortWhen(run, options, cells),
    };
  },
};

interface Shown {
  rows: Row[];
  spots: Spot[];
  /** Place of the selected run, from 1, and how many there are. */
  at: number;
}

function runLines(run: RunSummary, scene: Scene): number {
  return scene.ui.subtitles && (run.hypothesis ?? run.note ?? "").trim() !== "" ? 2 : 1;
}

function leadOf(run: RunSummary, scene: Scene): Row {
  const { ui } = scene;
  // In a panel without the keys the selected row has no ground, so that it needs a mark.
  if (ui.panel !== "list" && ui.lists[ui.view].selected === run.run_id && !ui.marked.has(run.run_id))
    return [piece(scene.unicode ? "▌" : ">", "accent"), piece(" ")];
  return scene.ui.marked.has(run.run_id) ? [piece(scene.unicode ? "◆" : "*", "accent"), piece(" ")] : [piece("  ")];
}

/** The rows of a list inside `area`; remembers in the list's place where it was drawn. */
export function runRows(scene: Scene, area: Area, style: ListStyle): Shown {
  const { ui, list } = scene;
  const place = ui.lists[ui.view];
  const selected = list.findIndex((run) => run.run_id === place.selected);
  const heightOf = (index: number) => {
    const run = list[index];
    return run === undefined ? 1 : runLines(run, scene);
  };
  place.top = topFor({ count: list.length, selected, top: place.top, height: area.height, heightOf });
  const inner = area.width - 3;
  const face = faceFor(scene, inner);
  const showUser = list.some((run) => run.user !== scene.user);
  const columns = style.columns(inner, { showUser });
  const gpus = gpusByRun(scene);
  const rows: Row[] = [];
  const spots: Spot[] = [];
  for (let index = place.top; index < list.length && rows.length < area.height; index++) {
    const run = list[index];
    if (run === undefined) break;
    const cells = style.cells(run, { face, showUser, gpus: gpus.get(run.run_id) ?? [] });
    const lines: Line[] = [layRow(columns, cells, face)];
    const below = ui.subtitles ? subtitle(run, face) : null;
    if (below !== null) lines.push([span("  "), ...below]);
    const isSelected = run.run_id === place.selected;
    spots.push({
      x: area.x,
      y: area.y + rows.length,
      width: area.width,
      height: lines.length,
      target: `run:${run.run_id}`,
    });
    for (const [at, line] of lines.entries()) {
      const row = fitRow([...(at === 0 ? leadOf(run, scene) : [piece("  ")]), ...line], area.width, scene.unicode);
      rows.push(isSelected ? onGround(row, ui.panel === "list" ? "selected" : "resting") : row);
    }
  }
  return { rows: rows.slice(0, area.height), spots, at: selected + 1 };
}

function gpusByRun(scene: Scene): Map<string, number[]> {
  const held = new Map<string, number[]>();
  for (const worker of scene.model.workers)
    for (const gpu of worker.gpus)
      if (gpu.busy_with !== null) held.set(gpu.busy_with, [...(held.get(gpu.busy_with) ?? []), gpu.index]);
  return held;
}
