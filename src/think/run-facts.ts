/**
 * One run as comparison and memory see it: what went in, what came out, what people said. Drawn from the manifest and its
 * parameters alone. What two runs have in common that were set up alike is their `signature`: repeats differ in the seed.
 */
import type { Manifest } from "../run/manifest.ts";
import type { ParameterValue } from "../run/parameters.ts";
import type { Status } from "../run/status.ts";
import { type DataSeen, dataSeen } from "./data-drift.ts";

export interface RunFacts {
  run_id: string;
  name: string;
  user: string;
  status: Status;
  group: string | null;
  tags: string[];
  queued_at: string;
  started_at: string | null;
  ended_at: string | null;
  /** From start to end; null where it has not started or not ended. */
  seconds: number | null;
  script: string;
  parameters: Record<string, ParameterValue>;
  snapshot: string | null;
  python: string | null;
  host: string | null;
  gpu: string | null;
  data: string | null;
  data_seen: DataSeen[];
  /** Finite last values, and what was derived from them. */
  metrics: Record<string, number>;
  /** Metrics whose last value is no number that can be compared, as it was logged: `NaN`, `Infinity`. */
  not_finite: Record<string, string>;
  failure: string | null;
  failure_message: string | null;
  verdict: string | null;
  hypothesis: string | null;
  intent: string | null;
  expected: string | null;
  note: string | null;
  outcome: string | null;
  learnings: string[];
  next_steps: string[];
  /** The latest of them. */
  annotations: { timestamp: string; author: string; note: string }[];
  /** What it follows from: the parent that somebody named, else the run that it was made from. */
  parent: string | null;
  requested: { gpus: number; cpu_cores: number; ram_gb: number | null; max_runtime_hours: number | null };
  used: { ram_gb: number | null; cpu_cores: number | null; gpu_share: number | null };
}

function secondsBetween(from: string | null, to: string | null): number | null {
  if (from === null || to === null) return null;
  const length = (Date.parse(to) - Date.parse(from)) / 1000;
  return Number.isFinite(length) ? Math.max(0, length) : null;
}

function dataText(manifest: Manifest): string | null {
  const names = manifest.datasets.map((one) => {
    const mark = one.version ?? (typeof one.checksum === "string" ? one.checksum.slice(0, 19) : null);
    return typeof mark === "string" ? `${one.name} (${mark})` : one.name;
  });
  return names.length === 0 ? null : names.join(", ");
}

export function factsOf(
  manifest: Manifest,
  read: { script: string; parameters: Record<string, ParameterValue> },
): RunFacts {
  const { narrative, resources, environment } = manifest;
  const { gpus, cpu_cores, ram_gb, max_runtime_hours } = resources.requested;
  const seconds = secondsBetween(manifest.started_at, manifest.ended_at);
  const cpuSeconds = resources.actual?.cpu_time_seconds ?? null;
  return {
    run_id: manifest.run_id,
    name: manifest.name,
    user: manifest.user,
    status: manifest.status,
    group: narrative.experiment_group,
    tags: narrative.tags,
    queued_at: manifest.queued_at,
    started_at: manifest.started_at,
    ended_at: manifest.ended_at,
    seconds,
    ...read,
    snapshot: environment.snapshot,
    python: environment.python_version,
    host: resources.host,
    gpu: resources.gpu_model,
    data: dataText(manifest),
    data_seen: dataSeen(manifest),
    metrics: Object.fromEntries(
      Object.entries(manifest.metrics).filter((entry): entry is [string, number] => typeof entry[1] === "number"),
    ),
    not_finite: Object.fromEntries(
      Object.entries(manifest.metrics).flatMap(([name, value]) => (typeof value === "string" ? [[name, value]] : [])),
    ),
    failure: manifest.failure?.kind ?? null,
    failure_message: manifest.failure?.message ?? null,
    verdict: narrative.validation_status,
    hypothesis: narrative.hypothesis,
    intent: narrative.intent,
    expected: narrative.expected_outcome,
    note: manifest.metadata.note,
    outcome: narrative.outcome,
    learnings: narrative.learnings,
    next_steps: narrative.next_steps,
    annotations: manifest.annotations.slice(-keptAnnotations),
    parent: narrative.parent_run ?? manifest.lineage.source_run,
    requested: { gpus, cpu_cores, ram_gb, max_runtime_hours },
    used: {
      ram_gb: resources.actual?.ram_peak_gb ?? null,
      cpu_cores: cpuSeconds !== null && seconds !== null && seconds > 0 ? cpuSeconds / seconds : null,
      gpu_share: resources.actual?.gpu_utilization_avg ?? null,
    },
  };
}

const keptAnnotations = 20;

const seedNames = /(^|[._])(seed|random_state|rng|run_?id|trial|repeat|replicate)$/i;
const placeNames =
  /(^|[._])((save|out|output|log|checkpoint|ckpt|work|run|exp)_?(dir|folder|path|file)?|name|tag|note|wandb\w*|verbose|v|quiet|resume|num_workers|workers)$/i;

/** What a repeat changes on purpose: it moves a result only as chance does. */
export const isSeed = (name: string) => seedNames.test(name);
/** Where things go and what they are called: they move no result. */
export const isPlace = (name: string) => placeNames.test(name);

/** What a signature leaves out, or keeps in. */
export interface Without {
  parameter?: string;
  code?: boolean;
  keepSeed?: boolean;
}

/** Equal for runs that were set up alike: script, code, data and parameters, but for seeds, places and `without`. */
export function signatureOf(run: RunFacts, without: Without = {}): string {
  const parameters = Object.entries(run.parameters)
    .filter(([name]) => (without.keepSeed || !isSeed(name)) && !isPlace(name) && name !== without.parameter)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  return JSON.stringify([run.script, without.code === true ? null : run.snapshot, run.data, parameters]);
}
