/**
 * Writing a pack: blobs read from their files as the stream is drained, a block in memory at a time and one ahead. A
 * file that is no longer what its hash says ends the stream with an error that names it.
 */
import * as fs from "node:fs";
import { MlError, messageOf } from "../core/error.ts";
import { shownPath } from "../run/snapshot.ts";
import { blockBytes, blockHeader, entryHeader, packMagic } from "./pack-format.ts";

/** A blob to send: from the file `file` (shown as `path`), or from memory. */
export interface PackEntry {
  hash: string;
  size: number;
  path: string;
  from: { file: string } | { bytes: Uint8Array };
}

export interface Pack {
  stream: ReadableStream<Uint8Array>;
  /** Why the stream ended early by our own doing, once it has; a failing `fetch` does not pass it on. */
  failure(): MlError | null;
}

/** How far a pack is: content bytes taken up and bytes handed to the connection so far, files begun. */
export interface PackProgress {
  rawBytes: number;
  wireBytes: number;
  files: number;
}

const compressionLevel = 3;
const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;

function changed(entry: PackEntry, cause: string): MlError {
  return new MlError("conflict", `\`${shownPath(entry.path)}\` changed while it was being sent; nothing was queued`, {
    cause,
    hint: "run the same command again: what has arrived is not sent twice",
  });
}

/** The content of an entry in pieces that are valid until the next one is asked for. Throws `conflict`. */
function* contentOf(entry: PackEntry, buffer: Uint8Array): Generator<Uint8Array> {
  if ("bytes" in entry.from) {
    for (let at = 0; at < entry.size; at += buffer.length) yield entry.from.bytes.subarray(at, at + buffer.length);
    return;
  }
  const sum = new Bun.CryptoHasher("sha256");
  let fd: number;
  try {
    fd = fs.openSync(entry.from.file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    throw changed(entry, messageOf(cause));
  }
  try {
    for (let position = 0; position < entry.size; ) {
      const wanted = Math.min(buffer.length, entry.size - position);
      const count = fs.readSync(fd, buffer, 0, wanted, position);
      if (count === 0) throw changed(entry, "it has become shorter");
      position += count;
      sum.update(buffer.subarray(0, count));
      yield buffer.subarray(0, count);
    }
  } finally {
    fs.closeSync(fd);
  }
  if (sum.digest("hex") !== entry.hash) throw changed(entry, "its content is no longer what was read before");
}

/** The raw bytes of the pack in blocks; each is a copy. */
function* rawBlocks(entries: readonly PackEntry[], progress: PackProgress): Generator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(256 * 1024);
  let block = Buffer.allocUnsafe(blockBytes);
  let used = 0;
  function* add(bytes: Uint8Array): Generator<Uint8Array> {
    for (let rest = bytes; rest.length > 0; ) {
      const count = Math.min(rest.length, blockBytes - used);
      block.set(rest.subarray(0, count), used);
      used += count;
      rest = rest.subarray(count);
      if (used < blockBytes) return;
      yield block;
      block = Buffer.allocUnsafe(blockBytes);
      used = 0;
    }
  }
  for (const entry of entries) {
    progress.files += 1;
    yield* add(entryHeader(entry.hash, entry.size));
    for (const piece of contentOf(entry, buffer)) {
      progress.rawBytes += piece.length;
      yield* add(piece);
    }
  }
  yield* add(entryHeader(null, entries.length));
  if (used > 0) yield block.subarray(0, used);
}

async function stored(raw: Uint8Array): Promise<Uint8Array> {
  const packed = await Bun.zstdCompress(raw, { level: compressionLevel });
  const body = packed.length < raw.length ? packed : raw;
  return Buffer.concat([blockHeader(raw.length, body.length), body]);
}

/** A pack of `entries`. `onProgress` is told after each block; `signal` ends it. */
export function packBlobs(
  entries: readonly PackEntry[],
  { onProgress, signal }: { onProgress?: (progress: PackProgress) => void; signal?: AbortSignal } = {},
): Pack {
  const progress: PackProgress = { rawBytes: 0, wireBytes: 0, files: 0 };
  const blocks = rawBlocks(entries, progress);
  let failure: MlError | null = null;
  let ahead: Promise<Uint8Array | null> | null = null;
  const next = (): Promise<Uint8Array | null> => {
    try {
      const step = blocks.next();
      return step.done === true ? Promise.resolve(null) : stored(step.value);
    } catch (cause) {
      failure =
        cause instanceof MlError ? cause : new MlError("failed", `the code could not be read: ${messageOf(cause)}`);
      const failed = Promise.reject<null>(failure);
      failed.catch(() => {});
      return failed;
    }
  };
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(packMagic),
    pull: async (controller) => {
      signal?.throwIfAborted();
      const piece = await (ahead ?? next());
      if (piece === null) {
        controller.enqueue(blockHeader(0, 0));
        controller.close();
        return;
      }
      ahead = next();
      progress.wireBytes += piece.length;
      controller.enqueue(piece);
      onProgress?.({ ...progress });
    },
    cancel: () => {
      blocks.return(undefined);
    },
  });
  return { stream, failure: () => failure };
}
