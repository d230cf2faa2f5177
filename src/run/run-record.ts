/**
 * What listings show of a run, drawn from its manifest alone: a catalog built from nothing says the same. Plain JSON,
 * snake_case. What changes by the second is not in here; protocol/summary.ts adds it.
 */
import type { Terms } from "./manifest.ts";
import type { Status } from "./status.ts";

export interface RunRecord {
  run_id: string;
  name: string;
  user: string;
  status: Status;
  command: string;
  priority: number;
  held: boolean;
  /** Why `ml` itself holds it; null where a person does, or nobody. */
  held_why: string | null;
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
  /** The run that it was made from (requeue, clone, fork …), or null. */
  source_run: string | null;
  /** Whose it was where it was made, for an imported run; else null. */
  imported_from: string | null;
  /** The next attempt, where it failed and was tried again. */
  retried_as: string | null;
  requested: {
    gpus: number;
    gpu_memory_gb: number | null;
    cpu_cores: number;
    ram_gb: number | null;
    disk_gb: number | null;
    max_runtime_hours: number | null;
  };
  /** What it waits for besides its turn; null for nothing. */
  terms: Terms | null;
  /** How long it will take by what runs like it took; null where nothing is known. */
  predicted_seconds: { low: number; likely: number; high: number } | null;
  /** As it was told when it was queued. */
  expected_start: { low: string; likely: string; high: string } | null;
  energy_kwh: number | null;
  /** Who ended it before its end, and why. */
  cancelled: { by: string; reason: string | null } | null;
  /** The sweep that it belongs to, and its values there. */
  sweep: { id: string; point: Record<string, string> } | null;
  host: string | null;
  /** Last value by name; NaN and infinities as strings. At most 20 names. */
  metrics: Record<string, number | string>;
  artifacts: { count: number; total_size_bytes: number } | null;
  /** One sentence where the run's folder is damaged, else null. */
  problem: string | null;
}
