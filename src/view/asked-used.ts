/** What was asked for, against what runs like it took (when queued) and what it took itself (when ended). Pure. */

import { formatSize } from "../core/size.ts";
import type { Similar } from "../protocol/foresight.ts";
import type { Reply } from "../protocol/requests.ts";
import { type Face, type Line, type Span, span } from "./face.ts";
import { energyText } from "./machine-facts.ts";
import { dot } from "./mark.ts";
import { durationText, elapsedMs } from "./time.ts";

type Manifest = Reply<"run.get">["manifest"];
/** What was asked for, as far as it was. */
interface Asked {
  gpus?: number | undefined;
  ram_gb?: number | null | undefined;
  gpu_memory_gb?: number | null | undefined;
  max_runtime_hours?: number | null | undefined;
}

const gigabytes = (value: number) => formatSize(value * 1e9);
const seconds = (value: number) => durationText(value * 1000) ?? "";

/** A size as a flag takes it. */
const sizeWord = (value: number) => (value < 1 ? `${Math.ceil(value * 1000)}M` : `${Number(value.toPrecision(3))}G`);

/** A duration as a flag takes it, in one unit, never less than it is. */
function timeWord(hours: number): string {
  if (hours >= 10) return `${Math.ceil(hours)}h`;
  return hours * 60 >= 3 ? `${Math.ceil(hours * 60)}m` : `${Math.ceil(hours * 3600)}s`;
}

/** More than so many times what is needed is a waste that others wait for. */
const wasteful = 2;

interface Wish {
  asked: number | null;
  proposed: number | null;
  most: number | null;
  flag: string;
}

/** True where asking differently would help somebody. */
function isWorthSaying({ asked, proposed, most }: Wish): boolean {
  if (proposed === null || most === null) return false;
  return asked === null || asked < most || asked > wasteful * proposed;
}

/** The flags of a better request; empty where the request is about right. */
export function proposedFlags(similar: Similar, asked: Asked): string {
  const { proposed } = similar;
  const longest = similar.seconds === null ? null : similar.seconds.high / 3600;
  const wishes: Wish[] = [
    {
      asked: asked.ram_gb ?? null,
      proposed: proposed.ram_gb,
      most: similar.ram_gb?.most ?? null,
      flag: `--ram ${sizeWord(proposed.ram_gb ?? 0)}`,
    },
    {
      asked: asked.gpu_memory_gb ?? null,
      proposed: (asked.gpus ?? 0) > 0 ? proposed.gpu_memory_gb : null,
      most: similar.gpu_memory_gb?.most ?? null,
      flag: `--gpu-memory ${sizeWord(proposed.gpu_memory_gb ?? 0)}`,
    },
    {
      asked: asked.max_runtime_hours ?? null,
      proposed: proposed.max_runtime_hours,
      most: longest,
      flag: `--max-runtime ${timeWord(proposed.max_runtime_hours ?? 0)}`,
    },
  ];
  return wishes
    .filter(isWorthSaying)
    .map((wish) => wish.flag)
    .join(" ");
}

/** `likely: 3m12s to 5m01s (about 4m), 5.1 GB of memory at most, by 7 runs with these arguments`, and what to ask for. */
export function similarLines(similar: Similar, asked: Asked): Line[] {
  const { seconds: took, ram_gb: ram, gpu_memory_gb: gpu } = similar;
  const which = similar.basis === "same" ? "with these arguments" : "of this script with other arguments";
  const parts = [
    took === null ? null : `${seconds(took.low)} to ${seconds(took.high)} (about ${seconds(took.middle)})`,
    ram === null ? null : `at most ${gigabytes(ram.most)} of memory`,
    gpu === null ? null : `at most ${gigabytes(gpu.most)} of GPU memory`,
    `by ${similar.runs} ${similar.runs === 1 ? "run" : "runs"} ${which}`,
  ].filter((part) => part !== null);
  const lines: Line[] = [[span(`likely: ${parts.join(", ")}`, "dim")]];
  const flags = proposedFlags(similar, asked);
  if (flags !== "") lines.push([span("would do: ", "dim"), span(flags, "accent")]);
  return lines;
}

function share(used: number, asked: number): string {
  return ` (${Math.round((100 * used) / asked)}%)`;
}

/** One fact of what was used: `5.1 GB of 16 GB memory (32%)`. */
function used(
  what: string,
  value: { used: number | null; asked: number | null; text: (value: number) => string },
): string | null {
  if (value.used === null) return null;
  if (value.asked === null || value.asked <= 0) return `${value.text(value.used)} ${what}`;
  const over = share(value.used, value.asked);
  return `${value.text(value.used)} of ${value.text(value.asked)} ${what}${over}`;
}

/** What an ended run used of what it asked for, a part each; empty where nothing was measured. */
export function usedParts(manifest: Manifest): string[] {
  const { actual, requested } = manifest.resources;
  if (actual === null) return [];
  const tookMs = manifest.ended_at === null ? null : elapsedMs(manifest.started_at, manifest.ended_at, 0);
  const cores = actual.cpu_utilization_avg === null ? null : actual.cpu_utilization_avg / 100;
  const limitMs = requested.max_runtime_hours === null ? null : requested.max_runtime_hours * 3_600_000;
  return [
    used("memory", { used: actual.ram_peak_gb, asked: requested.ram_gb, text: gigabytes }),
    used("GPU memory", { used: actual.gpu_memory_peak_gb, asked: requested.gpu_memory_gb, text: gigabytes }),
    used(requested.cpu_cores === 1 ? "core" : "cores", {
      used: cores,
      asked: requested.cpu_cores,
      text: (value) => String(Number(value.toFixed(1))),
    }),
    limitMs === null
      ? null
      : used("allowed time", { used: tookMs, asked: limitMs, text: (value) => durationText(value) ?? "" }),
    energyText(actual),
  ].filter((part) => part !== null);
}

/** `5.1 GB of 16 GB memory (32%) · 0.9 of 4 cores (23%)`; null where nothing was measured. */
export function usedLine(manifest: Manifest, face: Face): Line | null {
  const parts = usedParts(manifest);
  if (parts.length === 0) return null;
  return parts.flatMap((part, index): Span[] => (index === 0 ? [span(part)] : [dot(face), span(part)]));
}

/** `3m12s to 5m01s by 7 equal runs`; null where nothing was foreseen. */
export function expectedText(manifest: Manifest): string | null {
  const { predicted } = manifest.resources;
  if (predicted === null || predicted.seconds_low === null || predicted.seconds_high === null) return null;
  const from = `${predicted.runs} ${predicted.basis === "same" ? "equal" : "similar"} ${predicted.runs === 1 ? "run" : "runs"}`;
  return `${seconds(predicted.seconds_low)} to ${seconds(predicted.seconds_high)} by ${from}`;
}
