/**
 * What is only true now of a run that is under way: progress by the tail of its log, the latest metrics, a pending
 * stop. Read from the folder, remembered by file size, bounded to the last kilobytes.
 */
import * as fs from "node:fs";
import { readJsonFile } from "../core/json-lines.ts";
import type { Progress, RunSummary } from "../protocol/summary.ts";
import type { RunPaths } from "../run/paths.ts";
import { parseProgress } from "../run/progress.ts";

const tailBytes = 8 * 1024;
const remembered = 2000;

interface Remembered<T> {
  stamp: string;
  value: T;
}

/** The last `limit` bytes of a regular file, from the first whole line on; empty where there is none. */
export function readTail(path: string, limit = tailBytes): { text: string; stamp: string } {
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK | fs.constants.O_NOFOLLOW);
  } catch {
    return { text: "", stamp: "" };
  }
  try {
    const stat = fs.fstatSync(fd);
    if (!stat.isFile()) return { text: "", stamp: "" };
    const start = Math.max(0, stat.size - limit);
    const bytes = Buffer.alloc(Math.min(limit, stat.size));
    const read = fs.readSync(fd, bytes, 0, bytes.length, start);
    return { text: bytes.toString("utf8", 0, read), stamp: `${stat.size}:${stat.ino}` };
  } finally {
    fs.closeSync(fd);
  }
}

function sizeStamp(path: string): string {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.size}:${stat.ino}`;
}

/** Last value by name in the tail of a file of points. */
function lastValues(text: string): Record<string, number | string> {
  const values: Record<string, number | string> = {};
  for (const line of text.split("\n")) {
    try {
      const { name, value } = JSON.parse(line) as { name?: unknown; value?: unknown };
      if (typeof name === "string" && (typeof value === "number" || typeof value === "string")) values[name] = value;
    } catch {
      // The first line of the tail is cut, and the last may be.
    }
  }
  return values;
}

export class LiveFacts {
  private readonly progress = new Map<string, Remembered<Progress | null>>();
  private readonly metrics = new Map<string, Remembered<Record<string, number | string>>>();
  private readonly passive = new Map<string, Remembered<Record<string, number | string>>>();

  /** True where the log or the metrics have grown since they were last read. */
  hasGrown(paths: RunPaths): boolean {
    return (
      this.progress.get(paths.runId)?.stamp !== sizeStamp(paths.outputLog) ||
      this.metrics.get(paths.runId)?.stamp !== sizeStamp(paths.metrics) ||
      this.passive.get(paths.runId)?.stamp !== sizeStamp(paths.passiveMetrics)
    );
  }

  progressOf(paths: RunPaths): Progress | null {
    return this.remember(this.progress, paths.runId, paths.outputLog, (text) => {
      const found = parseProgress(text);
      return found === null ? null : { text: found.text, fraction: found.fraction, eta_seconds: found.etaSeconds };
    });
  }

  /** Last value by name among the last kilobytes of what was logged and of what was found; what was logged wins. */
  metricsOf(paths: RunPaths): Record<string, number | string> {
    const found = this.remember(this.passive, paths.runId, paths.passiveMetrics, lastValues);
    return { ...found, ...this.remember(this.metrics, paths.runId, paths.metrics, lastValues) };
  }

  private remember<T>(cache: Map<string, Remembered<T>>, runId: string, path: string, read: (text: string) => T): T {
    const known = cache.get(runId);
    if (known !== undefined && known.stamp === sizeStamp(path)) return known.value;
    const { text, stamp } = readTail(path);
    const value = read(text);
    if (cache.size > remembered) cache.clear();
    cache.set(runId, { stamp, value });
    return value;
  }

  forget(runId: string): void {
    this.progress.delete(runId);
    this.metrics.delete(runId);
    this.passive.delete(runId);
  }
}

/** Who asked for the run to stop, and how long until it is killed; null where nobody did. */
export function stoppingOf(paths: RunPaths, nowMs: number): RunSummary["stopping"] {
  const request = readJsonFile(paths.stopRequest) as {
    by?: unknown;
    at?: unknown;
    now?: unknown;
    grace_seconds?: unknown;
  } | null;
  if (request === null) return null;
  const grace = request.now === true ? 0 : Number(request.grace_seconds ?? 0);
  const left = Math.ceil((Date.parse(String(request.at)) + grace * 1000 - nowMs) / 1000);
  return { by: String(request.by ?? "?"), kill_in_seconds: left > 0 && left <= grace ? left : null };
}
