/** One row of a listing: what status, lists and the terminal UI show of a run without opening it. Plain JSON, snake_case. */
import type { Status } from "../run/status.ts";

export interface Progress {
  /** What the script printed, e.g. `epoch 45/100`. */
  text: string;
  /** 0 to 1, or null where no total is known. */
  fraction: number | null;
  /** Seconds left by the script's own words or by elapsed time and fraction; null where unknown. */
  eta_seconds: number | null;
}

export interface RunSummary {
  run_id: string;
  name: string;
  user: string;
  status: Status;
  command: string;
  priority: number;
  held: boolean;
  queued_at: string;
  started_at: string | null;
  ended_at: string | null;
  exit_code: number | null;
  signal: string | null;
  failure: { kind: string; message: string; hint: string | null } | null;
  note: string | null;
  hypothesis: string | null;
  validation_status: string | null;
  group: string | null;
  tags: string[];
  parent_run: string | null;
  requested: { gpus: number; cpu_cores: number; ram_gb: number | null; max_runtime_hours: number | null };
  host: string | null;
  /** Last value by name; NaN and infinities as strings. At most 20 names. */
  metrics: Record<string, number | string>;
  artifacts: { count: number; total_size_bytes: number } | null;
  /** Place in the line from 1, for waiting runs; else null. */
  position: number | null;
  /** RFC 3339 estimate of when a waiting run starts, or a running one ends; null where unknown. */
  eta: string | null;
  progress: Progress | null;
  /** Set while somebody has asked for the run to stop: seconds until it is killed, or null after that. */
  stopping: { by: string; kill_in_seconds: number | null } | null;
  /** One sentence where the run's folder is damaged, else null. */
  problem: string | null;
}
