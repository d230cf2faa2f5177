/**
 * What the server answers about keeping runs: checks of a run against its own record, what a reproduction came to, and
 * what pruning would free. Plain JSON, snake_case; these shapes only grow.
 */

export type ReproLevel = "none" | "basic" | "strict";

export interface RunCheck {
  /** One word: `sums`, `snapshot`, `commit` … */
  name: string;
  /** From which level on a failure of it counts. */
  level: Exclude<ReproLevel, "none">;
  /** `unknown`: could not be told, and does not count; `skipped`: there is nothing to check. */
  state: "ok" | "failed" | "unknown" | "skipped";
  expected: string | null;
  actual: string | null;
  /** Sentences about single files or values; at most 20, the last says how many more. */
  evidence: string[];
  /** What would make it so, where that is known. */
  cure: string | null;
}

export interface Validation {
  run_id: string;
  level: ReproLevel;
  /** No check that counts at this level has failed. */
  valid: boolean;
  checks: RunCheck[];
  files: number;
  size_bytes: number;
  took_ms: number;
}
