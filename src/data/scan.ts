/**
 * What a dataset is now: its list and its hash, and how that differs from a list made earlier. Runs in a child process.
 *
 *     cached   what looks as it did when it was last read counts as the same; the rest is read
 *     full     everything is read
 *     quick    paths and sizes of all, contents of a sample that depends on the paths alone
 *
 * Three steps, none of which holds the files: all are looked at, in the order of their paths, beside what is remembered of them; what is
 * to be read is read, by several hands; then list, hash, comparison and what is to be remembered are made in one go. So memory
 * does not grow with the number of files, but for the names of the folders that the walk is in.
 */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { writeAll } from "../core/durable.ts";
import { networkSource } from "../core/network-mount.ts";
import { readAll, type Wanted } from "./crew.ts";
import { Comparison, type ListChanges, type ListedFile, listLine, readList } from "./file-list.ts";
import { LineWriter } from "./lines.ts";
import { LookedAt, type Seen, type Sum, Sums } from "./looked-at.ts";
import { MerkleTree } from "./merkle.ts";
import { Sample } from "./sample.ts";
import { isTrusted, type Known, looksAlike, StatCache, StatCacheWriter } from "./stat-cache.ts";
import { walkFiles } from "./walk.ts";
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
  const leftOut = walkFiles(root, { ...walking(tell), onFile: (file) => look.add(file) });
  const checksum = checksumOfLook(cachePath, look.digest());
  if (checksum === null || (compare !== null && checksum !== compare.checksum)) return null;
  const { files, links, sizeBytes } = look;
  return {
    ...{ checksum, files, sizeBytes, readFiles: 0, rememberedFiles: files - links, unstable: [], leftOut },
    ...{ mountedFrom: networkSource(root), changes: null },
  };
}

const tellEveryFiles = 1000;
const namedUnstable = 20;
/** What was read is remembered in the midst of a long reading: a cut costs so much of it, and no more than a tenth of the time goes into that. */
const rememberEveryMs = 60_000;
const rememberShare = 0.1;

class Scan {
  readonly #job: ScanJob;
  readonly #tell: Tell;
  readonly #looked: LookedAt;
  readonly #sums: Sums;
  readonly #sample: Sample | null;
  #leftOut: string[] = [];
  #rememberedFiles = 0;
  readonly #toRead = { files: 0, bytes: 0 };
  #readFiles = 0;
  #doneBytes = 0;
  #failed = false;

  constructor(job: ScanJob, tell: Tell) {
    this.#job = job;
    this.#tell = tell;
    // Not the folder of temporary files by choice: that is memory on many machines.
    const folder = dirname(job.cachePath ?? job.listPath ?? `${tmpdir()}/`);
    this.#looked = new LookedAt(folder);
    this.#sums = new Sums(folder);
    this.#sample = job.mode === "quick" ? new Sample() : null;
  }

  get #cachePath(): string | null {
    return this.#job.mode === "quick" ? null : this.#job.cachePath;
  }

  #look(): void {
    const { root, mode } = this.#job;
    const cache = new StatCache(this.#cachePath);
    try {
      this.#leftOut = walkFiles(root, {
        ...walking(this.#tell),
        onCrooked: (folder) => this.#looked.crooked(folder),
        onFile: (file) => {
          const known = file.link === null ? cache.find(file.path, file) : null;
          const trusted = mode === "cached" && known !== null && isTrusted(known) ? known : null;
          if (trusted !== null) this.#rememberedFiles += 1;
          else if (file.link === null) {
            this.#sample?.offer(file);
            this.#toRead.files += 1;
            this.#toRead.bytes += file.sizeBytes;
          }
          const seenMs = Math.min(file.seenMs, known?.seenMs ?? file.seenMs);
          this.#looked.add({ ...file, seenMs, sha256: trusted?.sha256 ?? null, hashedMs: trusted?.hashedMs ?? 0 });
        },
      });
    } finally {
      cache.close();
    }
    if (this.#sample !== null) Object.assign(this.#toRead, this.#sample.total());
  }

  #isToRead(file: Seen): boolean {
    return file.link === null && file.sha256 === null && (this.#sample === null || this.#sample.has(file.path));
  }

  *#wanted(): Generator<Wanted & { at: number }> {
    let at = 0;
    for (const file of this.#looked.all()) {
      if (!this.#isToRead(file)) continue;
      yield { path: file.path, sizeBytes: file.sizeBytes, sha256: null, at };
      at += 1;
    }
  }

  #tellReading(): void {
    const files = this.#rememberedFiles + this.#readFiles;
    this.#tell({ phase: "reading", files, doneBytes: this.#doneBytes, totalBytes: this.#toRead.bytes });
  }

  async #read(): Promise<void> {
    let rememberedMs = performance.now();
    let restMs = rememberEveryMs;
    const rememberNow = () => {
      const startedMs = performance.now();
      if (startedMs - rememberedMs < restMs) return;
      this.#remember();
      rememberedMs = performance.now();
      restMs = Math.max(rememberEveryMs, (rememberedMs - startedMs) / rememberShare);
    };
    const { root, hands } = this.#job;
    await readAll(this.#wanted(), {
      ...{ root, target: null, bytesPerSecond: null, courtesy: null, hands, total: this.#toRead },
      onBytes: (count) => {
        this.#doneBytes += count;
        this.#tellReading();
      },
      onRow: (row, { at }) => {
        if (this.#failed) return;
        if (row.failed !== null) {
          this.#failed = true;
          throw new Error(`\`${row.path}\` cannot be read: ${row.failed}`);
        }
        this.#sums.put(at, row);
        this.#readFiles += 1;
        rememberNow();
      },
    });
  }

  /** Every file with what is known of it now; the sum of one that was not read is null. */
  *#all(onCrooked?: (folder: string) => void): Generator<{ file: Seen; sum: Sum | null }> {
    const sums = this.#sums.all();
    let count = 0;
    for (const file of this.#looked.all(onCrooked)) {
      const next = this.#isToRead(file) ? sums.next() : null;
      yield { file, sum: next === null || next.done === true ? null : next.value };
      count += 1;
      if (count % tellEveryFiles === 0) this.#tellReading();
    }
  }

  /** What was read by now counts the next time, whatever becomes of the rest. Throws nothing. */
  #remember(): void {
    if (this.#cachePath === null || this.#readFiles === 0) return;
    const writer = new StatCacheWriter(this.#cachePath);
    for (const { file, sum } of this.#all()) {
      const known = knownNow(file, sum);
      if (known !== null) writer.add(known);
    }
    writer.save();
  }

  #fold(comparison: Comparison | null): Scanned {
    const { root, mode, listPath } = this.#job;
    const writer = this.#cachePath === null ? null : new StatCacheWriter(this.#cachePath);
    const list = listPath === null ? null : new ListFile(listPath);
    const tree = new MerkleTree();
    const whole = mode === "cached" && this.#toRead.files === 0 ? new WholeLook() : null;
    const unstable: string[] = [];
    let total = 0;
    for (const { file, sum } of this.#all((folder) => tree.crooked(folder))) {
      const { path, link } = file;
      const listed = { path, sizeBytes: sum?.sizeBytes ?? file.sizeBytes, sha256: sum?.sha256 ?? file.sha256, link };
      const known = knownNow(file, sum);
      if (known !== null) writer?.add(known);
      if (sum?.changedWhileReading === true && unstable.length < namedUnstable) unstable.push(path);
      list?.add(listed);
      tree.add(listed);
      comparison?.add(listed);
      whole?.add(file);
      total += listed.sizeBytes;
    }
    writer?.save();
    list?.close();
    const checksum = tree.checksum();
    if (whole !== null && this.#cachePath !== null) rememberLook(this.#cachePath, whole.digest(), checksum);
    return {
      ...{ checksum, files: this.#looked.files, sizeBytes: total, readFiles: this.#toRead.files },
      ...{ rememberedFiles: this.#rememberedFiles, unstable, leftOut: this.#leftOut, mountedFrom: networkSource(root) },
      changes: comparison?.changes() ?? null,
    };
  }

  async run(): Promise<Scanned> {
    const { compare } = this.#job;
    const comparison = compare === null ? null : new Comparison(readList(compare.listPath));
    try {
      this.#look();
      if (this.#looked.files === 0 && comparison?.isOfNothing === false) throw emptyFolder();
      await this.#read();
      return this.#fold(comparison);
    } catch (cause) {
      this.#failed = true;
      this.#remember();
      throw cause;
    } finally {
      comparison?.close();
      this.#looked.close();
      this.#sums.close();
    }
  }
}

/** What is remembered of a file; null for a link, one that was not read, and one that was written to meanwhile. */
function knownNow(file: Seen, sum: Sum | null): Known | null {
  const { path, seenMs } = file;
  if (sum === null) {
    const { sizeBytes, mtimeMs, ctimeMs, sha256, hashedMs } = file;
    return sha256 === null ? null : { path, sizeBytes, mtimeMs, ctimeMs, sha256, seenMs, hashedMs };
  }
  const { changedWhileReading, ...read } = sum;
  return changedWhileReading ? null : { path, ...read, seenMs: looksAlike(file, sum) ? seenMs : sum.hashedMs };
}

/** The list as it is written. */
class ListFile {
  readonly #fd: number;
  readonly #lines: LineWriter;

  constructor(path: string) {
    this.#fd = fs.openSync(path, "w", 0o644);
    this.#lines = new LineWriter((bytes) => writeAll(this.#fd, bytes));
  }

  add(file: ListedFile): void {
    this.#lines.add(listLine(file));
  }

  /** On the disk, since the record that will name it is. */
  close(): void {
    this.#lines.flush();
    fs.fsyncSync(this.#fd);
    fs.closeSync(this.#fd);
  }
}

export async function scanDataset(job: ScanJob, tell: Tell): Promise<Scanned> {
  return unchanged(job, tell) ?? new Scan(job, tell).run();
}
