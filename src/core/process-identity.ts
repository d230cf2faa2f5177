/**
 * Who a process is: boot id + pid + start time (field 22 of /proc/PID/stat, proc(5), in clock ticks since boot).
 * A pid alone is never enough to call a process ours or to signal it: pids are reused, and reboots start over.
 */
import { readFileSync } from "node:fs";

export interface ProcessIdentity {
  pid: number;
  /** Clock ticks since boot, as the kernel prints them. */
  start: string;
  /** The kernel's random id of this boot. */
  boot: string;
}

let cachedBoot: string | null = null;

/** The id of this boot; `unknown` where the kernel has none (not Linux). */
export function bootId(): string {
  if (cachedBoot === null) {
    try {
      cachedBoot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    } catch {
      cachedBoot = "unknown";
    }
  }
  return cachedBoot;
}

export interface ProcessStat {
  /** One letter: R S D Z T … */
  state: string;
  parent: number;
  group: number;
  session: number;
  /** Processor time of its own, in clock ticks. */
  ticks: number;
  start: string;
}

/** What the kernel says of `pid` now, or null where there is no such process. */
export function readProcessStat(pid: number): ProcessStat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return {
      state: fields[0] ?? "?",
      parent: Number(fields[1]),
      group: Number(fields[2]),
      session: Number(fields[3]),
      ticks: Number(fields[11]) + Number(fields[12]),
      start: fields[19] ?? "",
    };
  } catch {
    return null;
  }
}

/** Children of one thread of a process (/proc/PID/task/TID/children, proc(5)). Throws system errors. */
export function childrenOf(pid: number, thread: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8");
  return text.trim().split(" ").filter(Boolean).map(Number);
}

/** The identity of a living process, or null. */
export function identityOf(pid: number): ProcessIdentity | null {
  const stat = readProcessStat(pid);
  return stat === null ? null : { pid, start: stat.start, boot: bootId() };
}

/** True while exactly that process lives. A zombie has ended. */
export function isSameProcess(identity: ProcessIdentity): boolean {
  if (identity.boot !== bootId()) return false;
  const stat = readProcessStat(identity.pid);
  return stat !== null && stat.start === identity.start && stat.state !== "Z" && stat.state !== "X";
}
