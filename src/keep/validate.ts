/**
 * Does a run still say the truth about itself? Named checks, each with what was expected, what was found and where. Reads
 * the run folder and the shared objects, never follows a link out of them, and writes nothing (a damaged
 * object is set aside by whoever reads it, here as elsewhere, so that it is sent anew).
 *
 * Levels: `none` looks at the manifest alone; `basic` also at everything that was recorded (a failure means damage);
 * `strict` also asks for what it takes to run the same again somewhere else (a failure means that something was never
 * pinned down).
 */
import * as fs from "node:fs";
import type { ReproLevel, RunCheck, Validation } from "../protocol/keep.ts";
import { type FoundFile, walkFiles } from "../run/artifacts.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import { readPruned } from "../run/pruned.ts";
import { readSums, sealedLogs } from "../run/seal.ts";
import { type Check, runCheck } from "./check.ts";
import { commitCheck, snapshotCheck } from "./check-code.ts";
import { artifactsCheck, historyCheck, manifestCheck, sumsCheck } from "./check-files.ts";
import {
  containerCheck,
  dataCheck,
  environmentCheck,
  pinnedCheck,
  seedCheck,
  timesCheck,
} from "./check-surroundings.ts";

/** In the order of the report. */
const checks: readonly Check[] = [
  manifestCheck,
  sumsCheck,
  artifactsCheck,
  snapshotCheck,
  commitCheck,
  environmentCheck,
  pinnedCheck,
  containerCheck,
  dataCheck,
  seedCheck,
  timesCheck,
  historyCheck,
];

const rank: Record<ReproLevel, number> = { none: 0, basic: 1, strict: 2 };

/** The regular files that a seal covers, as they are now. */
function coveredNow(paths: RunPaths): Map<string, FoundFile> {
  const found = new Map<string, FoundFile>();
  for (const part of ["env", "work"] as const)
    for (const file of walkFiles(paths[part])) if (file.kind === "file") found.set(`${part}/${file.path}`, file);
  for (const name of sealedLogs) {
    const stat = fs.lstatSync(`${paths.folder}/${name}`, { throwIfNoEntry: false });
    if (!stat?.isFile()) continue;
    const { size: sizeBytes, mtimeMs, ctimeMs, ino, mode } = stat;
    found.set(name, { path: name, kind: "file", sizeBytes, mtimeMs, ctimeMs, ino, mode });
  }
  return found;
}

export interface ValidateOptions {
  base: BasePaths;
  level: ReproLevel;
  nowMs: number;
}

/** Looks at a run that has ended. Throws system errors only where the folder itself cannot be read. */
export async function validateRun(paths: RunPaths, manifest: Manifest, options: ValidateOptions): Promise<Validation> {
  const { base, level, nowMs } = options;
  const started = performance.now();
  const found = level === "none" ? new Map<string, FoundFile>() : coveredNow(paths);
  const run = { base, paths, manifest, sums: readSums(paths), found, pruned: readPruned(paths), nowMs };
  const results: RunCheck[] = [];
  const wanted = checks.filter((check) => check === manifestCheck || rank[check.level] <= rank[level]);
  for (const check of wanted) results.push(await runCheck(check, run));
  return {
    run_id: paths.runId,
    level,
    valid: !results.some((check) => check.state === "failed"),
    checks: results,
    files: found.size,
    size_bytes: [...found.values()].reduce((sum, file) => sum + file.sizeBytes, 0),
    took_ms: Math.round(performance.now() - started),
  };
}
