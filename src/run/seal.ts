/**
 * Sealing: the last act on a run folder. Everything that the script wrote or ran with is made read-only and hashed into
 * SHA256SUMS, in the format of sha256sum(1), so that `sha256sum -c SHA256SUMS` checks it without us.
 *
 * SHA256SUMS appears last and whole: a folder that has it is sealed, a folder that lacks it is sealed from the beginning
 * again, whatever an interrupted attempt had done. Files lose their write permission, folders keep it, so that whoever
 * owns a run can delete it. Symlinks are not hashed: sha256sum would follow them.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurableAside } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { type FoundFile, type Hashed, hashFile, walkFiles } from "./artifacts.ts";
import type { RunPaths } from "./paths.ts";
import { isSealed } from "./store.ts";
import { parseSums, sumLine } from "./sum-line.ts";

/** All sums of a sealed folder by path, or null where it is not sealed. Lines that are none are left out. */
export function readSums(paths: RunPaths): Map<string, string> | null {
  if (!isSealed(paths)) return null;
  return parseSums(fs.readFileSync(paths.sums, "utf8"));
}

function takeWritePermission(path: string, mode: number): void {
  if ((mode & 0o222) !== 0) fs.chmodSync(path, mode & 0o7777 & ~0o222);
}

export interface SealOptions {
  /** Found and hashed a moment ago: all files under work/, and the hashes that are known of them, by path. */
  work?: { found: readonly FoundFile[]; hashes: ReadonlyMap<string, Hashed> };
  /** Called with all sums by path in the run folder, just before SHA256SUMS appears: the last moment for the manifest. */
  beforeSums?: (sums: ReadonlyMap<string, string>) => void;
}

export interface Sealed {
  files: number;
  /** By path in the run folder. */
  sums: Map<string, string>;
  /** Files that could not be read, or kept changing: sealed as they were found. */
  doubtful: string[];
}

/** What a seal covers besides env/ and work/. */
export const sealedLogs = [
  ...["output.log", "stdout.log", "stderr.log"],
  ...["metrics.jsonl", "metrics.passive.jsonl", "samples.tsv"],
] as const;

interface Covered {
  /** In the run folder. */
  path: string;
  mode: number;
  known: Hashed | undefined;
}

/** The files that a seal covers; an empty output.log is made where there is no log at all. */
function coveredFiles(paths: RunPaths, work: SealOptions["work"]): Covered[] {
  const isThere = (name: string) => fs.existsSync(join(paths.folder, name));
  if (!["output.log", "stdout.log", "stderr.log"].some(isThere)) fs.writeFileSync(paths.outputLog, "", { flag: "a" });
  const logs = sealedLogs.filter(isThere);
  const own = logs.map((name) => ({
    path: name,
    mode: fs.lstatSync(join(paths.folder, name)).mode,
    known: undefined,
  }));
  const under = (name: string, found: readonly FoundFile[], hashes?: ReadonlyMap<string, Hashed>) =>
    found.flatMap(({ kind, path, mode }) =>
      kind === "file" ? [{ path: `${name}/${path}`, mode, known: hashes?.get(path) }] : [],
    );
  return [
    ...own,
    ...under("env", walkFiles(join(paths.folder, "env"))),
    ...under("staged", walkFiles(paths.staged)),
    ...under("work", work?.found ?? walkFiles(paths.work), work?.hashes),
  ];
}

/** Seals a run whose manifest is final; does nothing where it is sealed. Throws system errors (a full disk): try again later. */
export async function sealRun(paths: RunPaths, options: SealOptions = {}): Promise<Sealed | null> {
  if (isSealed(paths)) return null;
  const sums = new Map<string, string>();
  const doubtful: string[] = [];
  for (const { path: name, mode, known } of coveredFiles(paths, options.work)) {
    const path = `${paths.folder}/${name}`;
    takeWritePermission(path, mode);
    const hashed = known ?? (await hashFile(path));
    if (hashed === null || hashed.changedWhileReading) doubtful.push(name);
    if (hashed !== null) sums.set(name, hashed.sha256);
    if (sums.size === 1) fault("run/mid-seal");
  }
  options.beforeSums?.(sums);
  fault("run/before-sums");
  const text = [...sums].map(([path, sha256]) => sumLine(path, sha256)).join("");
  await writeDurableAside(paths.sums, text, { mode: 0o444 });
  fault("run/after-sums");
  return { files: sums.size, sums, doubtful };
}
