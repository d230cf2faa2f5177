/**
 * Copies a dataset to a local folder, several files at a time, and compares each with what was registered while its bytes pass.
 * What was copied before a cut stays: `<target>.done` names the files that are whole. That a whole copy is on the disk too is seen to
 * afterwards, while runs already read it (`settleCopy`). Both run in a child process.
 */
import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, statSync, symlinkSync, unlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fault } from "../core/fault.ts";
import { syncFolders, syncPlaced } from "../core/sync-batch.ts";
import { isGone } from "./cache-folder.ts";
import { addMarks, dropOldMarks, readMarks } from "./copy-marks.ts";
import { readAll, type Wanted } from "./crew.ts";
import { type ListedFile, readList } from "./file-list.ts";
import type { Courtesy } from "./pace.ts";
import type { ScanProgress } from "./scan.ts";

export interface CopyJob {
  kind: "copy";
  root: string;
  target: string;
  listPath: string;
  /** Lists of other copies on the same disk with their folders: what they have is linked to, not copied. */
  twins: { listPath: string; folder: string }[];
  hands: number;
  bytesPerSecond: number | null;
  /** As in Orders of crew.ts. */
  courtesy: Courtesy | null;
}

/** Puts a whole copy on the disk. */
export interface SettleJob {
  kind: "settle";
  folder: string;
  listPath: string;
}

export interface Copied {
  files: number;
  sizeBytes: number;
  /** Files that were there from a copy before that was cut. */
  resumedFiles: number;
  /** The first of what is otherwise than registered; with `unreadable` empty too the copy is whole. */
  differing: string[];
  /** The first of what cannot be read, with the reason. */
  unreadable: string[];
}

/** A cut costs the files of so long at most. */
const keepEveryMs = 1000;
/** A disk that gives no sign for longer than this, while it takes what was copied, hangs. */
const longestSyncMs = 600_000;
const signEveryMs = 1000;
const namedWrong = 20;

function doneBefore(path: string, target: string, list: readonly ListedFile[]): Set<string> {
  const named = readMarks(path);
  const isThere = ({ path: file, sizeBytes }: ListedFile) =>
    named.has(file) && statSync(join(target, file), { throwIfNoEntry: false })?.size === sizeBytes;
  return new Set(list.filter(isThere).map((file) => file.path));
}

function twinsOf(job: CopyJob): Map<string, string> {
  const found = new Map<string, string>();
  for (const { listPath, folder } of job.twins) {
    if (!existsSync(listPath)) continue;
    for (const { path, sha256 } of readList(listPath)) if (sha256 !== null) found.set(sha256, join(folder, path));
  }
  return found;
}

function putLinks(job: CopyJob, list: readonly ListedFile[]): void {
  for (const { path, link } of list) {
    if (link === null) continue;
    const to = join(job.target, path);
    mkdirSync(dirname(to), { recursive: true });
    rmSync(to, { force: true });
    symlinkSync(link, to);
  }
}

/** Millions of files take long: each is a sign of life. */
function removeTree(path: string, sign: () => void): void {
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) removeTree(join(path, entry.name), sign);
    else unlinkSync(join(path, entry.name));
    sign();
  }
  rmdirSync(path);
}

/** What was removed, and what a killed worker was removing: nobody reads it any more. */
function sweepGone(cache: string, sign: () => void): void {
  try {
    for (const name of readdirSync(cache).filter(isGone)) removeTree(join(cache, name), sign);
  } catch {
    // The next copy tries again.
  }
}

/** What the copy is made of besides the contents of its files: names and links. Rejects with system errors. */
async function syncNames(target: string, list: readonly ListedFile[]): Promise<void> {
  const folders = new Set<string>([dirname(target), target]);
  for (const { path } of list)
    for (let at = dirname(join(target, path)); !folders.has(at); at = dirname(at)) folders.add(at);
  await syncFolders(folders);
}

/** A disk that is busy with it gives signs of life meanwhile, but not for ever. */
async function withSigns(work: Promise<void>, sign: () => void): Promise<void> {
  const startedMs = performance.now();
  const signs = setInterval(() => performance.now() - startedMs < longestSyncMs && sign(), signEveryMs);
  try {
    await work;
  } finally {
    clearInterval(signs);
  }
}

export async function copyDataset(job: CopyJob, tell: (progress: ScanProgress) => void): Promise<Copied> {
  sweepGone(dirname(job.target), () => tell({ phase: "looking", files: 0, doneBytes: 0, totalBytes: null }));
  // A mount that is gone is no dataset that has changed.
  statSync(job.root);
  const list = [...readList(job.listPath)];
  const donePath = `${job.target}.done`;
  mkdirSync(job.target, { recursive: true, mode: 0o755 });
  const done = doneBefore(donePath, job.target, list);
  const twins = twinsOf(job);
  const totalBytes = list.reduce((sum, file) => sum + file.sizeBytes, 0);
  const wanted: Wanted[] = list
    .filter(({ path, link }) => link === null && !done.has(path))
    .map(({ path, sizeBytes, sha256 }) => ({
      path,
      sizeBytes,
      sha256,
      twin: sha256 === null ? null : (twins.get(sha256) ?? null),
    }));
  let files = done.size;
  let doneBytes = totalBytes - wanted.reduce((sum, file) => sum + file.sizeBytes, 0);
  const differing: string[] = [];
  const unreadable: string[] = [];
  let finished: string[] = [];
  let keptMs = performance.now();
  dropOldMarks(donePath);
  const keep = () => {
    if (finished.length > 0) addMarks(donePath, finished);
    finished = [];
    keptMs = performance.now();
  };
  await readAll(wanted, {
    ...{ root: job.root, target: job.target, hands: job.hands, bytesPerSecond: job.bytesPerSecond },
    courtesy: job.courtesy,
    total: { files: wanted.length, bytes: totalBytes - doneBytes },
    onBytes: (count, rest) => {
      doneBytes += count;
      tell({ phase: "reading", files, doneBytes, totalBytes, speedShare: Math.round(100 / (1 + rest)) / 100 });
    },
    onRow: ({ path, failed, differs }) => {
      if (failed !== null && unreadable.length < namedWrong) unreadable.push(`${path}: ${failed}`);
      if (failed === null && differs && differing.length < namedWrong) differing.push(path);
      if (failed !== null || differs) return;
      files += 1;
      finished.push(path);
      if (finished.length >= 128 || performance.now() - keptMs > keepEveryMs) keep();
    },
  });
  keep();
  // Where it went meanwhile, that is what is said.
  if (unreadable.length > 0) statSync(job.root);
  putLinks(job, list);
  return { files: list.length, sizeBytes: totalBytes, resumedFiles: done.size, differing, unreadable };
}

/** All of a whole copy is on the disk: contents, names and links. Rejects with system errors. */
export async function settleCopy(
  { folder, listPath }: SettleJob,
  tell: (progress: ScanProgress) => void,
): Promise<null> {
  const list = [...readList(listPath)];
  const files = list.filter(({ link }) => link === null).map(({ path }) => join(folder, path));
  const work = async () => {
    fault("copy/before-settle");
    await syncPlaced(files);
    await syncNames(folder, list);
  };
  await withSigns(work(), () => tell({ phase: "looking", files: 0, doneBytes: 0, totalBytes: null }));
  return null;
}
