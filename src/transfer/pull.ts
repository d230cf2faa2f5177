/**
 * Bringing files of a run here: whole files, resumed where a connection was cut, and never written outside of the
 * folder that was asked for, whatever the server says. A file is `<name>.<version>.part` until all of it is there.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { asMlError, MlError, messageOf } from "../core/error.ts";
import { shownPath } from "../run/snapshot.ts";
import { checkName, isUnchanged, makeFolders, makeTarget, type PulledFile, putInPlace, wrongSum } from "./place.ts";
import { type FetchPack, pullPack, type Wanted } from "./pull-pack.ts";

/** One answer to a request for the bytes of a file from an offset on. */
export interface Fetched {
  body: AsyncIterable<Uint8Array>;
  /** Where `body` really begins: 0 where the server sent the whole file after all. */
  from: number;
  /** Size of the whole file. */
  totalBytes: number;
  /** Changes when the file does (an ETag); null where the server does not say. */
  version: string | null;
  /** Lower-case hex, or null where it is not known. */
  sha256: string | null;
}

/** Throws MlError; `unreachable`, `try_later` and anything that is no MlError are tried again. */
export type FetchRange = (path: string, from: number) => Promise<Fetched>;

export type PullFile = PulledFile;

export interface PullProgress {
  path: string;
  receivedBytes: number;
  totalBytes: number;
  filesDone: number;
  files: number;
}

export interface PullOptions {
  /** Where to: made where missing. */
  target: string;
  /** Taken off the front of every path: `work/` or `""`. */
  strip?: string;
  /** Many files in one stream; without it each is fetched by itself. */
  fetchPack?: FetchPack;
  /** Known sums of files, by path. */
  sha256?: (path: string) => string | null;
  onProgress?: (progress: PullProgress) => void;
  signal?: AbortSignal;
  /** Tries of one file in a row that brought nothing. */
  tries?: number;
  /** Replaced in tests. */
  sleep?: (ms: number) => Promise<void>;
}

export interface Pulled {
  written: string[];
  /** There already, with the same size and time. */
  unchanged: string[];
  leftOut: { path: string; why: string }[];
  receivedBytes: number;
}

const { O_WRONLY, O_CREAT, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

function partName(name: string, version: string | null): string {
  const tag = version === null ? "" : `.${new Bun.CryptoHasher("sha256").update(version).digest("hex").slice(0, 8)}`;
  return `${name}${tag}.part`;
}

/** The started copy of a file, if any: the largest of its parts. */
function findPart(path: string): { path: string; size: number } | null {
  const name = path.slice(path.lastIndexOf("/") + 1);
  const pattern = new RegExp(`^${name.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")}\\.[0-9a-f]{8}\\.part$`);
  const parts = fs
    .readdirSync(dirname(path))
    .filter((found) => pattern.test(found))
    .map((found) => join(dirname(path), found))
    .flatMap((found) => {
      const stat = fs.lstatSync(found, { throwIfNoEntry: false });
      return stat?.isFile() ? [{ path: found, size: stat.size }] : [];
    });
  return parts.sort((a, b) => b.size - a.size)[0] ?? null;
}

function sha256Of(path: string): string {
  const sum = new Bun.CryptoHasher("sha256");
  const fd = fs.openSync(path, "r");
  try {
    const buffer = Buffer.allocUnsafe(1024 * 1024);
    for (;;) {
      const count = fs.readSync(fd, buffer, 0, buffer.length, null);
      if (count === 0) return sum.digest("hex");
      sum.update(buffer.subarray(0, count));
    }
  } finally {
    fs.closeSync(fd);
  }
}

interface Attempt {
  file: PullFile;
  final: string;
  onBytes: (count: number) => void;
  signal: AbortSignal | undefined;
}

/** One request: appends what comes to the part, and finishes the file if it is whole. Throws where it is not. */
async function attempt(fetchRange: FetchRange, { file, final, onBytes, signal }: Attempt): Promise<void> {
  const started = findPart(final);
  const from = Math.min(started?.size ?? 0, Math.max(0, file.sizeBytes - 1));
  const fetched = await fetchRange(file.path, from);
  const part = join(dirname(final), partName(final.slice(final.lastIndexOf("/") + 1), fetched.version));
  const continues = started !== null && started.path === part && fetched.from === from;
  if (!continues && started !== null) fs.rmSync(started.path, { force: true });
  if (!continues && fetched.from > 0) {
    throw new MlError("try_later", `\`${shownPath(file.path)}\` has changed on the server; fetching it from the start`);
  }
  let fd: number;
  let size = fetched.from;
  try {
    if (!continues) fs.rmSync(part, { force: true });
    fd = fs.openSync(part, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK, 0o644);
  } catch (cause) {
    throw asMlError(cause, `writing \`${shownPath(part)}\``);
  }
  try {
    for await (const chunk of fetched.body) {
      signal?.throwIfAborted();
      if (size + chunk.length > fetched.totalBytes) {
        throw new MlError("failed", `the server sent more of \`${shownPath(file.path)}\` than it has`);
      }
      writeAll(fd, chunk, size);
      size += chunk.length;
      onBytes(chunk.length);
    }
  } finally {
    fs.closeSync(fd);
  }
  if (size < fetched.totalBytes) throw new Error(`it was cut off after ${size} of ${fetched.totalBytes} bytes`);
  finish(file, { part, final, sha256: fetched.sha256 });
}

function writeAll(fd: number, chunk: Uint8Array, position: number): void {
  try {
    for (let done = 0; done < chunk.length; ) {
      done += fs.writeSync(fd, chunk, done, chunk.length - done, position + done);
    }
  } catch (cause) {
    throw asMlError(cause, "writing the file here");
  }
}

function finish(file: PullFile, { part, final, sha256 }: { part: string; final: string; sha256: string | null }): void {
  if (sha256 !== null && sha256Of(part) !== sha256) {
    fs.rmSync(part, { force: true });
    throw wrongSum(file.path);
  }
  putInPlace(file, part, final);
}

const retryable = new Set(["unreachable", "try_later", "timed_out"]);
/** Reasons to go on with the other files. */
const skippable = new Set(["bad_path", "not_found", "not_allowed", "usage"]);

interface Pulling extends PullOptions {
  pulled: Pulled;
  /** Of all files, by what is here of them. */
  hereBytes: number;
  totalBytes: number;
  files: number;
}

const localName = (file: PullFile, strip: string) =>
  file.path.startsWith(strip) ? file.path.slice(strip.length) : file.path;

function settle(pulling: Pulling, { file }: Wanted, why: string | null): void {
  const local = localName(file, pulling.strip ?? "");
  if (why === null) pulling.pulled.written.push(local);
  else pulling.pulled.leftOut.push({ path: shownPath(local), why });
}

function grow(pulling: Pulling, file: PullFile, count: number): void {
  pulling.hereBytes += count;
  const { written, unchanged } = pulling.pulled;
  pulling.onProgress?.({
    path: localName(file, pulling.strip ?? ""),
    receivedBytes: Math.min(pulling.hereBytes, pulling.totalBytes),
    totalBytes: pulling.totalBytes,
    filesDone: written.length + unchanged.length,
    files: pulling.files,
  });
}

/**
 * Pulls `files`: small ones many in a stream, a large one that is here in an older version as what differs, and the other
 * large ones one by one, from where an earlier try stopped. A file that the server does not give (a FIFO, a link out of
 * the folder, gone) is left out and said. Throws MlError: `bad_path` where a name would leave the target, `failed` when
 * interrupted or where a file does not come; what has arrived is kept and the next pull goes on from there.
 */
export async function pullFiles(
  fetchRange: FetchRange,
  files: readonly PullFile[],
  options: PullOptions,
): Promise<Pulled> {
  const pulled: Pulled = { written: [], unchanged: [], leftOut: [], receivedBytes: 0 };
  const totalBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const pulling: Pulling = { ...options, pulled, hereBytes: 0, totalBytes, files: files.length };
  makeTarget(options.target);
  const together: Wanted[] = [];
  const alone: Wanted[] = [];
  for (const file of files) {
    const local = localName(file, options.strip ?? "");
    checkName(local, file.path);
    makeFolders(options.target, local);
    const final = join(options.target, local);
    if (isUnchanged(file, final)) {
      pulled.unchanged.push(local);
      pulling.hereBytes += file.sizeBytes;
      continue;
    }
    const large = file.sizeBytes > smallBytes;
    const differs = large && hasOlder(final);
    (options.fetchPack !== undefined && (!large || differs) ? together : alone).push({ file, final, differs });
  }
  if (options.fetchPack !== undefined) await pullTogether(options.fetchPack, together, pulling);
  for (const wanted of alone) {
    const onBytes = (count: number) => {
      pulled.receivedBytes += count;
      grow(pulling, wanted.file, count);
    };
    const why = await pullOne(fetchRange, { ...wanted, onBytes, signal: options.signal }, options);
    settle(pulling, wanted, why);
  }
  return pulled;
}

/** Above this a file is pulled by itself, so that a cut costs little of it. */
const smallBytes = 4 * 1024 * 1024;
const packFiles = 5000;

/** True where a version stands that is worth comparing with, and no try of fetching the whole has been begun. */
function hasOlder(final: string): boolean {
  const stat = fs.lstatSync(final, { throwIfNoEntry: false });
  return stat?.isFile() === true && stat.size > smallBytes / 4 && findPart(final) === null;
}

/** Streams of many files, asked for again from the first that is not here. */
async function pullTogether(fetchPack: FetchPack, all: readonly Wanted[], pulling: Pulling): Promise<void> {
  const sleep = pulling.sleep ?? Bun.sleep;
  for (let at = 0, idle = 0; at < all.length; ) {
    const before = at;
    const taker = {
      done(wanted: Wanted, why: string | null) {
        settle(pulling, wanted, why);
        at += 1;
      },
      grown: ({ file }: Wanted, count: number) => grow(pulling, file, count),
      sha256: (path: string) => pulling.sha256?.(path) ?? null,
      signal: pulling.signal,
    };
    try {
      pulling.signal?.throwIfAborted();
      await pullPack(fetchPack, all.slice(at, at + packFiles), taker);
      idle = 0;
    } catch (cause) {
      const name = shownPath(all[at]?.file.path ?? "");
      if (pulling.signal?.aborted) throw interrupted(name);
      const again = !(cause instanceof MlError) || retryable.has(cause.code) || cause.code === "refused";
      if (!again) throw cause;
      idle = at > before ? 1 : idle + 1;
      if (idle >= (pulling.tries ?? 5)) throw gaveUp(name, cause);
      await sleep(Math.min(100 * 2 ** idle, 5000));
    }
  }
}

function interrupted(name: string): MlError {
  return new MlError("failed", `pulling \`${name}\` was interrupted`, {
    hint: "run the same command again: it goes on where it stopped",
  });
}

function gaveUp(name: string, cause: unknown): MlError {
  return new MlError("failed", `pulling \`${name}\` failed: ${messageOf(cause)}`, {
    hint: "run the same command again: it goes on where it stopped",
  });
}

/** Null where the file is here; else why the server does not give it. */
async function pullOne(fetchRange: FetchRange, what: Attempt, options: PullOptions): Promise<string | null> {
  const sleep = options.sleep ?? Bun.sleep;
  let received = 0;
  const onBytes = (count: number) => {
    received += count;
    what.onBytes(count);
  };
  for (let idle = 0; ; ) {
    const before = received;
    try {
      options.signal?.throwIfAborted();
      await attempt(fetchRange, { ...what, onBytes });
      return null;
    } catch (cause) {
      const name = shownPath(what.file.path);
      if (options.signal?.aborted) throw interrupted(name);
      if (cause instanceof MlError && skippable.has(cause.code)) return cause.message;
      idle = received > before ? 1 : idle + 1;
      const again = !(cause instanceof MlError) || retryable.has(cause.code);
      if (!again) throw cause;
      if (idle >= (options.tries ?? 5)) throw gaveUp(name, cause);
      await sleep(Math.min(100 * 2 ** idle, 5000));
    }
  }
}
