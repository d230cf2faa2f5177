/**
 * The sums of a changed content, had from the search for what it has in common with the version before: a block that stands
 * there keeps its sums, wherever it stands now, and only new bytes are summed. So nothing is read twice; the price is that
 * blocks begin where they do and may be shorter. Only kept, never sent: what is asked of the other side has even blocks.
 */
import { type BlockSums, decodeSums, encodeSums, leastBlock, mostBlock, startOf, sumOf } from "./block-sums.ts";
import type { ByteSource } from "./byte-source.ts";
import type { Stretch } from "./match-blocks.ts";

/** Of blocks that follow from edits there may be so many more than even ones before all are made anew. */
const mostBroken = 1.25;
const uneven = 0x80000000;
const [headerBytes, rowBytes] = [12, 16];

export class FollowedSums {
  readonly #old: BlockSums;
  readonly #starts: number[] = [];
  readonly #weak: number[] = [];
  readonly #strong: number[] = [];

  constructor(old: BlockSums) {
    this.#old = old;
  }

  /** Told of every stretch, in order. */
  take({ at, length, block }: Stretch, source: ByteSource): void {
    if (block !== null) {
      this.#add(at, { weak: this.#old.weak[block] as number, strong: this.#old.strong[block] as number });
      return;
    }
    const { blockBytes } = this.#old;
    for (let from = at; from < at + length; from += blockBytes) {
      this.#add(from, sumOf(source.bytes(from, Math.min(blockBytes, at + length - from))));
    }
  }

  #add(at: number, { weak, strong }: { weak: number; strong: number }): void {
    this.#starts.push(at);
    this.#weak.push(weak);
    this.#strong.push(strong);
  }

  /** Null where the content is too broken up for them to be worth keeping. */
  of(size: number): BlockSums | null {
    const { blockBytes } = this.#old;
    if (this.#starts.length > (mostBroken * size) / blockBytes + 8) return null;
    const sums = { size, blockBytes, weak: Uint32Array.from(this.#weak), strong: Uint32Array.from(this.#strong) };
    return { ...sums, starts: Float64Array.from(this.#starts) };
  }
}

/** As encodeSums; of uneven blocks the highest bit of the first number is set, and where each begins (f64) follows. */
export function encodeKept(sums: BlockSums): Uint8Array {
  if (sums.starts === undefined) return encodeSums(sums);
  const bytes = Buffer.concat([encodeSums(sums), new Uint8Array(sums.starts.buffer)]);
  bytes.writeUInt32LE((sums.blockBytes | uneven) >>> 0, 0);
  return bytes;
}

/** Null where `bytes` are no sums. */
export function decodeKept(bytes: Uint8Array): BlockSums | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < headerBytes || (view.readUInt32LE(0) & uneven) === 0) return decodeSums(bytes);
  const count = (view.length - headerBytes) / rowBytes;
  if (!Number.isInteger(count)) return null;
  const read = (from: number) => Uint32Array.from({ length: count }, (_, at) => view.readUInt32LE(from + at * 4));
  const startsAt = headerBytes + count * 8;
  const sums = {
    size: Number(view.readBigUInt64LE(4)),
    blockBytes: (view.readUInt32LE(0) & ~uneven) >>> 0,
    weak: read(headerBytes),
    strong: read(headerBytes + count * 4),
    starts: Float64Array.from({ length: count }, (_, at) => view.readDoubleLE(startsAt + at * 8)),
  };
  return isSound(sums) ? sums : null;
}

/** The blocks lie one behind the other, none longer than one may be: what was damaged must lead nobody astray. */
function isSound(sums: BlockSums): boolean {
  if (sums.blockBytes < leastBlock || sums.blockBytes > mostBlock || startOf(sums, 0) !== 0) return false;
  return sums.weak.every((_, at) => {
    const length = startOf(sums, at + 1) - startOf(sums, at);
    return length > 0 && length <= sums.blockBytes;
  });
}
