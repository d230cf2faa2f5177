/** What a check of a run is: a name, the level from which it counts, and a look that says what was found. Checks change nothing. */
import type { RunCheck } from "../protocol/keep.ts";
import type { FoundFile } from "../run/artifacts.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import type { PrunedFile } from "../run/pruned.ts";

export interface CheckedRun {
  base: BasePaths;
  paths: RunPaths;
  manifest: Manifest;
  /** Path in the run folder → sha256, as SHA256SUMS says; null where there is none. */
  sums: ReadonlyMap<string, string> | null;
  /** Regular files that a seal covers, by path in the run folder, as they are now. */
  found: ReadonlyMap<string, FoundFile>;
  /** What `ml prune` took away on purpose, by path in the run folder. */
  pruned: ReadonlyMap<string, PrunedFile>;
  nowMs: number;
}

export type Finding = Pick<RunCheck, "state"> & Partial<Pick<RunCheck, "expected" | "actual" | "evidence" | "cure">>;

export interface Check {
  name: string;
  level: RunCheck["level"];
  look(run: CheckedRun): Finding | Promise<Finding>;
}

const shownEvidence = 20;

export async function runCheck({ name, level, look }: Check, run: CheckedRun): Promise<RunCheck> {
  const { state, expected = null, actual = null, evidence = [], cure = null } = await look(run);
  const shown = evidence.slice(0, shownEvidence);
  if (evidence.length > shownEvidence) shown.push(`and ${evidence.length - shownEvidence} more`);
  return { name, level, state, expected, actual, evidence: shown, cure };
}

export const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;
