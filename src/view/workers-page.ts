/** `ml workers`: each machine that starts runs, what of it is free, what closes its door, and what its runs use at this moment. */
import { formatSize } from "../core/size.ts";
import { cutLine, type Face, type Line, span, wrapText } from "./face.ts";
import { gpusPage, type Machines } from "./gpus-page.ts";
import { dot, shortId, unknown } from "./mark.ts";
import { safeText } from "./safe-text.ts";
import { type Column, layTable, type Row } from "./table.ts";
import { ago } from "./time.ts";

type Worker = Machines["workers"][number];

const columns: readonly Column[] = [
  { name: "run", least: 12, most: 40 },
  { name: "user", keep: 1, most: 16 },
  { name: "cpu", align: "right" },
  { name: "memory", align: "right" },
  { name: "gpu", align: "right", keep: 2 },
  { name: "gpu memory", align: "right", keep: 2 },
];

const indent = 2;
const size = (value: number | null) => (value === null ? "?" : formatSize(value * 1e9));

/** `3 of 4 slots · 12 of 16 cores · 52 GB of 64 GB memory · 1 of 2 GPUs free`. */
function freeLine({ capacity, free, gpus }: Worker, face: Face): Line {
  const facts = [
    `${free.slots} of ${capacity.slots} slots`,
    `${free.cpu_cores} of ${capacity.cpu_cores} cores`,
    ...(capacity.ram_gb === null ? [] : [`${size(free.ram_gb)} of ${size(capacity.ram_gb)} memory`]),
    ...(gpus.length === 0 ? [] : [`${free.gpus} of ${gpus.length} GPUs`]),
  ];
  return [
    span("  free  ", "dim"),
    ...facts.flatMap((fact, index) => [...(index === 0 ? [] : [dot(face)]), span(fact)]),
  ];
}

function headLine(worker: Worker, face: Face): Line {
  const state = !worker.alive
    ? span("gone", "bad")
    : worker.draining
      ? span("draining", "warn")
      : span("working", "good");
  const seen = ago(worker.seen_at, face.nowMs);
  const facts = [`${safeText(worker.version)} on ${safeText(worker.host)}, pid ${worker.pid}`, `seen ${seen ?? "?"}`];
  return [
    span(safeText(worker.worker), "strong"),
    dot(face),
    state,
    ...facts.flatMap((fact) => [dot(face), span(fact, "dim")]),
  ];
}

function useRows(worker: Worker, { runs }: Machines, face: Face): Row[] {
  const known = new Map(runs.map((run) => [run.run_id, run]));
  const uses = new Map(worker.uses.map((use) => [use.run_id, use]));
  const cell = (text: string | null) => [text === null ? unknown(face) : span(text)];
  return worker.running.map((runId): Row => {
    const use = uses.get(runId);
    const run = known.get(runId);
    const part = (value: number | null | undefined, text: (known: number) => string) =>
      cell(value === null || value === undefined ? null : text(value));
    return {
      run: [span(safeText(run?.name ?? "?"), "live"), span(` ${shortId(runId)}`, "dim")],
      user: cell(run === undefined ? null : safeText(run.user)),
      cpu: part(use?.cpu_cores, (cores) => `${cores.toFixed(1)} cores`),
      memory: part(use?.ram_gb, size),
      gpu: part(use?.gpu_utilization, (share) => `GPU ${Math.round(share * 100)}%`),
      "gpu memory": part(use?.gpu_memory_gb, size),
    };
  });
}

export function workersPage(machines: Machines, face: Face): Line[] {
  if (machines.workers.length === 0)
    return [[span("No worker is known: nothing will start. "), span("ml worker", "strong"), span(" starts one.")]];
  return machines.workers.flatMap((worker, index) => {
    const shut = worker.door.filter(({ why }) => !worker.problems.some((problem) => problem.startsWith(why)));
    const problems = [...worker.problems, ...shut.map(({ why }) => `${why}: no run starts`)].flatMap((problem) =>
      wrapText(safeText(problem), face.width - 4).map(
        (text, at): Line => [span(at === 0 ? "  ! " : "    ", "warn"), span(text, "warn")],
      ),
    );
    const rows = useRows(worker, machines, face);
    const [, ...cards] =
      worker.gpus.length === 0 ? [] : gpusPage({ ...machines, workers: [{ ...worker, gpu_problem: null }] }, face);
    return [
      ...(index === 0 ? [] : [[]]),
      cutLine(headLine(worker, face), face.width, face.unicode),
      cutLine(freeLine(worker, face), face.width, face.unicode),
      ...problems,
      ...cards,
      ...(rows.length === 0 ? [] : layTable(columns, rows, { face, indent })),
    ];
  });
}

/** Columns of --plain. */
export function plainWorker(worker: Worker): (string | number | boolean | null)[] {
  const { capacity, free } = worker;
  const pairs = [free.slots, capacity.slots, free.cpu_cores, capacity.cpu_cores, free.ram_gb, capacity.ram_gb];
  return [
    worker.worker,
    worker.host,
    worker.alive,
    worker.draining,
    ...pairs,
    free.gpus,
    worker.gpus.length,
    worker.seen_at,
  ];
}
