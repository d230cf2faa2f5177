/**
 * metrics.jsonl: reading points in order of arrival and condensing them into the manifest. A torn or foreign line is
 * skipped and counted. Memory does not grow with the number of points, only with the number of names.
 */
import * as fs from "node:fs";
import { betterDirection } from "../core/better-direction.ts";
import { systemCode } from "../core/error.ts";
import type { Manifest } from "./manifest.ts";
import { decodeMetricValue, encodeMetricValue, type MetricValue } from "./metric-value.ts";

export interface MetricPoint {
  name: string;
  /** NaN and the infinities are strings. */
  value: MetricValue;
  step: number | null;
  /** Seconds since 1970, by the script's clock; 0 where the line has none. */
  t: number;
}

/** One line of metrics.jsonl, or null where it is no point. */
export function parseMetricLine(line: string): MetricPoint | null {
  try {
    const { name, value, step, t } = JSON.parse(line) as Record<string, unknown>;
    if (typeof name !== "string") return null;
    const number = decodeMetricValue(value);
    if (number === null) return null;
    return {
      name,
      value: encodeMetricValue(number),
      step: typeof step === "number" && Number.isFinite(step) ? step : null,
      t: typeof t === "number" && Number.isFinite(t) ? t : 0,
    };
  } catch {
    return null;
  }
}

export interface ScanOptions {
  /** Byte offset of the beginning of a line; default 0. */
  from?: number;
  /** Return false to stop after this point. */
  onPoint: (point: MetricPoint) => unknown;
}

export interface Scanned {
  /** Where the next scan begins: after the last whole line that was read. */
  next: number;
  skipped: number;
}

const chunkBytes = 1024 * 1024;
/** A longer line is no metric and is skipped. */
const lineLimitBytes = 64 * 1024;

/** Reads whole lines from `from` to the end of the file, giving way between chunks. A missing file has none. */
export async function scanMetrics(path: string, { from = 0, onPoint }: ScanOptions): Promise<Scanned> {
  let handle: fs.promises.FileHandle;
  try {
    handle = await fs.promises.open(path, "r");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return { next: from, skipped: 0 };
    throw cause;
  }
  let next = from;
  let skipped = 0;
  const buffer = Buffer.alloc(chunkBytes);
  try {
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, next);
      const end = buffer.subarray(0, bytesRead).lastIndexOf(10);
      if (end < 0) {
        if (bytesRead < chunkBytes) return { next, skipped };
        next += bytesRead;
        continue;
      }
      let start = 0;
      while (start <= end) {
        const stop = buffer.indexOf(10, start);
        if (stop > start) {
          const point = stop - start > lineLimitBytes ? null : parseMetricLine(buffer.toString("utf8", start, stop));
          if (point === null) skipped += 1;
          else if (onPoint(point) === false) return { next: next + stop + 1, skipped };
        }
        start = stop + 1;
      }
      next += end + 1;
      if (bytesRead < chunkBytes) return { next, skipped };
    }
  } finally {
    await handle.close();
  }
}

interface Series {
  last: MetricValue;
  count: number;
  lowest: number | null;
  highest: number | null;
}

function derived(name: string, series: Series): [string, MetricValue][] {
  if (series.count < 2 || /^(best|final)[_./ -]/i.test(name)) return [];
  const direction = betterDirection(name);
  const best = direction === null ? null : direction === "min" ? series.lowest : series.highest;
  return best === null
    ? []
    : [
        [`best_${name}`, best],
        [`final_${name}`, series.last],
      ];
}

/** More names than that are not condensed; they stay in metrics.jsonl. */
const nameLimit = 2000;

/**
 * The last value of each name, in order of first arrival; and `best_NAME` and `final_NAME` where the name says whether
 * less or more is better (`loss`, `accuracy`, …) and there are several points. A name that the script logged itself wins.
 */
export async function summarizeMetrics(path: string): Promise<Manifest["metrics"]> {
  const all = new Map<string, Series>();
  await scanMetrics(path, {
    onPoint: ({ name, value }) => {
      let series = all.get(name);
      if (series === undefined) {
        if (all.size >= nameLimit) return;
        series = { last: value, count: 0, lowest: null, highest: null };
        all.set(name, series);
      }
      series.last = value;
      series.count += 1;
      if (typeof value !== "number") return;
      if (series.lowest === null || value < series.lowest) series.lowest = value;
      if (series.highest === null || value > series.highest) series.highest = value;
    },
  });
  const summary: Manifest["metrics"] = {};
  for (const [name, series] of all) summary[name] = series.last;
  for (const [name, series] of all) for (const [key, value] of derived(name, series)) summary[key] ??= value;
  return summary;
}
