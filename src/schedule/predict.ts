/**
 * What a run will take, by what runs like it took. Pure: past runs in, a prediction out, null where nothing is known.
 *
 * `same`: past runs of the script with the same arguments and as many GPUs. Where there is none, `similar`: runs of the same
 * script, each counting exp(-distance) by how far its arguments are off; the spread grows with that distance. Runtime comes
 * from runs that completed, memory from all that were measured: one that died of it needed at least so much.
 *
 * Invariant: a prediction says on how many runs it rests, and is never made from none.
 */
import type { Manifest } from "../run/manifest.ts";
import { type PastRun, type Signature, sameArguments } from "../run/past-run.ts";
import { estimateFrom, type Interval, intervalOf } from "./estimate.ts";

export interface Memory {
  /** Median of the peaks. */
  typical: number;
  /** The highest that was seen. */
  most: number;
}

export interface Prediction {
  basis: "same" | "similar";
  /** How many past runs it rests on. */
  runs: number;
  /** For a run that completes, in 8 cases of 10; null where none has. */
  seconds: Interval | null;
  ram_gb: Memory | null;
  gpu_memory_gb: Memory | null;
}

/** More than so many of the newest tell nothing new, and old ones less and less. */
export const consideredRuns = 50;
/** Runs further off than this are another job. */
const farthest = 4;

/** Spread of log runtime assumed from no repetition at all: a factor of 1.2 for the same run, 1.8 for a similar one. */
const prior = { same: { sd: 0.15, degrees: 2 }, similar: { sd: 0.45, degrees: 2 } };
/** Part of a neighbour's distance that is added to the spread. */
const spreadByDistance = 0.35;
/** Seconds by which even equal runs differ: starting, noticing the end. */
const jitterSeconds = 0.25;

/** 0 where equal; for numbers how many times ten they are apart, 1 at most; 1 for other values and for what one lacks. */
function apart(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0;
  if (a === undefined || b === undefined || a === "" || b === "") return 1;
  const [x, y] = [Number(a), Number(b)];
  if (!Number.isFinite(x) || !Number.isFinite(y)) return 1;
  if (x * y <= 0) return 1;
  return Math.min(1, Math.abs(Math.log10(x / y)));
}

/** Sum over all arguments of either. */
export function distanceOf(a: Signature["args"], b: Signature["args"]): number {
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].reduce((sum, key) => sum + apart(a[key], b[key]), 0);
}

function median(sorted: readonly number[]): number {
  const at = (index: number) => sorted[index] ?? 0;
  const half = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? at(half) : (at(half - 1) + at(half)) / 2;
}

function memoryOf(values: readonly (number | null)[]): Memory | null {
  const known = values.filter((value): value is number => value !== null && value > 0).sort((a, b) => a - b);
  return known.length === 0 ? null : { typical: median(known), most: known.at(-1) ?? 0 };
}

interface Neighbour {
  run: PastRun;
  distance: number;
}

function secondsOf(neighbours: readonly Neighbour[], basis: Prediction["basis"]): Interval | null {
  const done = neighbours.filter(({ run }) => run.outcome === "completed");
  const samples = done.map(({ run, distance }) => ({ value: run.seconds ?? 0, weight: Math.exp(-distance) }));
  const estimate = estimateFrom(samples, prior[basis]);
  if (estimate === null) return null;
  const weight = samples.reduce((sum, each) => sum + each.weight, 0);
  const off = done.reduce((sum, { distance }) => sum + Math.exp(-distance) * distance, 0) / weight;
  const jitter = Math.min(1, jitterSeconds / Math.exp(estimate.mean));
  const sd = Math.hypot(estimate.sd, spreadByDistance * off, jitter);
  return intervalOf({ mean: estimate.mean, sd });
}

/** From past runs of the script, newest first; those of other scripts are passed over. */
export function predict(past: readonly PastRun[], wanted: Signature): Prediction | null {
  const measured = past.filter((run) => run.script === wanted.script && run.seconds !== null);
  const near = measured
    .map((run) => ({ run, distance: distanceOf(run.args, wanted.args) }))
    .filter(({ distance }) => distance <= farthest);
  const same = near.filter(({ run }) => sameArguments(run.args, wanted.args));
  const basis = same.length > 0 ? "same" : "similar";
  const used = (basis === "same" ? same : near).slice(0, consideredRuns);
  const seconds = secondsOf(used, basis);
  const ram = memoryOf(used.map(({ run }) => run.ram_gb));
  const gpuMemory = memoryOf(used.map(({ run }) => run.gpu_memory_gb));
  if (seconds === null && ram === null && gpuMemory === null) return null;
  return { basis, runs: used.length, seconds, ram_gb: ram, gpu_memory_gb: gpuMemory };
}

export interface Proposal {
  ram_gb: number | null;
  gpu_memory_gb: number | null;
  max_runtime_hours: number | null;
}

/** Two leading digits, upwards. */
function roundedUp(value: number): number {
  const unit = 10 ** (Math.floor(Math.log10(value)) - 1);
  return Number((Math.ceil(value / unit - 1e-9) * unit).toPrecision(2));
}

/** Room above the highest peak that was seen, and above the longest runtime that is expected. */
const memoryRoom = 1.25;
const timeRoom = 2;

/** A request that such runs would have fitted in; null for what is not known. Similar runs propose no time limit: it would be a guess. */
export function propose(prediction: Prediction): Proposal {
  const room = (memory: Memory | null) => (memory === null ? null : roundedUp(memory.most * memoryRoom));
  const seconds = prediction.basis === "same" ? (prediction.seconds?.high ?? null) : null;
  return {
    ram_gb: room(prediction.ram_gb),
    gpu_memory_gb: room(prediction.gpu_memory_gb),
    max_runtime_hours: seconds === null ? null : roundedUp(Math.max(60, seconds * timeRoom)) / 3600,
  };
}

/** What the manifest keeps of a prediction (`resources.predicted`), so that it can be checked at the end. */
export function predictedOf(prediction: Prediction): NonNullable<Manifest["resources"]["predicted"]> {
  const { basis, runs, seconds } = prediction;
  const round = (value: number | undefined) => (value === undefined ? null : Number(value.toPrecision(4)));
  return {
    basis,
    runs,
    seconds_low: round(seconds?.low),
    seconds: round(seconds?.middle),
    seconds_high: round(seconds?.high),
    ram_peak_gb: round(prediction.ram_gb?.most),
    gpu_memory_peak_gb: round(prediction.gpu_memory_gb?.most),
  };
}
