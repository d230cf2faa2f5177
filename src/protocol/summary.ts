/** One row of a listing: what status, lists and the terminal UI show of a run without opening it. Plain JSON, snake_case. */
import type { Blocker } from "../run/blocker.ts";
import type { RunRecord } from "../run/run-record.ts";

export interface Progress {
  /** What the script printed, e.g. `epoch 45/100`. */
  text: string;
  /** 0 to 1, or null where no total is known. */
  fraction: number | null;
  /** Seconds left by the script's own words or by elapsed time and fraction; null where unknown. */
  eta_seconds: number | null;
}

export interface EtaRange {
  /** RFC 3339. */
  low: string;
  high: string;
  /** What it rests on: runs like it, the run's own progress, both, or the line of waiting runs played ahead. */
  basis: "history" | "progress" | "both" | "line";
  /** How many past runs it rests on. */
  runs: number;
}

export interface RunSummary extends RunRecord {
  /** Place in the line from 1, for waiting runs; else null. */
  position: number | null;
  /** RFC 3339 estimate of when a waiting run starts, or a running one ends; null where unknown. */
  eta: string | null;
  /** The interval around `eta` that is meant to hold 8 times of 10; null where unknown. */
  eta_range: EtaRange | null;
  /** The first reason for which a run of the waiting line waits; `run.why` gives all. Null elsewhere. */
  waits_for: Blocker | null;
  progress: Progress | null;
  /** Set while somebody has asked for the run to stop: seconds until it is killed, or null after that. */
  stopping: { by: string; kill_in_seconds: number | null } | null;
}
