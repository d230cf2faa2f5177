/**
 * Metrics that a script says on its output, for languages without a module of ours. Two forms, each a line by itself:
 *
 *     ml:metric loss=0.25 acc=0.9 step=12
 *     {"ml_metric":"loss","value":0.25,"step":12}
 *
 * The scan reads a log of any size in one fixed buffer. A line ends at `\n` or `\r` (progress bars rewrite theirs), and
 * one of more than MAX_METRIC_LINE_BYTES is no metric, whatever it begins with. Not here: writing metrics.jsonl, and
 * deciding what to do about a name that is also logged by `log_metric`.
 * Invariant: scanning a log in any number of pieces, each from the offset that the last one returned, gives the same
 * records as scanning it at once.
 */
import { fstat as fstatCallback, read as readCallback } from "node:fs";
import { open } from "node:fs/promises";
import { promisify } from "node:util";
import { decodeMetricValue, readMetricText } from "./metric-value.ts";

/** One value as a line of output gave it. `t` is seconds since the epoch, where the line itself has it. */
export interface MetricRecord {
  name: string;
  value: number;
  step?: number;
  t?: number;
}

export const MAX_METRIC_LINE_BYTES = 64 * 1024;
const CHUNK_BYTES = 1024 * 1024;
const wordMarker = "ml:metric ";
const jsonMarker = '"ml_metric"';
const markers = [Buffer.from(wordMarker), Buffer.from(jsonMarker)];
const NEWLINE = 0x0a;
const RETURN = 0x0d;

const read = promisify(readCallback);
const fstat = promisify(fstatCallback);

/** The values on one line of output, in order; none where it is no metric line. Pairs that make no sense are skipped. */
export function parseMetricLine(line: string): MetricRecord[] {
  if (line.startsWith(wordMarker)) return parseWords(line.slice(wordMarker.length));
  return line.includes(jsonMarker) ? parseObject(line.trim()) : [];
}

function parseWords(text: string): MetricRecord[] {
  const records: MetricRecord[] = [];
  let step: number | null = null;
  for (const word of text.split(/[\s,]+/)) {
    const equals = word.lastIndexOf("=");
    const value = equals > 0 ? readMetricText(word.slice(equals + 1)) : null;
    if (value === null) continue;
    const name = word.slice(0, equals);
    if (name === "step") step = Number.isFinite(value) ? value : null;
    else records.push({ name, value });
  }
  return step === null ? records : records.map((record) => ({ ...record, step: step as number }));
}

function parseObject(text: string): MetricRecord[] {
  if (!text.startsWith("{") || !text.endsWith("}")) return [];
  const found = parseLenientJson(text);
  if (typeof found !== "object" || found === null) return [];
  const { ml_metric: name, value, step, t } = found as Record<string, unknown>;
  const number = decodeMetricValue(value);
  if (typeof name !== "string" || name === "" || number === null) return [];
  const record: MetricRecord = { name, value: number };
  if (typeof step === "number" && Number.isFinite(step)) record.step = step;
  if (typeof t === "number" && Number.isFinite(t)) record.t = t;
  return [record];
}

/** JSON, and Python's `json.dumps`, which writes NaN and the infinities as bare words. Undefined where it is neither. */
function parseLenientJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?Infinity|NaN/g, (part) => (part[0] === '"' ? part : `"${part}"`));
    try {
      return JSON.parse(quoted);
    } catch {
      return undefined;
    }
  }
}

/** What to scan: `from` (default 0) up to `to` (default the file's size now), as byte offsets. */
export interface ScanOptions {
  from?: number;
  to?: number;
  /** Take what follows the last line break for a whole line too: right once nobody writes any more. */
  ended?: boolean;
  /** `lineOffset` is where the record's line begins in the file. */
  onRecord: (record: MetricRecord, lineOffset: number) => void;
}

/**
 * Scans a log for metric lines; `source` is a path or an open descriptor, which stays open. Resolves with the offset up
 * to which everything was scanned: the `from` of the next scan. Throws the system's error where it cannot read.
 */
export async function scanOutputMetrics(source: number | string, options: ScanOptions): Promise<number> {
  if (typeof source === "number") return scan(source, options);
  const handle = await open(source, "r");
  try {
    return await scan(handle.fd, options);
  } finally {
    await handle.close();
  }
}

async function scan(fd: number, options: ScanOptions): Promise<number> {
  const from = options.from ?? 0;
  const to = options.to ?? (await fstat(fd)).size;
  if (from >= to) return from;
  const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, to - from) + MAX_METRIC_LINE_BYTES);
  // Inside a line that began before `from`: too long to be a metric, or a caller's odd offset. Its rest is skipped.
  let skipping = from > 0 && !(await endsLine(fd, from - 1));
  let start = from; // offset in the file of buffer[0]
  let held = 0; // bytes of an unfinished line at the front of the buffer
  for (;;) {
    const wanted = Math.min(buffer.length - held, to - start - held);
    const got = wanted > 0 ? (await read(fd, buffer, held, wanted, start + held)).bytesRead : 0;
    if (got === 0) break;
    const filled = held + got;
    const lines = lastBreak(buffer, held, filled);
    if (lines > 0) {
      const begin = skipping ? firstBreak(buffer, 0, lines) : 0;
      skipping = false;
      findRecords(buffer.subarray(begin, lines), start + begin, options.onRecord);
      buffer.copyWithin(0, lines, filled);
    }
    held = filled - lines;
    start += lines;
    if (skipping || held > MAX_METRIC_LINE_BYTES) {
      skipping = true;
      start += held;
      held = 0;
    }
  }
  if (options.ended !== true || held === 0) return start;
  findRecords(buffer.subarray(0, held), start, options.onRecord);
  return start + held;
}

async function endsLine(fd: number, offset: number): Promise<boolean> {
  const byte = Buffer.alloc(1);
  const { bytesRead } = await read(fd, byte, 0, 1, offset);
  return bytesRead === 1 && (byte[0] === NEWLINE || byte[0] === RETURN);
}

/** Just after the last line break in [from, to), or 0. Walked backwards by hand: it is near, and there are two kinds. */
function lastBreak(buffer: Buffer, from: number, to: number): number {
  for (let at = to - 1; at >= from; at -= 1) {
    if (buffer[at] === NEWLINE || buffer[at] === RETURN) return at + 1;
  }
  return 0;
}

/** Just after the first line break in [from, to), or `to`. */
function firstBreak(buffer: Buffer, from: number, to: number): number {
  for (let at = from; at < to; at += 1) {
    if (buffer[at] === NEWLINE || buffer[at] === RETURN) return at + 1;
  }
  return to;
}

/** Finds and reads the metric lines among whole lines; `offset` is where these begin in the file. */
function findRecords(lines: Buffer, offset: number, onRecord: ScanOptions["onRecord"]): void {
  const next = markers.map((marker) => lines.indexOf(marker));
  for (;;) {
    const found = next.filter((at) => at >= 0);
    if (found.length === 0) return;
    const hit = Math.min(...found);
    const begin = lastBreak(lines, Math.max(0, hit - MAX_METRIC_LINE_BYTES), hit);
    const end = firstBreak(lines, hit, Math.min(lines.length, hit + MAX_METRIC_LINE_BYTES + 1));
    if (end - begin <= MAX_METRIC_LINE_BYTES) {
      const text = lines.toString("utf8", begin, end).replace(/[\r\n]$/, "");
      for (const record of parseMetricLine(text)) onRecord(record, offset + begin);
    }
    markers.forEach((marker, index) => {
      if ((next[index] ?? -1) >= 0 && (next[index] ?? -1) < end) next[index] = lines.indexOf(marker, end);
    });
  }
}
