/**
 * The three records that a supervisor leaves in `.run/` (see supervise.sh): `started`, `process.json`, `exit.json`.
 * Reading never throws: a record is there, missing, or damaged. A record that is being written at this moment reads as
 * damaged for an instant; the caller decides by waiting. Damaged records are kept aside by `quarantineRecord`.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { fileOps } from "../core/durable.ts";
import { messageOf, systemCode } from "../core/error.ts";
import type { ProcessIdentity } from "../core/process-identity.ts";
import type { RunPaths } from "../run/paths.ts";

export type RecordRead<T> = { kind: "ok"; record: T } | { kind: "missing" } | { kind: "damaged"; reason: string };

export interface StartedMark {
  token: number;
  supervisor: ProcessIdentity;
  atMs: number;
}

export interface ProcessRecord {
  token: number;
  supervisor: ProcessIdentity;
  /** Also the process group and the session of everything that the script starts. */
  script: ProcessIdentity;
  atMs: number;
}

export interface ExitRecord {
  token: number;
  /** As a shell says it: 128 + N where signal N ended the script. */
  rc: number;
  endedAtMs: number;
  /** User and system time of the script and all its children that ended; null where the shell did not say. */
  cpuSeconds: number | null;
  /** True where the script's process group had members left when the script ended. */
  stragglers: boolean;
  /** True where the supervisor ended the run because of its runtime limit. */
  timeLimit: boolean;
  /** How many processes the kernel killed for want of memory during the run, on the whole machine; null where unknown. */
  oomKills: number | null;
  /** Bytes read from and written to disks by the script and all children that were waited for; null where unknown. */
  readBytes: number | null;
  writtenBytes: number | null;
  /** Space left on its disk when the script had just failed; null where it did not fail, or nobody could say. */
  diskFreeBytes: number | null;
}

function readRecord<T>(path: string, parse: (value: Record<string, unknown>) => T | null): RecordRead<T> {
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return { kind: "missing" };
    return { kind: "damaged", reason: `\`${path}\` cannot be read: ${messageOf(cause)}` };
  }
  try {
    const value: unknown = JSON.parse(text);
    const record = typeof value === "object" && value !== null ? parse(value as Record<string, unknown>) : null;
    if (record !== null) return { kind: "ok", record };
    return { kind: "damaged", reason: `\`${path}\` lacks what it should say` };
  } catch (cause) {
    return {
      kind: "damaged",
      reason: `\`${path}\` is not JSON: ${text.length === 0 ? "it is empty" : messageOf(cause)}`,
    };
  }
}

const isCount = (value: unknown): value is number =>
  typeof value === "number" && Number.isSafeInteger(value) && value >= 0;

function identity(value: unknown, boot: unknown): ProcessIdentity | null {
  if (typeof value !== "object" || value === null || typeof boot !== "string") return null;
  const { pid, start } = value as Record<string, unknown>;
  return isCount(pid) && pid > 1 && typeof start === "string" && /^\d+$/.test(start) ? { pid, start, boot } : null;
}

export function readStartedMark(paths: RunPaths): RecordRead<StartedMark> {
  return readRecord(paths.startedMark, (value) => {
    const supervisor = identity(value, value.boot);
    if (supervisor === null || !isCount(value.token) || !isCount(value.at_ms)) return null;
    return { token: value.token, supervisor, atMs: value.at_ms };
  });
}

export function readProcessRecord(paths: RunPaths): RecordRead<ProcessRecord> {
  return readRecord(paths.processRecord, (value) => {
    const supervisor = identity(value.supervisor, value.boot);
    const script = identity(value.script, value.boot);
    if (supervisor === null || script === null || !isCount(value.token) || !isCount(value.at_ms)) return null;
    return { token: value.token, supervisor, script, atMs: value.at_ms };
  });
}

/** `0m1.250000s 0m0.04s`, as `times` prints it, in seconds. */
function cpuSeconds(text: unknown): number | null {
  if (typeof text !== "string") return null;
  const parts = [...text.matchAll(/(\d+)m(\d+(?:\.\d+)?)s/g)];
  if (parts.length !== 2) return null;
  const sum = parts.reduce((total, part) => total + Number(part[1]) * 60 + Number(part[2]), 0);
  return Math.round(sum * 1000) / 1000;
}

export function readExitRecord(paths: RunPaths): RecordRead<ExitRecord> {
  return readRecord(paths.exitRecord, (value) => {
    if (!isCount(value.rc) || !isCount(value.at_ms) || !isCount(value.token)) return null;
    const oomKills = Number(value.oom_after) - Number(value.oom_before);
    return {
      token: value.token,
      rc: value.rc,
      endedAtMs: value.at_ms,
      cpuSeconds: cpuSeconds(value.cpu),
      stragglers: value.stragglers === true,
      timeLimit: value.time_limit === true,
      oomKills: Number.isFinite(oomKills) ? Math.max(0, oomKills) : null,
      readBytes: isCount(value.read_bytes) ? value.read_bytes : null,
      writtenBytes: isCount(value.write_bytes) ? value.write_bytes : null,
      diskFreeBytes: isCount(value.disk_free) ? value.disk_free : null,
    };
  });
}

/** Moves a damaged record aside, beside itself, and returns its new path: nothing is thrown away, and it is read no more. */
export function quarantineRecord(paths: RunPaths, path: string, nowMs: number): string {
  const kept = join(paths.private, `${path.slice(path.lastIndexOf("/") + 1)}.damaged-${nowMs}`);
  fileOps.rename(path, kept);
  return kept;
}
