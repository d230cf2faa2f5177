/**
 * What people changed after queueing. Each change is first appended to history.jsonl (when, who, which field, new
 * value), then folded into the manifest: nothing a person did is ever overwritten without a trace.
 */
import { appendDurable } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { readJsonLines } from "../core/json-lines.ts";
import type { Manifest } from "./manifest.ts";
import type { RunPaths } from "./paths.ts";
import { changeManifest, requireManifest } from "./store.ts";

export interface HistoryEntry {
  /** RFC 3339, UTC. */
  at: string;
  by: string;
  /** Dotted key of the manifest: `priority`, `launch.held`, `annotations`, `status`. */
  field: string;
  value: unknown;
}

/** Appends one entry durably. Throws `not_found` for a missing run, and system errors. */
export function appendHistory(paths: RunPaths, entry: HistoryEntry): void {
  requireManifest(paths);
  appendDurable(paths.history, JSON.stringify(entry));
}

/** All entries in order; torn lines are skipped. */
export function readHistory(paths: RunPaths): HistoryEntry[] {
  return readJsonLines<HistoryEntry>(paths.history).records;
}

/** Appends the entry, then folds it into the manifest by `fold`. Errors of appendHistory and changeManifest. */
export function recordChange(paths: RunPaths, entry: HistoryEntry, fold: (manifest: Manifest) => unknown): Manifest {
  appendHistory(paths, entry);
  fault("server/after-history");
  return changeManifest(paths, fold);
}
