/** Who a process on this machine belongs to, in words. Works for processes of other users too; reads /proc and /etc/passwd. */
import * as fs from "node:fs";
import { readProcessStat } from "../core/process-identity.ts";

function userName(uid: number): string {
  try {
    const line = new RegExp(`^([^:\\n]+):[^:\\n]*:${uid}:`, "m").exec(fs.readFileSync("/etc/passwd", "utf8"));
    return line?.[1] ?? `number ${uid}`;
  } catch {
    return `number ${uid}`;
  }
}

/** `process 4711 (python3) of user bob`; says so where the process cannot be seen from here. */
export function describeProcess(pid: number): string {
  try {
    const { uid } = fs.statSync(`/proc/${pid}`);
    const name = fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim();
    return `process ${pid} (${name}) of user ${userName(uid)}`;
  } catch {
    return `process ${pid}, which cannot be seen from here (another container?)`;
  }
}

/** The same process at two moments: pid and start; a process that cannot be seen is known by its pid alone. */
export function processKey(pid: number): string {
  return `${pid}:${readProcessStat(pid)?.start ?? "?"}`;
}
