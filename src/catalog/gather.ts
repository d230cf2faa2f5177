/**
 * All that the index holds of one run, drawn from its folder and the code that it names, and from nothing else: whoever
 * gathers it, a server that saw the change or a process that builds an index from nothing, gets the same.
 */
import * as fs from "node:fs";
import { readForecasts } from "../run/forecasts.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import { isFinal, type Status } from "../run/status.ts";
import { checkManifest, isSealed, type ManifestRead, readManifest } from "../run/store.ts";
import type { CodeFiles } from "./code-files.ts";
import { damagedRecord, type Keyed, recordOf } from "./record.ts";
import { type SearchFacts, searchFacts } from "./search-facts.ts";

export interface Gathered {
  keyed: Keyed;
  /** Of the manifest that it was drawn from; see stampOf. */
  stamp: string;
  /** Null where the manifest is damaged: then there is nothing to search in but its row. */
  found: SearchFacts | null;
}

const stampFrom = ({ mtimeMs, size, ino }: fs.Stats) => `${mtimeMs}:${size}:${ino}`;

/** What tells a changed manifest from an unchanged one without reading it; empty where there is none. */
export function stampOf(path: string): string {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : stampFrom(stat);
}

/** Most manifests fit; memory for each of them anew would only be garbage. */
const kept = Buffer.allocUnsafeSlow(64 * 1024);

/** A manifest and its stamp by opening it once, half of what looking at it and then reading it costs. */
function readStamped(path: string): { stamp: string; read: ManifestRead } {
  let fd: number | null = null;
  try {
    fd = fs.openSync(path, "r");
    const stat = fs.fstatSync(fd);
    const bytes = stat.size > kept.length ? Buffer.allocUnsafe(stat.size) : kept;
    const size = fs.readSync(fd, bytes, 0, stat.size, 0);
    const read = checkManifest(path, bytes.toString("utf8", 0, size));
    if (read.kind === "ok") return { stamp: stampFrom(stat), read };
  } catch {
    // Said below.
  } finally {
    if (fd !== null) fs.closeSync(fd);
  }
  // Before it is read: a change that comes between makes it look old, never new.
  return { stamp: stampOf(path), read: readManifest(path) };
}

/** A run is sealed once its manifest is final: a sealed one that claims to wait or to run was changed by somebody. Null where all is well. */
function contradiction(paths: RunPaths, status: Status): string | null {
  if (isFinal(status) || !isSealed(paths)) return null;
  // It may have ended, and been sealed, since it was read.
  const again = readManifest(paths.manifest);
  if (again.kind === "ok" && isFinal(again.manifest.status)) return null;
  return `\`${paths.manifest}\` says \`${status}\`, but the run ended and was sealed: it was changed since`;
}

/** The row of a run whose manifest was read; null where there is no such run. */
export function keyedOf(base: BasePaths, runId: string, read: ManifestRead): Keyed | null {
  const paths = base.run(runId);
  if (read.kind === "ok") {
    const wrong = contradiction(paths, read.manifest.status);
    if (wrong !== null) return damagedRecord(runId, paths.manifest, { reason: wrong, status: "failed" });
    const foretold = read.manifest.ended_at === null ? [] : readForecasts(paths);
    return recordOf({ ...read.manifest, run_id: runId }, foretold);
  }
  if (read.kind === "damaged") return damagedRecord(runId, paths.manifest, { reason: read.reason });
  if (!fs.existsSync(paths.folder)) return null;
  return damagedRecord(runId, paths.manifest, { reason: `\`${paths.manifest}\` is missing` });
}

/** Null where there is no such run any more. */
export function gather(base: BasePaths, runId: string, code: CodeFiles): Gathered | null {
  const paths = base.run(runId);
  const { stamp, read } = readStamped(paths.manifest);
  const keyed = keyedOf(base, runId, read);
  if (keyed === null) return null;
  return { keyed, stamp, found: read.kind === "ok" ? searchFacts(read.manifest, paths, code) : null };
}
