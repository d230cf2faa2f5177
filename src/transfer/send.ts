/**
 * Bringing a snapshot to the server: ask which blobs it lacks, send those in packs, commit the tree. A dropped
 * connection costs only what was under way: the server is asked again and gets the rest. Nothing is queued here.
 */
import { MlError, messageOf } from "../core/error.ts";
import type { SnapshotFile } from "../run/snapshot.ts";
import { snapshotText } from "../run/snapshot.ts";
import { blobHash } from "./blob-hash.ts";
import { type PackEntry, packBlobs } from "./pack.ts";

/** What the client's connection must be able to do; both throw MlError, `unreachable` or `try_later` where a retry may help. */
export interface Sender {
  ask(
    name: "snapshot.offer",
    body: { snapshot: string; hashes: string[] },
  ): Promise<{ known: boolean; missing: string[] }>;
  ask(name: "snapshot.commit", body: { tree: unknown }): Promise<{ snapshot: string }>;
  /** HTTP PUT of a stream to a path of the server, such as `/blobs`. */
  put(path: string, stream: ReadableStream<Uint8Array>, options: { signal?: AbortSignal }): Promise<unknown>;
}

export interface SendProgress {
  sentBytes: number;
  totalBytes: number;
  /** Files begun, of `totalFiles`. */
  files: number;
  totalFiles: number;
}

export interface SendOptions {
  onProgress?: (progress: SendProgress) => void;
  signal?: AbortSignal;
  /** Further blobs that belong to the submission, such as the git diff. */
  extra?: readonly { name: string; bytes: Uint8Array }[];
  /** Tries in a row that brought nothing new before giving up. */
  tries?: number;
  /** Replaced in tests. */
  sleep?: (ms: number) => Promise<void>;
}

export interface Sent {
  snapshot: string;
  /** Blobs that travelled, their bytes, and the bytes on the wire. */
  blobs: number;
  rawBytes: number;
  wireBytes: number;
}

const offerHashes = 12_000;
/** Content bytes of one pack: small enough for any server's body limit, large enough to compress well. */
const packBytes = 48 * 1024 * 1024;
/** A tree whose text is longer travels as a blob: a frame takes 1 MiB. */
const inlineTreeBytes = 256 * 1024;

function entriesOf(tree: { root: string; files: readonly SnapshotFile[]; hash: string }, options: SendOptions) {
  const entries = new Map<string, PackEntry>();
  for (const { path, kind, size, hash } of tree.files) {
    if (kind !== "link") entries.set(hash, { hash, size, path, from: { file: `${tree.root}/${path}` } });
  }
  for (const { name, bytes } of options.extra ?? []) {
    const hash = blobHash(bytes);
    entries.set(hash, { hash, size: bytes.length, path: name, from: { bytes } });
  }
  const text = snapshotText({ version: 1, files: [...tree.files] });
  if (text.length <= inlineTreeBytes) return { entries, tree: { version: 1, files: tree.files } };
  const bytes = new TextEncoder().encode(text);
  entries.set(tree.hash, { hash: tree.hash, size: bytes.length, path: "the list of files", from: { bytes } });
  return { entries, tree: tree.hash };
}

async function missingOf(sender: Sender, snapshot: string, hashes: readonly string[]): Promise<string[]> {
  const missing: string[] = [];
  for (let at = 0; at < hashes.length || at === 0; at += offerHashes) {
    const reply = await sender.ask("snapshot.offer", { snapshot, hashes: hashes.slice(at, at + offerHashes) });
    missing.push(...reply.missing);
  }
  return missing;
}

function* packsOf(entries: readonly PackEntry[]): Generator<PackEntry[]> {
  let pack: PackEntry[] = [];
  let size = 0;
  for (const entry of entries) {
    if (pack.length > 0 && size + entry.size > packBytes) {
      yield pack;
      pack = [];
      size = 0;
    }
    pack.push(entry);
    size += entry.size;
  }
  if (pack.length > 0) yield pack;
}

const retryable = new Set(["unreachable", "try_later", "timed_out"]);

function mayRetry(cause: unknown): boolean {
  return cause instanceof MlError ? retryable.has(cause.code) : true;
}

/**
 * Sends what the server lacks of `tree` (from collectTree) and commits it. Throws MlError: `conflict` for a file that
 * changed meanwhile, `failed` when interrupted, what the server says, or the last connection error; nothing is queued
 * then, and what has arrived is not sent twice.
 */
export async function sendSnapshot(
  sender: Sender,
  tree: { root: string; files: readonly SnapshotFile[]; hash: string },
  options: SendOptions = {},
): Promise<Sent> {
  const { entries, tree: given } = entriesOf(tree, options);
  const sent: Sent = { snapshot: tree.hash, blobs: 0, rawBytes: 0, wireBytes: 0 };
  const sleep = options.sleep ?? Bun.sleep;
  let fewestMissing = Number.POSITIVE_INFINITY;
  for (let idle = 0; ; ) {
    try {
      options.signal?.throwIfAborted();
      const missing = await missingOf(sender, tree.hash, [...entries.keys()]);
      idle = missing.length < fewestMissing ? 0 : idle;
      fewestMissing = Math.min(fewestMissing, missing.length);
      const lacking = missing.flatMap((hash) => entries.get(hash) ?? []);
      await sendPacks(sender, lacking, { sent, options });
      await sender.ask("snapshot.commit", { tree: given });
      return sent;
    } catch (cause) {
      if (options.signal?.aborted) throw interrupted(cause);
      const swept = cause instanceof MlError && cause.code === "snapshot_missing";
      idle += 1;
      if (idle >= (options.tries ?? 5) || !(mayRetry(cause) || swept)) throw asSendError(cause);
      await sleep(Math.min(200 * 2 ** idle, 5000));
    }
  }
}

async function sendPacks(
  sender: Sender,
  lacking: readonly PackEntry[],
  { sent, options }: { sent: Sent; options: SendOptions },
): Promise<void> {
  const totalBytes = lacking.reduce((sum, entry) => sum + entry.size, 0);
  const before = { bytes: 0, files: 0 };
  for (const entries of packsOf(lacking)) {
    let wireBytes = 0;
    const pack = packBlobs(entries, {
      ...(options.signal === undefined ? {} : { signal: options.signal }),
      onProgress: (progress) => {
        wireBytes = progress.wireBytes;
        options.onProgress?.({
          sentBytes: before.bytes + progress.rawBytes,
          totalBytes,
          files: before.files + progress.files,
          totalFiles: lacking.length,
        });
      },
    });
    try {
      await sender.put("/blobs", pack.stream, options.signal === undefined ? {} : { signal: options.signal });
    } catch (cause) {
      throw pack.failure() ?? cause;
    }
    const failure = pack.failure();
    if (failure !== null) throw failure;
    before.bytes += entries.reduce((sum, entry) => sum + entry.size, 0);
    before.files += entries.length;
    sent.wireBytes += wireBytes;
    sent.blobs += entries.length;
  }
  sent.rawBytes += totalBytes;
}

function interrupted(cause: unknown): MlError {
  return new MlError("failed", "sending the code was interrupted; nothing was queued", {
    cause: messageOf(cause),
    hint: "run the same command again: what has arrived is not sent twice",
  });
}

function asSendError(cause: unknown): MlError {
  if (cause instanceof MlError) return cause;
  return new MlError("unreachable", "the connection was lost while the code was being sent; nothing was queued", {
    cause: messageOf(cause),
    hint: "run the same command again: what has arrived is not sent twice",
  });
}
