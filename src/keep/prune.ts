/**
 * What can go out of ended runs to free space, and its going. Only artifacts: files that the script wrote and that a seal
 * covers; never the manifest, logs, metrics, env/, the code, or what was found after the seal. Each file's path, size and hash stand
 * in history.jsonl before it is removed, so that a later check tells pruned from damaged.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { fault } from "../core/fault.ts";
import { type FoundFile, walkFiles } from "../run/artifacts.ts";
import { appendHistory } from "../run/history.ts";
import type { Manifest } from "../run/manifest.ts";
import { readSnapshot } from "../run/objects.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import { type PrunedFile, prunedField } from "../run/pruned.ts";
import { readSums } from "../run/seal.ts";
import { isFinal } from "../run/status.ts";

export interface PruneFilter {
  /** Runs that ended at least so long ago. */
  olderThanMs: number | null;
  /** Files of at least this size. */
  largerThanBytes: number | null;
  /** Globs over the path under work/; one of them must fit. Empty: all fit. */
  patterns: readonly string[];
  /** Only checkpoints that a later one of the same run has taken the place of. */
  superseded: boolean;
}

/** Words that say that a checkpoint is kept on purpose. */
const kept = /(?:^|[^a-z])(?:best|last|latest|final)(?:[^a-z]|$)/i;
/** A part of a path that counts checkpoints: `checkpoint-500`, `epoch_3.pt`, `model-00010.ckpt`, `step=1200-loss=0.1.ckpt`. */
const counted =
  /^(.*?(?:checkpoint|ckpt|epoch|step|iter|model|weights|snapshot|state|net|global_step)[-_=.]?)(\d+)(.*)$/i;

/** Series and number of a checkpoint file, or null where its path counts nothing. */
export function checkpointOf(path: string): { series: string; number: number } | null {
  if (kept.test(path)) return null;
  const parts = path.split("/");
  for (const [index, part] of parts.entries()) {
    const [, before, digits, after = ""] = counted.exec(part) ?? [];
    if (before === undefined || digits === undefined) continue;
    // What follows the number differs from one checkpoint to the next (`epoch=3-step=1200-loss=0.1.ckpt`); its ending does not.
    const ending = index === parts.length - 1 ? after.replace(/^.*?(\.[A-Za-z][\w.]*)$|^.*$/, "$1") : "";
    return { series: [...parts.slice(0, index), `${before}#${ending}`].join("/"), number: Number(digits) };
  }
  return null;
}

/** Paths of all checkpoints but the last of their series. */
export function supersededPaths(paths: readonly string[]): Set<string> {
  const last = new Map<string, number>();
  const found = paths.flatMap((path) => {
    const checkpoint = checkpointOf(path);
    return checkpoint === null ? [] : [{ path, ...checkpoint }];
  });
  for (const { series, number } of found) last.set(series, Math.max(last.get(series) ?? number, number));
  return new Set(found.filter(({ series, number }) => number < (last.get(series) ?? number)).map(({ path }) => path));
}

function codeOf(base: BasePaths, manifest: Manifest): ReadonlyMap<string, string> | null {
  if (manifest.environment.snapshot === null) return new Map();
  try {
    return new Map(readSnapshot(base, manifest.environment.snapshot).files.map((file) => [file.path, file.hash]));
  } catch {
    return null; // What is code cannot be told: nothing goes.
  }
}

/** What the filter takes out of this run; empty for one that has not ended or is not sealed. */
export function planPrune(
  paths: RunPaths,
  manifest: Manifest,
  { base, filter, nowMs }: { base: BasePaths; filter: PruneFilter; nowMs: number },
): PrunedFile[] {
  const endedMs = Date.parse(manifest.ended_at ?? "");
  if (!isFinal(manifest.status) || Number.isNaN(endedMs)) return [];
  if (filter.olderThanMs !== null && nowMs - endedMs < filter.olderThanMs) return [];
  const sums = readSums(paths);
  const code = codeOf(base, manifest);
  if (sums === null || code === null) return [];
  const artifacts = walkFiles(paths.work).filter(({ kind, path }) => {
    const sha256 = sums.get(`work/${path}`);
    return kind === "file" && sha256 !== undefined && code.get(path) !== sha256;
  });
  const old = filter.superseded ? supersededPaths(artifacts.map((file) => file.path)) : null;
  const globs = filter.patterns.map((pattern) => new Bun.Glob(pattern));
  const isChosen = ({ path, sizeBytes }: FoundFile) =>
    (filter.largerThanBytes === null || sizeBytes >= filter.largerThanBytes) &&
    (globs.length === 0 ||
      globs.some((glob) => glob.match(path) || glob.match(path.slice(path.lastIndexOf("/") + 1)))) &&
    (old === null || old.has(path));
  return artifacts.filter(isChosen).map(({ path, sizeBytes }) => ({
    path: `work/${path}`,
    size_bytes: sizeBytes,
    sha256: sums.get(`work/${path}`) ?? null,
  }));
}

/** The filter in words, for history.jsonl. */
export function filterText({ olderThanMs, largerThanBytes, patterns, superseded }: PruneFilter): string {
  const words = [
    superseded ? "superseded checkpoints" : "artifacts",
    ...(patterns.length > 0 ? [`that fit ${patterns.join(", ")}`] : []),
    ...(largerThanBytes === null ? [] : [`of at least ${largerThanBytes} bytes`]),
    ...(olderThanMs === null ? [] : [`of runs that ended ${Math.round(olderThanMs / 3_600_000)} hours ago or earlier`]),
  ];
  return words.join(" ");
}

export interface PruneOptions {
  by: string;
  /** RFC 3339, UTC. */
  at: string;
  reason: string;
}

/** Writes down what goes, then removes it, and folders that are empty then. Throws system errors; done again it goes on. */
export function pruneFiles(paths: RunPaths, files: readonly PrunedFile[], { by, at, reason }: PruneOptions): void {
  if (files.length === 0) return;
  appendHistory(paths, { at, by, field: prunedField, value: { files, reason } });
  fault("keep/prune-written-down");
  const folders = new Set<string>();
  for (const { path } of files) {
    fs.rmSync(join(paths.folder, path), { force: true });
    folders.add(dirname(path));
  }
  // Longest first: a folder goes before the one that it is in.
  for (const folder of [...folders].sort((a, b) => b.length - a.length)) removeEmpty(paths, folder);
}

function removeEmpty(paths: RunPaths, folder: string): void {
  for (let at = folder; at.startsWith("work/"); at = dirname(at)) {
    try {
      fs.rmdirSync(join(paths.folder, at));
    } catch {
      return; // Something is left in it.
    }
  }
}
