/**
 * All that the index holds of one run, drawn from its folder and the code that it names, and from nothing else: whoever
 * gathers it, a server that saw the change or a process that builds an index from nothing, gets the same.
 */
import * as fs from "node:fs";
import { readForecasts } from "../run/forecasts.ts";
import type { BasePaths } from "../run/paths.ts";
import { type ManifestRead, readManifest } from "../run/store.ts";
import type { CodeFiles } from "./code-files.ts";
import { damagedRecord, type Keyed, recordOf } from "./record.ts";
import { type SearchFacts, searchFacts } from "./search-facts.ts";

/** Plain JSON: it may come from another process. */
export interface Gathered {
  keyed: Keyed;
  /** Of the manifest that it was drawn from; see stampOf. */
  stamp: string;
  /** Null where the manifest is damaged: then there is nothing to search in but its row. */
  found: SearchFacts | null;
}

/** What tells a changed manifest from an unchanged one without reading it; empty where there is none. */
export function stampOf(path: string): string {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
}

/** The row of a run whose manifest was read; null where there is no such run. */
export function keyedOf(base: BasePaths, runId: string, read: ManifestRead): Keyed | null {
  const paths = base.run(runId);
  if (read.kind === "ok") {
    const foretold = read.manifest.ended_at === null ? [] : readForecasts(paths);
    return recordOf({ ...read.manifest, run_id: runId }, foretold);
  }
  if (read.kind === "damaged") return damagedRecord(runId, paths.manifest, read.reason);
  if (!fs.existsSync(paths.folder)) return null;
  return damagedRecord(runId, paths.manifest, `\`${paths.manifest}\` is missing`);
}

/** Null where there is no such run any more. */
export function gather(base: BasePaths, runId: string, code: CodeFiles): Gathered | null {
  const paths = base.run(runId);
  // Before it is read: a change that comes between makes it look old, never new.
  const stamp = stampOf(paths.manifest);
  const read = readManifest(paths.manifest);
  const keyed = keyedOf(base, runId, read);
  if (keyed === null) return null;
  return { keyed, stamp, found: read.kind === "ok" ? searchFacts(read.manifest, paths, code) : null };
}
