/** GPUs and workers: a strip under the lists, and a view of its own. */
import { formatSize } from "../../core/size.ts";
import type { WorkerState } from "../../protocol/requests.ts";
import { type Line, lineWidth, type Span, span } from "../../view/face.ts";
import { gpusPage } from "../../view/gpus-page.ts";
import { unknown } from "../../view/mark.ts";
import { safeText } from "../../view/safe-text.ts";
import { progressBar, sparkline } from "../../view/spark.ts";
import { ago, fullTime } from "../../view/time.ts";
import { workersPage } from "../../view/workers-page.ts";
import { type Area, box, fitRow, inside, type Layer, piece, type Row } from "../cells.ts";
import { faceFor, type Scene } from "../scene.ts";
import { scrolledPage } from "./text-tab.ts";

function nameOf(scene: Scene, runId: string): string {
  return safeText(scene.model.runs.get(runId)?.name ?? runId);
}

function share(used: number, of: number, look: { width: number; unicode: boolean }): Span[] {
  const fraction = of > 0 ? used / of : 0;
  return [span(progressBar(fraction, look), fraction >= 1 ? "warn" : "live")];
}

/** `95%  22.8/24 GB  71 °C  310 W`: what the driver told, what it did not tell left out. */
function gpuFacts(gpu: WorkerState["gpus"][number]): string[] {
  const { used_gb: used, memory_gb: memory, temperature_c: heat, power_w: power, throttled } = gpu;
  return [
    memory === null ? null : `${used === null ? "?" : used.toFixed(1)}/${memory.toFixed(0)} GB`,
    heat === null ? null : `${heat} °C`,
    power === null ? null : `${power.toFixed(0)} W`,
    throttled.length === 0 ? null : `slowed by ${throttled.join(", ")}`,
  ].filter((fact) => fact !== null);
}

/** Who has it, or why nobody may. */
function holderSpans(scene: Scene, gpu: WorkerState["gpus"][number]): Span[] {
  if (gpu.runs.length > 0) return [span(gpu.runs.map((runId) => nameOf(scene, runId)).join(", "), "strong")];
  return gpu.blocked === null ? [span("idle", "dim")] : [span(safeText(gpu.blocked), "warn")];
}

/** `■ GPU 0  RTX 3090  ━━━━━━━━━╌ 95%  22.8/24 GB  71 °C  310 W  batch_size_64  ▂▃▅▇▇▇▇`. */
function gpuLine(scene: Scene, gpu: WorkerState["gpus"][number], look: { modelWidth: number; width: number }): Line {
  const { unicode } = scene;
  const model = safeText(gpu.model ?? "unknown model").padEnd(look.modelWidth);
  const mark = span(unicode ? "■" : "#", gpu.runs.length === 0 ? "dim" : "live");
  const busy = gpu.utilization === null ? [] : utilisationSpans(gpu.utilization, look.width < 100 ? 6 : 10, unicode);
  const facts = gpuFacts(gpu).map((fact) => `  ${unicode ? fact : fact.replace("°", "")}`);
  const samples = (scene.model.samples.get(gpu.id) ?? []).map((value) => value ?? Number.NaN);
  const curve =
    samples.length < 2 || look.width < 100
      ? []
      : [span(`  ${sparkline([...samples.slice(-24), 0, 1], { width: 26, unicode }).slice(0, -2)}`, "live")];
  return [
    ...[mark, span(` GPU ${gpu.index}  `), span(`${model}  `, "dim"), ...busy, span(facts.join(""), "dim"), span("  ")],
    ...holderSpans(scene, gpu),
    ...curve,
  ];
}

function utilisationSpans(share: number, width: number, unicode: boolean): Span[] {
  return [span(progressBar(share, { width, unicode }), "live"), span(`${Math.round(share * 100)}%`.padStart(5))];
}

/** `data 2/3 warm`, with what is being copied; nothing where nothing waits for data. */
function dataSpans({ data, alive }: WorkerState, { unicode }: Scene): Span[] {
  if (data == null || !alive) return [];
  const [copying] = data.copying;
  if (copying !== undefined) {
    const fraction = copying.total_bytes > 0 ? copying.done_bytes / copying.total_bytes : 0;
    const bar = progressBar(fraction, { width: 8, unicode });
    return [
      span("   data ", "dim"),
      span(bar, "live"),
      span(` ${Math.floor(fraction * 100)}% ${safeText(copying.name)}`, "dim"),
    ];
  }
  if (data.needed === 0) return [];
  const isReady = data.warm >= data.needed;
  return [
    span("   data ", "dim"),
    span(`${data.warm}/${data.needed} warm`, isReady ? "good" : data.failed.length > 0 ? "warn" : "plain"),
  ];
}

/** `slots ━━━━╌╌╌╌ 1/2   CPU 1/2   RAM 12/16 GB free   gpu01`. */
function slotLine(scene: Scene, worker: WorkerState, width: number): Line {
  const { capacity, free } = worker;
  const bar = share(capacity.slots - free.slots, capacity.slots, {
    width: width < 100 ? 8 : 16,
    unicode: scene.unicode,
  });
  const size = (gigabytes: number | null) => (gigabytes === null ? "?" : formatSize(gigabytes * 1e9));
  const facts = [
    `CPU ${capacity.cpu_cores - free.cpu_cores}/${capacity.cpu_cores}`,
    `RAM ${size(free.ram_gb)} of ${size(capacity.ram_gb)} free`,
  ];
  const running = worker.running.map((runId) => nameOf(scene, runId)).join(", ");
  const line = [
    span(safeText(worker.worker), worker.alive ? "strong" : "warn"),
    span("  slots ", "dim"),
    ...bar,
    span(` ${capacity.slots - free.slots}/${capacity.slots}`),
    span(`   ${facts.join("   ")}`, "dim"),
    ...dataSpans(worker, scene),
    ...(worker.alive ? [] : [span(`   last seen ${ago(worker.seen_at, scene.nowMs)}`, "warn")]),
    ...(worker.draining ? [span("   draining", "warn")] : []),
  ];
  // A letter or two of a name tell nobody anything.
  const room = width - lineWidth(line) - 4;
  return running === "" || room < Math.min(running.length, fewestLetters)
    ? line
    : [...line, span(`   ${running}`, "live")];
}

const fewestLetters = 12;

/** How many lines the strip would like: one a worker and one a GPU. */
export function stripRows(scene: Scene): number {
  return scene.model.workers.reduce((sum, worker) => sum + 1 + (worker.alive ? worker.gpus.length : 0), 0);
}

export function drawStrip(scene: Scene, area: Area): Layer {
  const { workers } = scene.model;
  const modelWidth = Math.max(
    0,
    ...workers.flatMap((one) => one.gpus.map((gpu) => (gpu.model ?? "unknown model").length)),
  );
  const lines = workers.flatMap((worker) => [
    ...(worker.alive ? worker.gpus.map((gpu) => gpuLine(scene, gpu, { modelWidth, width: area.width })) : []),
    slotLine(scene, worker, area.width),
  ]);
  const shown = lines.slice(0, area.height);
  const rows: Row[] = shown.map((line) => fitRow([piece(" "), ...line], area.width, scene.unicode));
  return { ...area, rows };
}

function serverLines(scene: Scene): Line[] {
  const { server } = scene.model;
  if (server === null) return [];
  const { free_bytes: free, total_bytes: total } = server.disk;
  const disk =
    free === null
      ? [unknown(scene)]
      : [span(`${formatSize(free)} free${total === null ? "" : ` of ${formatSize(total)}`}`)];
  return [
    [span("Server", "strong")],
    [
      span("  ml ", "dim"),
      span(safeText(server.version)),
      span(` on ${safeText(server.host)}, pid ${server.pid}, since ${fullTime(server.started_at) ?? "?"}`, "dim"),
    ],
    [span("  queue ", "dim"), span(server.queue.backend), span(`, ${server.queue.waiting} waiting`, "dim")],
    [span("  disk ", "dim"), ...disk],
    [span("  base ", "dim"), span(safeText(server.base))],
    ...server.problems.map((problem): Line => [span(`  ! ${safeText(problem)}`, "warn")]),
  ];
}

/** The pages of `ml gpus` and `ml workers`, then the server. */
export function drawMachines(scene: Scene, area: Area): Layer {
  const room = inside(area);
  const face = faceFor(scene, room.width - 2);
  const { workers, runs, server } = scene.model;
  const held = new Set(workers.flatMap((worker) => [...worker.running, ...worker.gpus.flatMap((gpu) => gpu.runs)]));
  const named = [...held].flatMap((runId) => runs.get(runId) ?? []);
  const machines = { now: server?.now ?? "", workers, runs: named };
  const hasCards = workers.some((worker) => worker.gpus.length > 0 || worker.gpu_problem !== null);
  const cards: Line[] = hasCards ? [[span("GPUs", "strong")], ...gpusPage(machines, face), []] : [];
  const lines = [...cards, [span("Workers", "strong")], ...workersPage(machines, face), [], ...serverLines(scene)];
  const page = scrolledPage(scene, "overview", { lines, area: room });
  const rows = page.rows.map((line): Row => [piece(" "), ...line]);
  const title: Row = [piece("GPUs and workers", "strong")];
  return box({ ...area, title, rows, foot: page.foot, focused: true, unicode: scene.unicode });
}
