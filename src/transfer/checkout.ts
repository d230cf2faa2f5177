/**
 * The code of a run laid out here: exactly the files of its snapshot, each checked against its hash, with executable bits
 * and links. A content that the folder holds already, from an earlier try for instance, is not fetched again.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { MlError } from "../core/error.ts";
import { checkSnapshot, type Snapshot, type SnapshotFile } from "../run/snapshot.ts";
import { changeBetween } from "../run/snapshot-change.ts";
import { blobHash } from "./blob-hash.ts";
import { hashFile } from "./hash-file.ts";
import { type EntrySink, type PackLimits, readPack } from "./pack-reader.ts";
import { makeFolders, makeTarget, Part, wrongSum } from "./place.ts";

/** `have` null asks for the list of files only. */
export type FetchCode = (have: readonly string[] | null) => Promise<AsyncIterable<Uint8Array>>;

export interface CheckoutOptions {
  target: string;
  onProgress?: (doneBytes: number, totalBytes: number) => void;
  signal?: AbortSignal;
}

export interface CheckedOut {
  /** Paths that were written, links included. */
  written: string[];
  /** There already, with the right content. */
  kept: string[];
  receivedBytes: number;
}

const limits: PackLimits = { entryBytes: 2 ** 43, totalBytes: 2 ** 43, entries: 1_000_000 };
const listBytes = 512 * 1024 * 1024;

function bytesSink(done: (bytes: Buffer) => void): EntrySink {
  const pieces: Uint8Array[] = [];
  return {
    write: (bytes) => void pieces.push(Buffer.from(bytes)),
    copy: async () => false,
    end: () => done(Buffer.concat(pieces)),
  };
}

/** The snapshot `name`, checked. Throws what `fetchCode` throws, `failed` where it is not what its name says. */
export async function fetchSnapshot(fetchCode: FetchCode, name: string): Promise<Snapshot> {
  let text = Buffer.alloc(0);
  await readPack(await fetchCode(null), { ...limits, entryBytes: listBytes }, () =>
    bytesSink((bytes) => {
      text = Buffer.from(bytes);
    }),
  );
  if (blobHash(text) !== name) throw wrongSum("the list of files");
  return checkSnapshot(JSON.parse(text.toString("utf8")));
}

/** True where `path` is a plain file with the content of `file`. */
function stands(target: string, file: SnapshotFile): boolean {
  const stat = fs.lstatSync(join(target, file.path), { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.size === file.size && hashFile(target, file.path).hash === file.hash;
}

/** Makes room for `path`: a file or link that stands there goes, a folder is refused. */
function clear(path: string): void {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return;
  if (stat.isDirectory()) throw new MlError("refused", `\`${path}\` is in the way: it is a folder`);
  fs.rmSync(path);
}

const modeOf = (file: SnapshotFile) => (file.kind === "exec" ? 0o755 : 0o644);

interface Laying extends CheckoutOptions {
  out: CheckedOut;
  /** The files whose content is not here, by that. */
  lacking: Map<string, SnapshotFile[]>;
  totalBytes: number;
}

/** Takes one content in and gives it to all files that have it. */
function contentSink(laying: Laying, hash: string, files: readonly SnapshotFile[]): EntrySink | null {
  const { target, out, signal } = laying;
  const [first, ...others] = files;
  if (first === undefined) return null;
  const final = join(target, first.path);
  const part = new Part(final, modeOf(first));
  return {
    write(bytes) {
      if (signal?.aborted) part.drop();
      signal?.throwIfAborted();
      part.write(bytes);
      out.receivedBytes += bytes.length;
      laying.onProgress?.(out.receivedBytes, laying.totalBytes);
    },
    copy: async () => false,
    end() {
      if (part.end() !== hash) {
        part.drop();
        throw wrongSum(first.path);
      }
      clear(final);
      fs.chmodSync(part.path, modeOf(first));
      fs.renameSync(part.path, final);
      for (const other of others) {
        clear(join(target, other.path));
        fs.copyFileSync(final, join(target, other.path));
        fs.chmodSync(join(target, other.path), modeOf(other));
      }
      laying.lacking.delete(hash);
      out.written.push(first.path, ...others.map((other) => other.path));
    },
  };
}

/** Makes the folders, and tells what is right already from what is to be fetched. Returns the contents that are here. */
function survey(laying: Laying, snapshot: Snapshot): string[] {
  const here = new Set<string>();
  for (const file of snapshot.files) {
    makeFolders(laying.target, file.path);
    if (file.kind === "link") continue;
    if (stands(laying.target, file)) {
      fs.chmodSync(join(laying.target, file.path), modeOf(file));
      here.add(file.hash);
      laying.out.kept.push(file.path);
      continue;
    }
    const same = laying.lacking.get(file.hash);
    if (same === undefined) laying.totalBytes += file.size;
    laying.lacking.set(file.hash, [...(same ?? []), file]);
  }
  return [...here].filter((hash) => !laying.lacking.has(hash));
}

/** Lays `snapshot` out under `target`; other files there are left alone. Throws MlError; what has arrived stays. */
export async function checkoutCode(
  fetchCode: FetchCode,
  snapshot: Snapshot,
  options: CheckoutOptions,
): Promise<CheckedOut> {
  const out: CheckedOut = { written: [], kept: [], receivedBytes: 0 };
  const laying: Laying = { ...options, out, lacking: new Map(), totalBytes: 0 };
  const { target, signal } = options;
  const { lacking } = laying;
  makeTarget(target);
  const have = survey(laying, snapshot);
  if (lacking.size > 0) {
    await readPack(await fetchCode(have), limits, (head) => {
      signal?.throwIfAborted();
      return contentSink(laying, head.hash, lacking.get(head.hash) ?? []);
    });
  }
  if (lacking.size > 0) throw new MlError("failed", `${lacking.size} files of the code did not come`);
  for (const { path, target: leadsTo } of snapshot.files) {
    if (leadsTo === undefined) continue;
    clear(join(target, path));
    fs.symlinkSync(leadsTo, join(target, path));
    out.written.push(path);
  }
  out.written.sort();
  return out;
}

/** Files of `snapshot` that are not, or no longer, under `target` with the content that they had. Links do not count. */
export function unlikeSnapshot(target: string, snapshot: Snapshot): string[] {
  return snapshot.files.filter((file) => file.kind !== "link" && !stands(target, file)).map(({ path }) => path);
}

export interface Difference {
  path: string;
  how: "added" | "removed" | "changed";
}

/** What has become of the code of a run: how `files` differ from it, by path. */
export function differencesSince(ran: Snapshot, files: readonly SnapshotFile[]): Difference[] {
  const { set, removed } = changeBetween({ hash: "", files: ran.files }, { hash: "", files });
  const before = new Set(ran.files.map((file) => file.path));
  const found: Difference[] = [
    ...set.map(({ path }): Difference => ({ path, how: before.has(path) ? "changed" : "added" })),
    ...removed.map((path): Difference => ({ path, how: "removed" })),
  ];
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}
