/** `ml gpus`: a row for each card, what stands against using it below it, and who has it by name. */
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { cutLine, type Face, type Line, type Span, span, wrapText } from "./face.ts";
import { dot, shortId, unknown } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, fitColumns, layRow, type Row } from "./table.ts";
import { ago } from "./time.ts";

export type Machines = Reply<"workers">;
type Worker = Machines["workers"][number];
type Gpu = Worker["gpus"][number];

const columns: readonly Column[] = [
  { name: "#", align: "right" },
  { name: "model", keep: 1, most: 40 },
  { name: "memory", align: "right" },
  { name: "busy", align: "right" },
  { name: "heat", align: "right", keep: 3 },
  { name: "power", align: "right", keep: 2 },
  { name: "who", least: 14 },
];

const indent = 2;

/** `18/26 GB`, used of all. */
function memoryText(gpu: Gpu): string | null {
  if (gpu.memory_gb === null) return null;
  const used = gpu.used_gb === null ? "?" : gpu.used_gb < 9.95 ? gpu.used_gb.toFixed(1) : gpu.used_gb.toFixed(0);
  return `${used}/${gpu.memory_gb.toFixed(0)} GB`;
}

function powerText({ power_w: power, power_limit_w: limit }: Gpu): string | null {
  if (power === null) return null;
  return `${power.toFixed(0)}${limit === null ? "" : `/${limit.toFixed(0)}`} W`;
}

/** What a run is called, with how far it is. */
function runText(runId: string, runs: ReadonlyMap<string, RunSummary>): string {
  const run = runs.get(runId);
  if (run === undefined) return shortId(runId);
  const fraction = run.progress?.fraction ?? null;
  const far = fraction === null ? "" : ` ${Math.floor(fraction * 100)}%`;
  return `${safeText(run.name)} ${shortId(runId)} (${safeText(run.user)})${far}`;
}

function whoCell(gpu: Gpu, runs: ReadonlyMap<string, RunSummary>): Span[] {
  if (gpu.runs.length > 0) {
    const names = gpu.runs.map((runId) => runText(runId, runs)).join(", ");
    const left =
      gpu.free_memory_gb !== null && gpu.free_memory_gb > 0 ? ` · ${formatSize(gpu.free_memory_gb * 1e9)} left` : "";
    return [span(names, "live"), span(left, "dim")];
  }
  return [gpu.blocked === null ? span("free", "good") : span("not free", "warn")];
}

function gpuRow(gpu: Gpu, runs: ReadonlyMap<string, RunSummary>, face: Face): Row {
  const cell = (text: string | null, tone: Span["tone"] = "plain") => [
    text === null ? unknown(face) : span(text, tone),
  ];
  const slow = gpu.throttled.length === 0 ? "" : ` (slowed by ${gpu.throttled.join(", ")})`;
  const hot = gpu.throttled.includes("heat");
  return {
    "#": [span(String(gpu.index), "strong")],
    model: [span(safeText(gpu.model ?? "GPU"))],
    memory: cell(memoryText(gpu)),
    busy: cell(gpu.utilization === null ? null : `${Math.round(gpu.utilization * 100)}%`),
    heat: cell(gpu.temperature_c === null ? null : `${gpu.temperature_c} °C`, hot ? "warn" : "plain"),
    power: cell(powerText(gpu)),
    who: [...whoCell(gpu, runs), span(slow, "warn")],
  };
}

/** `gpu01 · 1 of 2 GPUs free · seen just now`. */
function headLine(worker: Worker, face: Face): Line {
  const free = worker.gpus.filter((gpu) => gpu.runs.length === 0 && gpu.blocked === null).length;
  const count = worker.gpus.length;
  const facts = [
    count === 0 ? "no GPUs" : `${free} of ${count} ${count === 1 ? "GPU" : "GPUs"} free`,
    ...(worker.gpus_seen_at === null ? [] : [`seen ${ago(worker.gpus_seen_at, face.nowMs) ?? "?"}`]),
    ...(worker.alive ? [] : ["this worker is gone"]),
  ];
  return [span(safeText(worker.worker), "strong"), ...facts.flatMap((fact) => [dot(face), span(fact, "dim")])];
}

function sentence(text: string, face: Face, deep: number): Line[] {
  return wrapText(safeText(text), face.width - deep).map((line) => [span(" ".repeat(deep)), span(line, "warn")]);
}

export function gpusPage(machines: Machines, face: Face): Line[] {
  const runs = new Map(machines.runs.map((run) => [run.run_id, run]));
  const page: Line[] = [];
  for (const worker of machines.workers) {
    if (page.length > 0) page.push([]);
    page.push(cutLine(headLine(worker, face), face.width, face.unicode));
    if (worker.gpu_problem !== null) page.push(...sentence(worker.gpu_problem, face, indent));
    const rows = worker.gpus.map((gpu) => gpuRow(gpu, runs, face));
    const fitted = fitColumns(columns, rows, face.width - indent);
    for (const [index, gpu] of worker.gpus.entries()) {
      page.push(layRow(fitted, rows[index] ?? {}, face, { indent }));
      if (gpu.blocked !== null && gpu.blocked !== worker.gpu_problem)
        page.push(...sentence(gpu.blocked, face, indent + 3));
    }
  }
  return page.length === 0 ? [[span("No worker is known, so no GPU is.")]] : page;
}

/** Columns of --plain. */
export function plainGpu(worker: Worker, gpu: Gpu): (string | number | null)[] {
  const { index, id, model, memory_gb, used_gb, utilization, temperature_c, power_w } = gpu;
  const numbers = [memory_gb, used_gb, utilization, temperature_c, power_w];
  return [worker.worker, index, id, model, ...numbers, gpu.runs.join(","), gpu.blocked];
}
