/**
 * A run that was imported from another tracker and went on there takes over what is new. The second exception to "a sealed folder
 * never changes" beside pruning, and it leaves its trace in the same way: an entry of history.jsonl, before anything else, with
 * what stood there and what stands there now.
 *
 * Then the files take their places, each whole, then SHA256SUMS, and the manifest last. Where a crash came between, the folder does
 * not agree with its sums (`ml validate` says so) until the same is taken over again, which completes it.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { syncFolder, writeDurable } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { withLock } from "../core/file-lock.ts";
import { appendHistory, foldLate, type HistoryEntry } from "./history.ts";
import { type Manifest, manifestText } from "./manifest.ts";
import type { RunPaths } from "./paths.ts";
import { requireManifest, requireWritable } from "./store.ts";
import { sumLine } from "./sum-line.ts";

/** The `field` of such an entry; it is no key of the manifest. */
export const carriedOnField = "lineage.origin.update";

export interface CarriedOn {
  entry: Omit<HistoryEntry, "field">;
  /** Where the new files lie, by the same paths; durable already. */
  from: string;
  /** Paths in the run folder. */
  files: readonly string[];
  /** What SHA256SUMS is to say, by path. */
  sums: ReadonlyMap<string, string>;
  /** Changes the manifest as it is now, under its lock; may throw, then nothing has happened. */
  change(manifest: Manifest): void;
}

/** In one turn of this process. Throws what `change` throws, `not_found`, `refused` and system errors. */
export function carryOn(paths: RunPaths, { entry, from, files, sums, change }: CarriedOn): Manifest {
  return withLock(paths.manifestLock, () => {
    const next = requireManifest(paths);
    requireWritable(next);
    // What an older record does not know of its history was folded when it came.
    next.history_bytes ??= fs.statSync(paths.history, { throwIfNoEntry: false })?.size ?? 0;
    change(next);
    const { at, by, ...said } = entry;
    appendHistory(paths, { at, by, field: carriedOnField, ...said });
    fault("run/carried-on-written-down");
    const folders = new Set<string>();
    for (const path of files) {
      const full = join(paths.folder, path);
      fs.mkdirSync(dirname(full), { recursive: true, mode: 0o755 });
      fs.renameSync(join(from, path), full);
      folders.add(dirname(full));
    }
    for (const folder of folders) syncFolder(folder);
    fault("run/carried-on-files");
    const text = [...sums].map(([path, sha256]) => sumLine(path, sha256)).join("");
    writeDurable(paths.sums, text, { mode: 0o444 });
    fault("run/carried-on-sums");
    foldLate(paths, next);
    writeDurable(paths.manifest, manifestText(next), { mode: 0o644 });
    return next;
  });
}
