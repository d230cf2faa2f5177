/** What is known about how a run ended, before anybody judges: symptoms.ts and verdict.ts do. */
import type { KernelEvidence } from "./kernel-log.ts";
import type { ExitRecord } from "./records.ts";

/** Why we stopped the run ourselves, where we did. */
export type StopReason = "asked" | "log_limit" | "time_limit" | "ram_limit" | "disk_limit" | "idle_gpu";

export interface Evidence {
  argv: readonly string[];
  /** PATH of the script, and whether argv[0] is found there (null: nobody looked). */
  path: string;
  commandFound: boolean | null;
  /** The interpreter that the first line of argv[0] names and that is not there; null where that is not so, or nobody looked. */
  interpreterMissing?: string | null;
  /** Null where nobody saw the end. */
  exit: ExitRecord | null;
  /** The last 64 KiB of its output, or of its stderr. */
  tail: string;
  stopped: { why: StopReason; by: string | null; reason: string | null } | null;
  limitHours: number | null;
  /** The signal that it was warned with of its time limit; null where it was not. */
  warnedWith?: string | null;
  /** Space left on the run's disk when it ended; null where nobody looked. */
  diskFreeBytes: number | null;
  /** Why there is no exit record, one sentence; null where there is one. */
  lost: string | null;
  /** Its id, for hints. */
  runId?: string;
  /** What the kernel said; nothing where nobody could ask. */
  kernel?: KernelEvidence | null;
  /** What it had asked for, and the most that it was seen to use, gigabytes. */
  ramGb?: number | null;
  ramPeakGb?: number | null;
}
