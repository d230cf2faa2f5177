/** Believable runs, fixed in time, for the frames in this folder. */

import type { RunSummary } from "../../../src/protocol/summary.ts";
import { newManifest } from "../../../src/run/manifest.ts";
import { type Face, type Line, lineText } from "../../../src/view/face.ts";
import type { Status } from "../../../src/view/status-page.ts";
import type { RunDetail } from "../../../src/view/verdict-block.ts";

export const now = "2026-11-23T21:14:00.000Z";
export const face = (width: number, unicode = true): Face => ({ width, unicode, nowMs: Date.parse(now) });
export const text = (lines: readonly Line[]): string => `${lines.map(lineText).join("\n")}\n`;

function gpu(index: number, run: string | null = null): Status["workers"][number]["gpus"][number] {
  return {
    id: `GPU-${index + 1}`,
    index,
    uuid: `GPU-${index + 1}`,
    model: "RTX 3090",
    memory_gb: 25.4,
    shareable_gb: 24.1,
    free_memory_gb: run === null ? 24.1 : 0,
    runs: run === null ? [] : [run],
    busy_with: run,
    blocked: null,
    used_gb: run === null ? 0.01 : 18.2,
    utilization: run === null ? 0 : 0.97,
    temperature_c: run === null ? 35 : 71,
    power_w: run === null ? 21 : 342,
    power_limit_w: 350,
    throttled: [],
    processes:
      run === null ? [] : [{ pid: 4711, who: "process 4711 (python3) of user ana", run_id: run, used_gb: 18.2 }],
  };
}

export function summary(given: Partial<RunSummary> = {}): RunSummary {
  return {
    run_id: "2026-11-23_k3f9ab",
    name: "batch_size_64",
    user: "ana",
    status: "running",
    command: "python train.py --batch-size 64",
    priority: 5,
    held: false,
    held_why: null,
    queued_at: "2026-11-23T20:00:00Z",
    started_at: "2026-11-23T20:31:00Z",
    ended_at: null,
    exit_code: null,
    signal: null,
    failure: null,
    note: null,
    hypothesis: null,
    validation_status: null,
    group: null,
    tags: [],
    parent_run: null,
    source_run: null,
    imported_from: null,
    retried_as: null,
    requested: { gpus: 1, gpu_memory_gb: null, cpu_cores: 1, ram_gb: null, disk_gb: null, max_runtime_hours: null },
    terms: null,
    predicted_seconds: null,
    expected_start: null,
    energy_kwh: null,
    cancelled: null,
    sweep: null,
    host: "gpu01",
    metrics: {},
    artifacts: null,
    position: null,
    eta: null,
    eta_range: null,
    waits_for: null,
    progress: null,
    stopping: null,
    problem: null,
    ...given,
  };
}

export const running = summary({
  hypothesis: "linear LR scaling holds",
  metrics: { train_loss: 0.3123456, val_acc: 0.8712 },
  progress: { text: "epoch 45/100", fraction: 0.45, eta_seconds: 3120 },
});
export const waiting = summary({
  run_id: "2026-11-23_x2k4aa",
  name: "warmup_test",
  status: "queued",
  started_at: null,
  position: 1,
  eta: "2026-11-23T22:06:00Z",
  command: "python train.py --lr 1e-4 --warmup 500",
  note: "advisor: try warmup",
});
export const held = summary({
  run_id: "2026-11-23_h7mm2c",
  name: "预训练_base",
  status: "queued",
  held: true,
  started_at: null,
  priority: 8,
  command: "python pretrain.py",
});
export const completed = summary({
  run_id: "2026-11-22_aaaaaa",
  name: "imagenet_baseline",
  status: "completed",
  started_at: "2026-11-22T10:00:00Z",
  ended_at: "2026-11-22T14:15:00Z",
  exit_code: 0,
  metrics: { loss: 0.031, val_acc: 0.8712, training_time_hours: 4.25 },
});
export const failed = summary({
  run_id: "2026-11-23_bbbbbb",
  name: "batch_128",
  user: "li",
  status: "failed",
  started_at: "2026-11-23T14:00:00Z",
  ended_at: "2026-11-23T14:03:12Z",
  exit_code: 1,
  failure: { kind: "gpu_oom", message: "CUDA out of memory: tried to allocate 2.00 GiB", hint: "use a smaller batch" },
});
export const cancelled = summary({
  run_id: "2026-11-21_cccccc",
  name: "too_slow",
  status: "cancelled",
  started_at: null,
  ended_at: "2026-11-21T09:00:00Z",
});

export function status(given: Partial<Status> = {}): Status {
  return {
    server: {
      pid: 4711,
      version: "0.1.0",
      base: "/data/ml",
      url: "ws://127.0.0.1:9100",
      socket: null,
      host: "gpu01",
      started_at: "2026-11-23T18:02:00Z",
      now,
      queue: { backend: "sqlite", ok: true, degraded: false, problem: null, waiting: 2 },
      disk: { free_bytes: 412e9, total_bytes: 1e12 },
      problems: [],
    },
    workers: [
      {
        worker: "gpu01",
        host: "gpu01",
        pid: 4711,
        version: "0.1.0",
        seen_at: now,
        alive: true,
        draining: false,
        capacity: { slots: 2, cpu_cores: 16, gpus: 2, ram_gb: 64, disk_gb: 500 },
        free: { slots: 1, cpu_cores: 15, gpus: 1, ram_gb: 60, disk_gb: 412 },
        running: ["2026-11-23_k3f9ab"],
        data: null,
        venvs: null,
        images: null,
        holding: [],
        door: [],
        gpus: [gpu(0, "2026-11-23_k3f9ab"), gpu(1)],
        gpus_seen_at: now,
        gpu_problem: null,
        mounts: [],
        silent_data: [],
        uses: [
          {
            run_id: "2026-11-23_k3f9ab",
            cpu_cores: 3.2,
            ram_gb: 12.4,
            gpu_utilization: 0.97,
            gpu_memory_gb: 18.2,
          },
        ],
        problems: [],
      },
    ],
    running: [running],
    waiting: [waiting, held],
    recent: [failed, completed, cancelled],
    totals: { queued: 12, running: 1, completed: 140, failed: 9, cancelled: 3 },
    eta_accuracy: { promised: 0.8, runs: 0, marks: [] },
    ...given,
  };
}

export function detail(of: RunSummary, given: Partial<Parameters<typeof newManifest>[0]> = {}): RunDetail {
  const manifest = newManifest({
    run_id: of.run_id,
    name: of.name,
    user: of.user,
    command: of.command,
    argv: of.command.split(" "),
    queued_at: of.queued_at,
    ...given,
  });
  Object.assign(manifest, {
    status: of.status,
    started_at: of.started_at,
    ended_at: of.ended_at,
    exit_code: of.exit_code,
    signal: of.signal,
    metrics: of.metrics,
  });
  return { summary: of, manifest, folder: `/data/ml/runs/${of.run_id}`, worker: "gpu01", expectation: null };
}

/** One image that was pulled ahead, and one that is. */
export const images: NonNullable<Status["workers"][number]["images"]> = {
  pulled: [
    {
      ...{ id: "1", engine: "podman", image: `ghcr.io/lab/train@sha256:${"ab".repeat(32)}`, digest: null },
      ...{ size_bytes: 6.1e9, pulled_at: now, seconds: 41, last_used_at: now, hits: 0, next_run: "2026-11-23_x2k4aa" },
    },
  ],
  there: [],
  ...{ needed: 2, warm: 1, failed: [] },
  pulling: [{ engine: "podman", image: "alpine:3", for_run: null, started_at: now }],
};
