/**
 * samples.tsv: what a run used while it ran, as one table of tab-separated columns under a header. A row stands for the
 * `seconds` before `t`; an empty cell is unknown. Rows are a second long at first and longer the longer a run takes, so
 * that a week stays below ten thousand of them. The sums in `resources.actual` are made from this file alone, so that a
 * worker that is replaced in the middle of a run forgets nothing.
 */
import * as fs from "node:fs";
import type { RunPaths } from "./paths.ts";

/** One row. Null is unknown. Amounts (`…Gb` read and written, `…Wh`) are those of the span; memory is its peak. */
export interface Sample {
  /** Seconds since 1970, the end of the span. */
  t: number;
  seconds: number;
  cpuCores: number | null;
  ramGb: number | null;
  readGb: number | null;
  writtenGb: number | null;
  /** Of the cards that it holds: 0 to 1 on average, the most memory on one, the highest temperature, watts together. */
  gpuUtilization: number | null;
  gpuMemoryGb: number | null;
  gpuTemperatureC: number | null;
  gpuPowerW: number | null;
  gpuEnergyWh: number | null;
  /** Its share of the processors'. */
  cpuEnergyWh: number | null;
  /** Why cards were slower than they could be, joined by commas. */
  throttled: string | null;
}

const columns: readonly [keyof Sample, string, number][] = [
  ["t", "t", 3],
  ["seconds", "seconds", 3],
  ["cpuCores", "cpu_cores", 3],
  ["ramGb", "ram_gb", 4],
  ["readGb", "read_gb", 6],
  ["writtenGb", "written_gb", 6],
  ["gpuUtilization", "gpu_utilization", 3],
  ["gpuMemoryGb", "gpu_memory_gb", 3],
  ["gpuTemperatureC", "gpu_temperature_c", 0],
  ["gpuPowerW", "gpu_power_w", 1],
  ["gpuEnergyWh", "gpu_energy_wh", 6],
  ["cpuEnergyWh", "cpu_energy_wh", 6],
  ["throttled", "throttled", 0],
];
const header = `${columns.map(([, name]) => name).join("\t")}\n`;

/** How long a row is, by how long the run has been running. */
export function spanSeconds(runSeconds: number): number {
  if (runSeconds < 600) return 1;
  if (runSeconds < 7200) return 5;
  return runSeconds < 86_400 ? 30 : 120;
}

const cell = (value: number | string | null, digits: number) =>
  value === null ? "" : typeof value === "string" ? value : String(Number(value.toFixed(digits)));

/** Throws what a full disk throws. */
export function appendSample(paths: RunPaths, sample: Sample): void {
  const row = `${columns.map(([key, , digits]) => cell(sample[key], digits)).join("\t")}\n`;
  const isNew = !fs.existsSync(paths.samples);
  fs.appendFileSync(paths.samples, isNew ? header + row : row);
}

/** Rows by the names in the header; a torn last line and rows of another length are left out. No file: none. */
export function readSamples(paths: RunPaths): Sample[] {
  let text: string;
  try {
    text = fs.readFileSync(paths.samples, "utf8");
  } catch {
    return [];
  }
  const lines = text.split("\n").slice(0, -1);
  const names = lines.shift()?.split("\t") ?? [];
  const places = columns.map(([key, name]) => [key, names.indexOf(name)] as const);
  return lines.flatMap((line) => {
    const cells = line.split("\t");
    if (cells.length !== names.length) return [];
    const read = places.map(([key, at]) => {
      const given = cells[at] ?? "";
      const value = key === "throttled" ? given : Number(given);
      return [key, given === "" || Number.isNaN(value) ? null : value];
    });
    const sample = Object.fromEntries(read) as Sample;
    return typeof sample.t === "number" && sample.seconds > 0 ? [sample] : [];
  });
}

export interface SampleSums {
  cpuCoresAvg: number | null;
  ramPeakGb: number | null;
  readGb: number | null;
  writtenGb: number | null;
  gpuUtilizationAvg: number | null;
  gpuMemoryPeakGb: number | null;
  gpuTemperaturePeakC: number | null;
  gpuPowerAvgW: number | null;
  gpuEnergyWh: number | null;
  cpuEnergyWh: number | null;
  /** Seconds with energy known; less than the run where the meter was away. */
  meteredSeconds: number;
  throttledSeconds: number | null;
}

export function sumSamples(samples: readonly Sample[]): SampleSums {
  const known = (key: keyof Sample) => samples.filter((one) => typeof one[key] === "number");
  const average = (key: keyof Sample) => {
    const rows = known(key);
    const seconds = rows.reduce((sum, row) => sum + row.seconds, 0);
    return seconds === 0 ? null : rows.reduce((sum, row) => sum + (row[key] as number) * row.seconds, 0) / seconds;
  };
  const most = (key: keyof Sample) => {
    const rows = known(key);
    return rows.length === 0 ? null : rows.reduce((max, row) => Math.max(max, row[key] as number), 0);
  };
  const total = (key: keyof Sample) => {
    const rows = known(key);
    return rows.length === 0 ? null : rows.reduce((sum, row) => sum + (row[key] as number), 0);
  };
  const withGpu = samples.some((one) => one.gpuTemperatureC !== null || one.gpuUtilization !== null);
  const throttled = samples.filter((one) => one.throttled !== null).reduce((sum, row) => sum + row.seconds, 0);
  return {
    cpuCoresAvg: average("cpuCores"),
    ramPeakGb: most("ramGb"),
    readGb: total("readGb"),
    writtenGb: total("writtenGb"),
    gpuUtilizationAvg: average("gpuUtilization"),
    gpuMemoryPeakGb: most("gpuMemoryGb"),
    gpuTemperaturePeakC: most("gpuTemperatureC"),
    gpuPowerAvgW: average("gpuPowerW"),
    gpuEnergyWh: total("gpuEnergyWh"),
    cpuEnergyWh: total("cpuEnergyWh"),
    meteredSeconds: samples
      .filter((one) => one.gpuEnergyWh !== null || one.cpuEnergyWh !== null)
      .reduce((sum, row) => sum + row.seconds, 0),
    throttledSeconds: withGpu ? throttled : null,
  };
}
