/**
 * One pack on its way to the server. While that takes in the last bytes, the sums are made by which the next change of
 * these contents will be told.
 */
import * as fs from "node:fs";
import { type BlockSums, sumBlocks } from "./block-sums.ts";
import { fileSource } from "./byte-source.ts";
import { type PackProgress, packBlobs } from "./pack.ts";
import type { PackEntry } from "./pack-content.ts";
import { limitRate } from "./rate.ts";
import { keptSumsBytes, type SentMemory } from "./sent-tree.ts";

export interface Putter {
  /** HTTP PUT of a stream to a path of the server, such as `/blobs`. */
  put(path: string, stream: ReadableStream<Uint8Array>, options: { signal?: AbortSignal }): Promise<unknown>;
}

export interface PutOptions {
  path: string;
  /** Goes before the pack. */
  head?: Uint8Array;
  compress: boolean;
  /** At most so much on the wire; null does not limit. */
  bytesPerSecond: number | null;
  memory: SentMemory | undefined;
  signal: AbortSignal | undefined;
  onProgress: (progress: PackProgress) => void;
  /** Asked when all was taken up: what the entries are, where their names were not known before. */
  taken?: () => readonly PackEntry[];
}

function sumsOf(file: string, size: number): BlockSums | null {
  let fd = -1;
  try {
    fd = fs.openSync(file, "r");
    const steps = sumBlocks(fileSource(fd, size));
    for (;;) {
      const step = steps.next();
      if (step.done === true) return step.value;
    }
  } catch {
    return null; // Changed meanwhile: the server is asked for them the next time.
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}

/** The last piece was taken up, but goes to the connection only when others have had their turn. */
const handedOver = () => new Promise((resolve) => setTimeout(resolve, 1));

/** Of large files, and of those that were changed already, since they will be again. */
function keepSums(entries: readonly PackEntry[], memory: SentMemory): void {
  const kept = new Map<string, BlockSums>();
  for (const { hash, size, from, by } of entries) {
    if (!("file" in from) || (size < keptSumsBytes && by === undefined)) continue;
    const followed = by !== undefined && "base" in by ? by.followed?.of(size) : null;
    const sums = followed ?? sumsOf(from.file, size);
    if (sums !== null) kept.set(hash, sums);
  }
  if (kept.size > 0) memory.keepSums(kept);
}

function withHead(head: Uint8Array | undefined, stream: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  if (head === undefined) return stream;
  const reader = stream.getReader();
  return new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(head),
    pull: async (controller) => {
      const step = await reader.read();
      if (step.done) controller.close();
      else controller.enqueue(step.value);
    },
    cancel: (why) => reader.cancel(why),
  });
}

/** Sends one pack and waits until its contents are stored; the bytes on the wire. Throws what `put` throws, `conflict`. */
export async function putPack(sender: Putter, entries: readonly PackEntry[], options: PutOptions): Promise<number> {
  const { path, head, memory, signal } = options;
  let wireBytes = head?.length ?? 0;
  const pack = packBlobs(entries, {
    compress: options.compress,
    ...(signal === undefined ? {} : { signal }),
    onProgress: (progress) => {
      wireBytes = (head?.length ?? 0) + progress.wireBytes;
      options.onProgress(progress);
    },
  });
  const stream = limitRate(withHead(head, pack.stream), options.bytesPerSecond);
  try {
    const stored = sender.put(path, stream, signal === undefined ? {} : { signal });
    stored.catch(() => {});
    const answered = stored.then(
      () => false,
      () => false,
    );
    if (memory !== undefined && (await Promise.race([pack.drained, answered]))) {
      await handedOver();
      keepSums(options.taken?.() ?? entries, memory);
    }
    await stored;
  } catch (cause) {
    throw pack.failure() ?? cause;
  }
  const failure = pack.failure();
  if (failure !== null) throw failure;
  return wireBytes;
}
