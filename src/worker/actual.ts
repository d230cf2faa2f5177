/** `resources.actual`: what a run used, summed up at its end from its exit record and samples.tsv, and what is remarkable about it. */
import type { ExitRecord } from "../execute/records.ts";
import type { Manifest } from "../run/manifest.ts";
import { readSamples, type Sample, sumSamples } from "../run/samples.ts";
import type { LiveRun } from "./shop.ts";

const round = (value: number, digits: number) => Number(value.toFixed(digits));
const rounded = (value: number | null, digits: number) => (value === null ? null : round(value, digits));

/** Seconds without a meter that are no gap: the first look comes a moment after the start, the last before the end. */
const slackSeconds = 3;

interface Ended {
  exit: ExitRecord | null;
  startedAtMs: number | null;
  endedAtMs: number;
}

export function actualResources(
  run: LiveRun,
  ending: Ended,
  options: { before: Manifest["resources"]["actual"]; price(atMs: number): number | null; currency: string | null },
): Manifest["resources"]["actual"] {
  const { before, price, currency } = options;
  const seconds = ending.startedAtMs === null ? 0 : (ending.endedAtMs - ending.startedAtMs) / 1000;
  const { exit } = ending;
  const cpu = exit?.cpuSeconds ?? null;
  const samples = readSamples(run.paths);
  const sums = sumSamples(samples);
  const memory = Math.max(run.memoryPeakGb ?? 0, sums.ramPeakGb ?? 0, before?.ram_peak_gb ?? 0);
  const { gpuEnergyWh, cpuEnergyWh } = sums;
  const metered = gpuEnergyWh !== null || cpuEnergyWh !== null;
  const cost = metered ? costOf(samples, price) : null;
  return {
    ...before,
    gpu_utilization_avg: sums.gpuUtilizationAvg === null ? null : round(100 * sums.gpuUtilizationAvg, 1),
    gpu_memory_peak_gb: rounded(sums.gpuMemoryPeakGb, 3),
    gpu_power_avg_w: rounded(sums.gpuPowerAvgW, 1),
    gpu_temperature_peak_c: sums.gpuTemperaturePeakC,
    gpu_throttled_seconds: rounded(sums.throttledSeconds, 0),
    disk_read_gb: bytesOr(exit?.readBytes ?? null, sums.readGb),
    disk_write_gb: bytesOr(exit?.writtenBytes ?? null, sums.writtenGb),
    energy_kwh: metered ? round(((gpuEnergyWh ?? 0) + (cpuEnergyWh ?? 0)) / 1000, 6) : null,
    energy_from: [...(gpuEnergyWh === null ? [] : ["gpu"]), ...(cpuEnergyWh === null ? [] : ["cpu"])],
    energy_partial: metered ? run.meter?.partial === true || sums.meteredSeconds < seconds - slackSeconds : null,
    energy_cost: cost,
    energy_currency: cost === null ? null : currency,
    cpu_utilization_avg: cpu === null || seconds <= 0 ? null : round((100 * cpu) / seconds, 1),
    cpu_time_seconds: cpu,
    ram_peak_gb: memory === 0 ? null : round(memory, 4),
  };
}

/** Each row at the price of its moment; null where nobody says one. */
function costOf(samples: readonly Sample[], price: (atMs: number) => number | null): number | null {
  let cost: number | null = null;
  for (const { t, gpuEnergyWh, cpuEnergyWh } of samples) {
    const perKwh = price(t * 1000);
    if (perKwh !== null) cost = (cost ?? 0) + (((gpuEnergyWh ?? 0) + (cpuEnergyWh ?? 0)) / 1000) * perKwh;
  }
  return rounded(cost, 4);
}

/** The supervisor's count, which misses nothing; without one what was seen. */
function bytesOr(bytes: number | null, seenGb: number | null): number | null {
  return bytes !== null ? round(bytes / 1e9, 6) : rounded(seenGb, 6);
}

/** A loss that is no number any more: the run may have completed, and is worth nothing. */
export function metricRemarks(metrics: Manifest["metrics"]): string[] {
  return Object.entries(metrics)
    .filter(([name, value]) => /loss/i.test(name) && !/^(best|final)_/.test(name) && typeof value === "string")
    .map(
      ([name, value]) =>
        `\`${name}\` ended as ${value}: look where it became that (\`ml metrics\`), and lower the learning rate`,
    );
}
