/** The two rows on top: the state of everything at a glance, and the views with their numbers. */

import { localOffsetMs } from "../../core/local-offset.ts";
import { lineWidth } from "../../view/face.ts";
import { dot } from "../../view/mark.ts";
import { safeText } from "../../view/safe-text.ts";
import { clockTime } from "../../view/time.ts";
import { type Area, fitRow, type Layer, piece, type Row, type Spot, spread } from "../cells.ts";
import { endedToday } from "../run-list.ts";
import type { Scene } from "../scene.ts";
import { views, viewTitles } from "../state.ts";

const dayMs = 86_400_000;

/** The moment at which the reader's day began. */
function dayStartMs(nowMs: number): number {
  const local = nowMs + localOffsetMs(nowMs);
  return local - (local % dayMs) - localOffsetMs(nowMs);
}

interface Counts {
  running: number;
  queued: number;
  /** Since the reader's midnight. */
  failed: number;
  completed: number;
}

/** The last counting: of the same runs on the same day nothing is counted again with each frame. */
let counted: { model: Scene["model"]; version: number; sinceMs: number; counts: Counts } | null = null;

function countsOf(model: Scene["model"], sinceMs: number): Counts {
  const { version } = model;
  if (counted?.model === model && counted.version === version && counted.sinceMs === sinceMs) return counted.counts;
  const counts: Counts = { running: 0, queued: 0, failed: 0, completed: 0 };
  for (const run of model.runs.values()) {
    if (run.status === "running" || run.status === "starting") counts.running += 1;
    else if (run.status === "queued") counts.queued += 1;
  }
  counts.failed = endedToday(model.runs.values(), "failed", sinceMs);
  counts.completed = endedToday(model.runs.values(), "completed", sinceMs);
  counted = { model, version, sinceMs, counts };
  return counts;
}

/** `ml · gpu01 · 2 running · 3 queued · 1 failed today · GPU 2/2`; facts that do not fit go, the last first. */
export function headerRow(scene: Scene, width: number): Row {
  const { model, nowMs } = scene;
  const { running, failed, completed: done, ...counts } = countsOf(model, dayStartMs(nowMs));
  const queued = model.totals.queued ?? counts.queued;
  const facts: Row[] = [
    [piece(safeText(scene.host), "strong")],
    [piece(`${running} running`, running > 0 ? "live" : "dim")],
    [piece(`${queued} queued`, queued > 0 ? "plain" : "dim")],
    [piece(`${failed} failed today`, failed > 0 ? "bad" : "dim")],
    [piece(`${done} done today`, done > 0 ? "good" : "dim")],
    ...machineFacts(scene),
  ];
  const problems = model.server?.problems.length ?? 0;
  if (problems > 0) facts.splice(1, 0, [piece(`! ${problems} ${problems === 1 ? "problem" : "problems"}`, "warn")]);
  const clock = [piece(clockTime(new Date(nowMs).toISOString(), nowMs) ?? "", "dim"), piece(" ")];
  const row = (shown: number): Row => [
    piece(" ml", "accent", { style: { bold: true } }),
    ...facts.slice(0, shown).flatMap((fact) => [dot(scene), ...fact]),
  ];
  let shown = facts.length;
  while (shown > 1 && lineWidth(row(shown)) + lineWidth(clock) + 2 > width) shown -= 1;
  return spread(row(shown), clock, width, scene.unicode);
}

function machineFacts(scene: Scene): Row[] {
  const alive = scene.model.workers.filter((worker) => worker.alive);
  if (alive.length === 0) return scene.model.server === null ? [] : [[piece("no worker", "warn")]];
  const sum = (pick: (worker: (typeof alive)[number]) => number) => alive.reduce((all, one) => all + pick(one), 0);
  const gpus = sum((one) => one.capacity.gpus);
  const slots = sum((one) => one.capacity.slots);
  const facts: Row[] = [];
  const held = sum((one) => one.gpus.filter((gpu) => gpu.runs.length > 0).length);
  if (gpus > 0) facts.push([piece(`GPU ${held}/${gpus}`)]);
  facts.push([piece(`slots ${slots - sum((one) => one.free.slots)}/${slots}`, gpus > 0 ? "dim" : "plain")]);
  const watts = alive.flatMap((worker) => worker.gpus.flatMap((gpu) => gpu.power_w ?? []));
  if (watts.length > 0) facts.push([piece(`${Math.round(watts.reduce((all, one) => all + one, 0))} W`, "dim")]);
  return facts;
}

export function drawHeader(scene: Scene, areas: { header: Area; views: Area }): { layers: Layer[]; spots: Spot[] } {
  const spots: Spot[] = [];
  const row: Row[number][] = [piece(" ")];
  let x = areas.views.x + 1;
  const short = areas.views.width < 100;
  for (const [index, view] of views.entries()) {
    const title = short && view === "containers" ? "Images" : viewTitles[view];
    const marked = view === "compare" && scene.ui.marked.size > 0 ? ` ${scene.ui.marked.size}` : "";
    const text = `${index + 1} ${title}${marked}`;
    const active = scene.ui.view === view;
    row.push(
      active
        ? piece(` ${text} `, "strong", { ground: "selected" })
        : piece(` ${text} `, view === "compare" && marked !== "" ? "accent" : "dim"),
    );
    spots.push({ x, y: areas.views.y, width: text.length + 2, height: 1, target: `view:${view}` });
    x += text.length + 2;
  }
  const layers = [
    { ...areas.header, rows: [headerRow(scene, areas.header.width)] },
    { ...areas.views, rows: [fitRow(row, areas.views.width, scene.unicode)] },
  ];
  return { layers, spots };
}
