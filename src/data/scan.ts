/**
 * What a dataset is now: its list and its hash, and how that differs from a list made earlier. Runs in a child process.
 *
 *     cached   what looks as it did when it was last read counts as the same; the rest is read
 *     full     everything is read
 *     quick    paths and sizes of all, contents of a sample that depends on the paths alone
 */
import { writeFileSync } from "node:fs";
import { networkSource } from "../core/network-mount.ts";
import { readAll, type Wanted } from "./crew.ts";
import {
  byPath,
  datasetChecksum,
  type ListChanges,
  type ListedFile,
  listChanges,
  listLine,
  readList,
} from "./file-list.ts";
import { StatCache } from "./stat-cache.ts";
import { type Walked, walkDataset, walkFiles } from "./walk.ts";
import { checksumOfLook, hasKnownLook, rememberLook, WholeLook } from "./whole-look.ts";

export type ScanMode = "cached" | "full" | "quick";

/** A list made earlier, and the checksum that it has; null where nobody knows. */
export interface Compared {
  listPath: string;
  checksum: string | null;
}

export interface ScanJob {
  kind: "scan";
  root: string;
  mode: ScanMode;
  cachePath: string | null;
  /** Where the list is written; null: nowhere. */
  listPath: string | null;
  /** What it is compared with; null: nothing. */
  compare: Compared | null;
  hands: number;
}

export interface Scanned {
  checksum: string;
  files: number;
  sizeBytes: number;
  /** How many were read now, and how many stand as they were remembered. */
  readFiles: number;
  rememberedFiles: number;
  /** Written to while they were read: their hash means little. */
  unstable: string[];
  leftOut: string[];
  /** Where the network mount that it lies on comes from; null for a local disk. */
  mountedFrom: string | null;
  changes: ListChanges | null;
}

export interface ScanProgress {
  phase: "looking" | "reading";
  files: number;
  doneBytes: number;
  /** Null while it is not known. */
  totalBytes: number | null;
  /** Of the speed that it could have: less than 1 where it leaves room for others at a busy source. */
  speedShare?: number;
}

const sampleFiles = 256;
const sampleBytes = 64_000_000;

/** The same sample at any time, as long as the paths are the same. */
function sampleOf(files: readonly Walked[]): Set<string> {
  const small = files.filter(({ sizeBytes, link }) => link === null && sizeBytes <= sampleBytes);
  const ranked = small.map(({ path }) => ({ path, rank: Bun.hash(path) })).sort((a, b) => (a.rank < b.rank ? -1 : 1));
  return new Set(ranked.slice(0, sampleFiles).map(({ path }) => path));
}

/** What is left of a mount point without its mount is an empty folder, and no dataset whose files were removed. */
const emptyFolder = () =>
  Object.assign(new Error("is empty, and was registered with files: is it mounted?"), { code: "EMPTY" });

type Tell = (progress: ScanProgress) => void;

const walking = (tell: Tell) => ({
  nowMs: Date.now,
  onProgress: (count: number) => tell({ phase: "looking", files: count, doneBytes: 0, totalBytes: null }),
});

/** All looks as it did when its checksum was last known; null where it does not, or where more is asked than that. */
function unchanged(job: ScanJob, tell: Tell): Scanned | null {
  const { root, mode, cachePath, listPath, compare } = job;
  if (mode !== "cached" || cachePath === null || listPath !== null || !hasKnownLook(cachePath)) return null;
  const look = new WholeLook();
  const leftOut = walkFiles(root, walking(tell), (file) => look.add(file));
  const checksum = checksumOfLook(cachePath, look.digest());
  if (checksum === null || (compare !== null && checksum !== compare.checksum)) return null;
  const { files, links, sizeBytes } = look;
  return {
    ...{ checksum, files, sizeBytes, readFiles: 0, rememberedFiles: files - links, unstable: [], leftOut },
    ...{ mountedFrom: networkSource(root), changes: null },
  };
}

function rememberWhole(cachePath: string, files: readonly Walked[], checksum: string): void {
  const look = new WholeLook();
  for (const file of files) look.add(file);
  rememberLook(cachePath, look.digest(), checksum);
}

export async function scanDataset(job: ScanJob, tell: Tell): Promise<Scanned> {
  const asBefore = unchanged(job, tell);
  if (asBefore !== null) return asBefore;
  const { root, mode } = job;
  const { files, leftOut } = walkDataset(root, walking(tell));
  const before = job.compare === null ? null : readList(job.compare.listPath);
  if (files.length === 0 && (before?.length ?? 0) > 0) throw emptyFolder();
  const cache = new StatCache(mode === "quick" ? null : job.cachePath);
  const sample = mode === "quick" ? sampleOf(files) : null;
  const hashes = new Map<string, string>();
  const looks = new Map<string, Walked>();
  const wanted: Wanted[] = [];
  for (const file of files) {
    if (file.link !== null || sample?.has(file.path) === false) continue;
    const known = mode === "cached" ? cache.find(file.path, file) : null;
    if (known !== null) hashes.set(file.path, known);
    else {
      looks.set(file.path, file);
      wanted.push({ path: file.path, sizeBytes: file.sizeBytes, sha256: null });
    }
  }
  const rememberedFiles = hashes.size;
  const totalBytes = wanted.reduce((sum, file) => sum + file.sizeBytes, 0);
  let doneBytes = 0;
  const unstable: string[] = [];
  await readAll(wanted, {
    ...{ root, target: null, bytesPerSecond: null, courtesy: null, hands: job.hands },
    onBytes: (count) => {
      doneBytes += count;
      tell({ phase: "reading", files: hashes.size, doneBytes, totalBytes });
    },
    onRow: ({ path, failed, sha256, changedWhileReading, hashedMs, ...look }) => {
      if (failed !== null) throw new Error(`\`${path}\` cannot be read: ${failed}`);
      if (changedWhileReading) unstable.push(path);
      hashes.set(path, sha256);
      const seenMs = looks.get(path)?.seenMs ?? hashedMs;
      const { sizeBytes, mtimeMs, ctimeMs } = look;
      const walked = looks.get(path);
      if (walked !== undefined) walked.sizeBytes = sizeBytes;
      const same = walked?.mtimeMs === mtimeMs && walked.ctimeMs === ctimeMs;
      if (!changedWhileReading)
        cache.add(path, { sizeBytes, mtimeMs, ctimeMs }, { sha256, seenMs: same ? seenMs : hashedMs, hashedMs });
    },
  });
  cache.save();
  const list: ListedFile[] = files
    .map(({ path, sizeBytes, link }) => ({ path, sizeBytes, link, sha256: hashes.get(path) ?? null }))
    .sort(byPath);
  if (job.listPath !== null) writeFileSync(job.listPath, list.map(listLine).join(""), { mode: 0o644 });
  const checksum = datasetChecksum(list);
  if (mode === "cached" && job.cachePath !== null && wanted.length === 0) rememberWhole(job.cachePath, files, checksum);
  return {
    checksum,
    files: list.length,
    sizeBytes: list.reduce((sum, file) => sum + file.sizeBytes, 0),
    readFiles: wanted.length,
    rememberedFiles,
    unstable: unstable.slice(0, 20),
    leftOut,
    mountedFrom: networkSource(root),
    changes: before === null ? null : listChanges(before, list),
  };
}
