/**
 * Which parts of a content are blocks of another version that only sums are known of (block-sums.ts), wherever they
 * stand now. The block that would follow is tried first, by its strong sum alone, which runs at the speed of memory;
 * the weak sum is rolled from byte to byte only from a change to the next block that fits.
 */
import { type BlockSums, joinWeak, startOf, strongSum } from "./block-sums.ts";
import type { ByteSource } from "./byte-source.ts";

/** `length` bytes at `at` of the new content: the same as at `knownAt` of the other version, or new (null). */
export interface Stretch {
  at: number;
  length: number;
  knownAt: number | null;
  /** Which block of the other version it is; null for new bytes. */
  block: number | null;
}

/** New bytes come in stretches of no more than this. */
const literalBytes = 256 * 1024;
/** Positions that are looked at in one go. */
const rollBytes = 256 * 1024;
/** Tags: 64 a block, so that few are taken, and no more than fit a cache. */
const [tagsPerBlockBits, leastTagBits, mostTagBits] = [6, 8, 20];

class Matcher {
  readonly #places = new Map<number, number>();
  /** Which weak sums there can be at all: spares nearly every look into the map. */
  readonly #tags: Uint8Array;
  readonly #tagShift: number;
  readonly #source: ByteSource;
  readonly #sums: BlockSums;

  constructor(source: ByteSource, sums: BlockSums) {
    this.#source = source;
    this.#sums = sums;
    const bits = Math.ceil(Math.log2(sums.weak.length + 1)) + tagsPerBlockBits;
    const tagBits = Math.min(mostTagBits, Math.max(leastTagBits, bits));
    this.#tags = new Uint8Array(1 << tagBits);
    this.#tagShift = 32 - tagBits;
    for (const [index, weak] of sums.weak.entries()) {
      this.#places.set(weak, index);
      this.#tags[weak >>> this.#tagShift] = 1;
    }
  }

  lengthOf(index: number): number {
    return startOf(this.#sums, index + 1) - startOf(this.#sums, index);
  }

  /** True where block `index` stands at `at`. */
  stands(index: number, at: number): boolean {
    if (index >= this.#sums.weak.length) return false;
    const length = this.lengthOf(index);
    if (at + length > this.#source.size) return false;
    return strongSum(this.#source.bytes(at, length)) === this.#sums.strong[index];
  }

  /** The first place from `from` on where a whole block stands, or how far there is none. */
  find(from: number): { at: number; index: number } | { none: number } {
    const { blockBytes, strong } = this.#sums;
    const positions = Math.min(rollBytes, this.#source.size - from - blockBytes + 1);
    if (positions <= 0) return { none: this.#source.size };
    const bytes = this.#source.bytes(from, positions + blockBytes - 1);
    const [tags, tagShift] = [this.#tags, this.#tagShift];
    let low = 0;
    let high = 0;
    for (let at = 0; at < blockBytes; at += 1) {
      low = (low + (bytes[at] as number)) | 0;
      high = (high + low) | 0;
    }
    for (let at = 0; ; ) {
      const weak = joinWeak(low, high);
      if (tags[weak >>> tagShift] === 1) {
        const index = this.#places.get(weak);
        if (index !== undefined && strongSum(bytes.subarray(at, at + blockBytes)) === strong[index]) {
          if (this.lengthOf(index) === blockBytes) return { at: from + at, index };
        }
      }
      if (at + 1 >= positions) return { none: from + positions };
      const gone = bytes[at] as number;
      low = (low - gone + (bytes[at + blockBytes] as number)) | 0;
      high = (high - Math.imul(blockBytes, gone) + low) | 0;
      at += 1;
    }
  }
}

/** The stretches of `source` in order, without gaps. Throws what the source throws. */
export function* matchBlocks(source: ByteSource, sums: BlockSums): Generator<Stretch> {
  const matcher = new Matcher(source, sums);
  function* literals(from: number, to: number): Generator<Stretch> {
    for (let at = from; at < to; at += literalBytes) {
      yield { at, length: Math.min(literalBytes, to - at), knownAt: null, block: null };
    }
  }
  for (let at = 0, expected = 0, fresh = 0; at < source.size || fresh < at; ) {
    if (at < source.size && matcher.stands(expected, at)) {
      yield* literals(fresh, at);
      const length = matcher.lengthOf(expected);
      yield { at, length, knownAt: startOf(sums, expected), block: expected };
      at += length;
      fresh = at;
      expected += 1;
      continue;
    }
    const found = at < source.size ? matcher.find(at) : { none: at };
    if ("index" in found) {
      expected = found.index;
      at = found.at;
      continue;
    }
    yield* literals(fresh, found.none);
    at = found.none;
    fresh = at;
  }
}
