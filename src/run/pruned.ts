/**
 * What was taken out of a sealed run to free its space. The one exception to "a sealed folder never changes", and so it
 * leaves a trace before it happens: an entry of history.jsonl with path, size and hash of each file. Whoever checks the folder
 * later can tell what was pruned from what was damaged.
 */
import { type HistoryEntry, readHistory } from "./history.ts";
import type { RunPaths } from "./paths.ts";

/** The `field` of such an entry; it is no key of the manifest, whose list of artifacts stays as it was. */
export const prunedField = "artifacts.pruned";

export interface PrunedFile {
  /** In the run folder, such as `work/checkpoint-100.pt`. */
  path: string;
  size_bytes: number;
  sha256: string | null;
}

export interface Pruned {
  files: PrunedFile[];
  /** How they were chosen, in words. */
  reason: string;
}

function isPruned(value: unknown): value is Pruned {
  const files = (value as Partial<Pruned> | null)?.files;
  return Array.isArray(files) && files.every((file) => typeof file?.path === "string");
}

/** Each file that was pruned, with who did it and when. */
export function readPruned(paths: RunPaths): Map<string, PrunedFile & Pick<HistoryEntry, "at" | "by">> {
  const pruned = new Map<string, PrunedFile & Pick<HistoryEntry, "at" | "by">>();
  for (const { field, value, at, by } of readHistory(paths)) {
    if (field !== prunedField || !isPruned(value)) continue;
    for (const file of value.files) pruned.set(file.path, { ...file, at, by });
  }
  return pruned;
}
