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

/** One metric of a run beside the same of its reproduction. */
export interface MetricMatch {
  name: string;
  source: number | string | null;
  again: number | string | null;
  /** |again - source| / |source|; null where either is missing or no number. */
  difference: number | null;
  /** The largest difference that would have counted as equal. */
  allowed: number;
  /** Where `allowed` comes from: what was asked for, the spread of earlier repeats, or the default. */
  by: "tolerance" | "noise" | "default";
  /** How many earlier repeats have a value of it and gave `allowed`; 0 where it is not by noise. */
  repeats: number;
  equal: boolean;
}

/** What differs between two runs in one respect. */
export interface Difference {
  /** `python_version`, `package numpy`, `cpu_model` … */
  what: string;
  source: string | null;
  again: string | null;
}

export interface Reproduction {
  run_id: string;
  source_run: string;
  verdict: "reproduced" | "not_reproduced" | "undecided" | "pending";
  /** The verdict in a sentence, with what it rests on. */
  sentence: string;
  metrics: MetricMatch[];
  /** Metrics that measure time or load: never equal, and not compared. */
  not_compared: string[];
  /** Of the source's artifacts that both list: how many have the same hash. */
  artifacts: { same: number; compared: number; differing: string[] };
  /** Ids of the earlier runs of the same code and arguments, the source among them, that the noise of any metric was measured with. */
  repeats: string[];
  /** The surroundings of the reproduction are known; else nothing is said about differences. */
  seen: boolean;
  environment: Difference[];
  hardware: Difference[];
}
