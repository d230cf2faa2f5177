/**
 * Writing a pack: contents read from their files as the stream is drained, a block in memory at a time and one ahead.
 */
import { MlError, messageOf } from "../core/error.ts";
import { baseOf, contentOf, type PackEntry } from "./pack-content.ts";
import { blockBytes, blockHeader, entryHeader, packMagic } from "./pack-format.ts";

export interface Pack {
  stream: ReadableStream<Uint8Array>;
  /** Why the stream ended early by our own doing, once it has; a failing `fetch` does not pass it on. */
  failure(): MlError | null;
  /** True once all of it was taken up, false where it was given up. */
  drained: Promise<boolean>;
}

/** How far a pack is: content bytes taken up and bytes handed to the connection so far, files begun. */
export interface PackProgress {
  rawBytes: number;
  wireBytes: number;
  files: number;
}

const compressionLevel = 3;

export type PackEntries = Iterable<PackEntry> | AsyncIterable<PackEntry>;

/** The raw bytes of the pack in blocks; each is a copy. */
async function* rawBlocks(entries: PackEntries, progress: PackProgress): AsyncGenerator<Uint8Array> {
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
  for await (const entry of entries) {
    progress.files += 1;
    yield* add(entryHeader(entry.hash, entry.size, baseOf(entry)));
    for (const { bytes, contentBytes } of contentOf(entry, buffer)) {
      progress.rawBytes += contentBytes;
      yield* add(bytes);
    }
  }
  yield* add(entryHeader(null, progress.files));
  if (used > 0) yield block.subarray(0, used);
}

async function stored(raw: Uint8Array): Promise<Uint8Array> {
  const packed = await Bun.zstdCompress(raw, { level: compressionLevel });
  const body = packed.length < raw.length ? packed : raw;
  return Buffer.concat([blockHeader(raw.length, body.length), body]);
}

/** A pack of `entries`. `onProgress` is told after each block; `signal` ends it. */
export function packBlobs(
  entries: PackEntries,
  { onProgress, signal }: { onProgress?: (progress: PackProgress) => void; signal?: AbortSignal } = {},
): Pack {
  const progress: PackProgress = { rawBytes: 0, wireBytes: 0, files: 0 };
  const blocks = rawBlocks(entries, progress);
  const drained = Promise.withResolvers<boolean>();
  let failure: MlError | null = null;
  let ahead: Promise<Uint8Array | null> | null = null;
  const next = async (): Promise<Uint8Array | null> => {
    try {
      const step = await blocks.next();
      return step.done === true ? null : await stored(step.value);
    } catch (cause) {
      failure =
        cause instanceof MlError ? cause : new MlError("failed", `the code could not be read: ${messageOf(cause)}`);
      drained.resolve(false);
      throw failure;
    }
  };
  const stream = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(packMagic),
    pull: async (controller) => {
      if (signal?.aborted) drained.resolve(false);
      signal?.throwIfAborted();
      const piece = await (ahead ?? next());
      if (piece === null) {
        controller.enqueue(blockHeader(0, 0));
        controller.close();
        drained.resolve(true);
        return;
      }
      ahead = next();
      ahead.catch(() => {});
      progress.wireBytes += piece.length;
      controller.enqueue(piece);
      onProgress?.({ ...progress });
    },
    cancel: () => {
      void blocks.return(undefined);
      drained.resolve(false);
    },
  });
  return { stream, failure: () => failure, drained: drained.promise };
}
