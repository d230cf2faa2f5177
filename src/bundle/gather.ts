/**
 * Which files of a run go into a bundle, and which do not and why. Only looks: links are judged and never followed, and what
 * is no plain file is never opened.
 */
import * as fs from "node:fs";
import { walkFiles } from "../run/artifacts.ts";
import type { RunPaths } from "../run/paths.ts";
import { readSums } from "../run/seal.ts";
import { badLink } from "../run/snapshot.ts";
import { type BundleLevel, type LeftOut, logFiles, privateFiles, recordFiles } from "./layout.ts";

export interface GatheredFile {
  /** In the run folder. */
  path: string;
  sizeBytes: number;
  modifiedMs: number;
  isExecutable: boolean;
  /** For a link. */
  target: string | null;
}

export interface Gathered {
  files: GatheredFile[];
  leftOut: LeftOut[];
}

export interface GatherWish {
  level: BundleLevel;
  /** For `some`: patterns of artifacts, as `ml ls` shows them or from work/ on. */
  artifacts: readonly string[];
}

/** Matches a path under work/, by the whole path or, for a pattern without a slash, by the name alone. */
function artifactMatcher(patterns: readonly string[]): (path: string) => boolean {
  const globs = patterns.map((pattern) => {
    const plain = pattern.replace(/^(\.\/)?(work\/)?/, "");
    return { glob: new Bun.Glob(plain), byName: !plain.includes("/") };
  });
  return (path) =>
    globs.some(({ glob, byName }) => glob.match(path) || (byName && glob.match(path.slice(path.lastIndexOf("/") + 1))));
}

type Judgement = "take" | { why: string } | null;

/** Null: nobody misses it, such as a lock of ours. */
function judge(path: string, wish: GatherWish, fits: (path: string) => boolean): Judgement {
  if (/[\0-\x1f\x7f-\x9f]/.test(path)) return { why: "its name has control characters" };
  if (path.startsWith(".run/")) return privateFiles.has(path.slice(".run/".length)) ? "take" : null;
  if (recordFiles.includes(path) || path.startsWith("env/")) return "take";
  if (logFiles.includes(path)) return wish.level === "metadata" ? { why: "only records were asked for" } : "take";
  const isWork = path.startsWith("work/");
  if (!isWork && !path.startsWith("staged/")) return null;
  if (wish.level === "metadata") return { why: "only records were asked for" };
  if (wish.level === "all" || !isWork || fits(path.slice("work/".length))) return "take";
  return { why: "no pattern that was asked for fits it" };
}

export function gatherRun(paths: RunPaths, wish: GatherWish): Gathered {
  const sums = readSums(paths);
  const fits = artifactMatcher(wish.artifacts);
  const found = walkFiles(paths.folder);
  const links = new Map<string, string>();
  for (const { path, kind } of found) if (kind === "link") links.set(path, fs.readlinkSync(`${paths.folder}/${path}`));
  const gathered: Gathered = { files: [], leftOut: [] };
  for (const { path, kind, sizeBytes, mtimeMs, mode } of found) {
    let judgement = judge(path, wish, fits);
    if (judgement === null) continue;
    const target = links.get(path) ?? null;
    if (judgement === "take" && kind === "other") judgement = { why: "it is neither file nor link" };
    if (judgement === "take" && target !== null) {
      const bad = /^(work|staged|env)\//.test(path) ? badLink(path, target, links) : "a link may not stand there";
      if (bad !== null) judgement = { why: bad };
    }
    if (judgement === "take")
      gathered.files.push({ path, sizeBytes, modifiedMs: mtimeMs, isExecutable: (mode & 0o111) !== 0, target });
    else gathered.leftOut.push({ path, size_bytes: sizeBytes, sha256: sums?.get(path) ?? null, why: judgement.why });
  }
  return gathered;
}
