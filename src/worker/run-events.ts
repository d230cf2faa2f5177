/** Our lines in a run's `.run/events.jsonl`, beside the supervisor's: {"t" seconds since 1970,"by","event",…}. Never in the way. */
import * as fs from "node:fs";
import { readJsonLines } from "../core/json-lines.ts";
import type { StopReason } from "../execute/evidence.ts";
import type { RunPaths } from "../run/paths.ts";

interface RunEvent {
  t: number;
  by: string;
  event: string;
  why?: StopReason;
  asked_by?: string | null;
  reason?: string | null;
}

/** Appends one line; a disk that takes none is no reason to stop what we are doing. */
export function noteEvent(paths: RunPaths, nowMs: number, event: Omit<RunEvent, "t" | "by">): void {
  try {
    fs.appendFileSync(paths.events, `${JSON.stringify({ t: nowMs / 1000, by: "worker", ...event })}\n`);
  } catch {
    // Said in the documentation of this function.
  }
}

/** Why an earlier worker had begun to stop the run before `beforeMs`, or null. */
export function stopBegun(paths: RunPaths, beforeMs: number): RunEvent | null {
  try {
    const { records } = readJsonLines<RunEvent>(paths.events);
    return records.find((event) => event.event === "stopping" && event.t * 1000 <= beforeMs) ?? null;
  } catch {
    return null;
  }
}
