/**
 * Reading and writing run folders. A manifest is replaced whole and only under its lock; a status changes only along
 * the table of status.ts; a damaged manifest is an answer (`damaged`), never an exception that stops a listing.
 */
import * as fs from "node:fs";
import { type WriteOptions, writeDurable } from "../core/durable.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { withLock } from "../core/file-lock.ts";
import { isRunId } from "../core/ids.ts";
import { type Manifest, manifestSchema, manifestText, schemaVersion } from "./manifest.ts";
import { fitCheck } from "./manifest-shape.ts";
import type { BasePaths, RunPaths } from "./paths.ts";
import { checkStep, type Status } from "./status.ts";

export type ManifestRead =
  | { kind: "ok"; manifest: Manifest }
  | { kind: "missing" }
  /** `reason` is one sentence that names what is wrong. */
  | { kind: "damaged"; reason: string };

/** What we wrote ourselves fits as it is, and most that is read is that. */
const fitsAsItIs = fitCheck(manifestSchema);

/** Reads and checks one manifest. Newer schema versions are read as far as they are understood. Throws nothing. */
export function readManifest(path: string): ManifestRead {
  let text: string;
  try {
    text = fs.readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT" || systemCode(cause) === "ENOTDIR") return { kind: "missing" };
    return { kind: "damaged", reason: `\`${path}\` cannot be read: ${messageOf(cause)}` };
  }
  return checkManifest(path, text);
}

/** As readManifest, of what was read already. */
export function checkManifest(path: string, text: string): ManifestRead {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const why = text.length === 0 ? "it is empty" : messageOf(cause);
    return { kind: "damaged", reason: `\`${path}\` is not JSON: ${why}` };
  }
  if (fitsAsItIs(value)) return { kind: "ok", manifest: value as Manifest };
  const parsed = manifestSchema.safeParse(value);
  if (parsed.success) return { kind: "ok", manifest: parsed.data };
  const issue = parsed.error.issues[0];
  return {
    kind: "damaged",
    reason: `\`${path}\`: ${issue?.path.join(".") ?? ""}: ${issue?.message ?? "does not fit"}`,
  };
}

/** The manifest of a run, or an MlError: `not_found`, or `failed` naming the damage. */
export function requireManifest(paths: RunPaths): Manifest {
  const read = readManifest(paths.manifest);
  if (read.kind === "ok") return read.manifest;
  if (read.kind === "missing") throw new MlError("not_found", `there is no run \`${paths.runId}\``);
  throw new MlError("failed", `the manifest of run \`${paths.runId}\` is damaged: ${read.reason}`, {
    hint: `look at ${paths.manifest}; ${exitSaid(paths)}`,
  });
}

/** How the run ended is written by its supervisor, whatever became of the manifest. */
function exitSaid({ exitRecord }: RunPaths): string {
  try {
    const { rc } = JSON.parse(fs.readFileSync(exitRecord, "utf8")) as { rc?: unknown };
    return typeof rc === "number"
      ? `it ended with status ${rc}, says ${exitRecord}`
      : `how it ended is in ${exitRecord}`;
  } catch (cause) {
    return systemCode(cause) === "ENOENT"
      ? `no end of it is known: there is no ${exitRecord}`
      : `see ${exitRecord} too`;
  }
}

/** A run that only waits has no .run/ yet: two folders a run would double what submitting many of them costs. */
function makePrivateFolder(paths: RunPaths): void {
  if (!fs.existsSync(paths.private) && fs.existsSync(paths.folder))
    fs.mkdirSync(paths.private, { recursive: true, mode: 0o700 });
}

/** Throws `refused` for a manifest of which a newer version may know what we do not. */
export function requireWritable({ run_id: runId, schema_version: version }: Manifest): void {
  if (version <= schemaVersion) return;
  throw new MlError("refused", `run \`${runId}\` was written by a newer version (format ${version})`, {
    hint: "upgrade `ml` to change it; reading it works",
  });
}

/** Changes the copy it is given in place; returning false leaves the file as it is. */
export type Change = (manifest: Manifest) => unknown;

/**
 * Changes a manifest under its lock and returns what is now on disk. A change of status is checked against the table.
 * Throws `not_found`, `conflict`, `try_later` (lock) and system errors; the file is then unchanged.
 */
export function changeManifest(paths: RunPaths, change: Change, options: WriteOptions = {}): Manifest {
  makePrivateFolder(paths);
  return withLock(paths.manifestLock, () => {
    const next = requireManifest(paths);
    const before = next.status;
    if (change(next) === false) return requireManifest(paths);
    if (next.status !== before) checkStep(paths.runId, before, next.status);
    requireWritable(next);
    writeDurable(paths.manifest, manifestText(next), { mode: 0o644, ...options });
    return next;
  });
}

/** Moves a run along the status table, with further changes in the same write. Same errors as changeManifest. */
export function setStatus(paths: RunPaths, status: Status, also: (manifest: Manifest) => void = () => {}): Manifest {
  return changeManifest(paths, (manifest) => {
    checkStep(paths.runId, manifest.status, status);
    manifest.status = status;
    also(manifest);
  });
}

/** Ids of all run folders, newest day first; within a day in no promised order. A missing base has none. */
export function listRunIds(paths: BasePaths): string[] {
  try {
    return fs.readdirSync(paths.runs).filter(isRunId).sort().reverse();
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return [];
    throw cause;
  }
}

/** True once the run has been sealed: nothing but people's words changes after that. */
export function isSealed(paths: RunPaths): boolean {
  return fs.existsSync(paths.sums);
}

/** Makes the folders of a base directory, for their owner only. Throws system errors. */
export function prepareBase(paths: BasePaths): void {
  fs.mkdirSync(paths.base, { recursive: true, mode: 0o700 });
  for (const folder of [paths.runs, paths.staging, paths.objects, paths.snapshots, paths.workers, paths.lib]) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  }
}
