/**
 * What a bundle is: one folder in a tar, compressed by gzip or zstd. Everything in it is a plain file that a reader can use
 * without us; `bundle.json` alone is for programs, and nothing that it claims is believed without looking.
 *
 *     <name>/README.md                    what this is, why it ran, what came out
 *            reproduce.sh                 POSIX sh: lays out the code and runs it again
 *            ro-crate-metadata.json       for archives and reviewers' tools
 *            bundle.json                  the record below
 *            REDACTED.txt                 what was taken out, where that was asked for
 *            figures/<run_id>.svg
 *            runs/<run_id>/…              the run folder as it is, but for what was left out
 *            code/<snapshot>/…            the code of the runs, laid out
 *            snapshots/<snapshot>.json    its list of files; its name is its own hash
 *            SHA256SUMS                   of all files above; the last entry
 */

export const bundleFormat = "ml-bundle";
export const bundleVersion = 1;

/** `all`: with every artifact; `some`: with those that a pattern fits; `metadata`: records alone, no output, code or artifacts. */
export type BundleLevel = "all" | "some" | "metadata";

export interface LeftOut {
  /** In the run folder. */
  path: string;
  size_bytes: number;
  sha256: string | null;
  why: string;
}

export interface BundledRun {
  run_id: string;
  name: string;
  /** Name of its code in snapshots/ and code/; null where it has none, or it was left out. */
  snapshot: string | null;
  left_out: LeftOut[];
}

/** A run that those of the bundle name, such as a parent, and that is not in it: by this a receiver knows it under whatever id it has there. */
export interface Relative {
  /** As the runs of the bundle name it. */
  run_id: string;
  /** Its id where it was first made. */
  first_id: string;
  queued_at: string;
  /** As content-id.ts has it. */
  content: string;
}

/** A file whose content the receiver has already, or gets with another file: named here instead of travelling. No bundle that is kept as a file has one. */
export interface ThinFile {
  path: string;
  size_bytes: number;
  sha256: string;
  executable: boolean;
}

/** A file that travels from a byte on: its beginning, with this sum, came with a bundle that was cut. No bundle that is kept as a file has one. */
export interface ResumedFile {
  path: string;
  from_bytes: number;
  /** Of what is before. */
  sha256: string;
}

export interface BundleRecord {
  format: string;
  version: number;
  created_at: string;
  made_with: string;
  level: BundleLevel;
  /** Patterns of the artifacts that are in it; empty for all or none. */
  artifacts: string[];
  /** What was taken out of texts on request: `paths`, `names`, `secrets`. */
  redacted: string[];
  runs: BundledRun[];
  relatives?: Relative[];
  thin?: ThinFile[];
  resumed?: ResumedFile[];
}

/** Names in the top folder. */
export const files = {
  readme: "README.md",
  reproduce: "reproduce.sh",
  crate: "ro-crate-metadata.json",
  record: "bundle.json",
  redacted: "REDACTED.txt",
  sums: "SHA256SUMS",
} as const;
export const folders = { runs: "runs", code: "code", snapshots: "snapshots", figures: "figures" } as const;

/** What travels of `.run/`: how it was started and how it ended. No locks, no marks that a worker acts upon. */
export const privateFiles: ReadonlySet<string> = new Set([
  "launch.sh",
  "events.jsonl",
  "exit.json",
  "process.json",
  "forecasts.jsonl",
]);

/** In the order in which a reader wants them; everything else of a run folder lies in env/, work/, staged/ or .run/. */
export const recordFiles: readonly string[] = [
  "run_manifest.json",
  "history.jsonl",
  "SHA256SUMS",
  "metrics.jsonl",
  "metrics.passive.jsonl",
  "samples.tsv",
];
export const logFiles: readonly string[] = ["output.log", "stdout.log", "stderr.log"];

/** Where a path of a bundle, without its top folder, belongs; null where no bundle has such a file. */
export type Place =
  | { kind: "top"; name: string }
  | { kind: "figure" }
  | { kind: "run"; runId: string; path: string }
  | { kind: "code"; snapshot: string; path: string }
  | { kind: "snapshot"; snapshot: string };

const topNames: ReadonlySet<string> = new Set(Object.values(files));
const runParts = /^runs\/(\d{4}-\d{2}-\d{2}_[0-9a-z]{6,})\/(.+)$/s;
const codeParts = /^code\/([0-9a-f]{64})\/(.+)$/s;
const snapshotParts = /^snapshots\/([0-9a-f]{64})\.json$/;

function isOfRun(path: string): boolean {
  if (path.startsWith(".run/")) return privateFiles.has(path.slice(".run/".length));
  return /^(env|work|staged)\/./s.test(path) || recordFiles.includes(path) || logFiles.includes(path);
}

export function placeOf(path: string): Place | null {
  if (topNames.has(path)) return { kind: "top", name: path };
  if (/^figures\/[^/]+\.svg$/.test(path)) return { kind: "figure" };
  const run = runParts.exec(path);
  if (run !== null) {
    const [, runId = "", inside = ""] = run;
    return isOfRun(inside) ? { kind: "run", runId, path: inside } : null;
  }
  const code = codeParts.exec(path);
  if (code !== null) return { kind: "code", snapshot: code[1] ?? "", path: code[2] ?? "" };
  const snapshot = snapshotParts.exec(path);
  return snapshot === null ? null : { kind: "snapshot", snapshot: snapshot[1] ?? "" };
}
