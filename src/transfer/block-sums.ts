/**
 * What is known of a content without having it: two sums for each of its blocks, as in the rsync algorithm (Tridgell
 * and Mackerras, ANU TR-CS-96-05). The weak one can be rolled from byte to byte, the other tells; together they only
 * propose what is the same, since whatever is built from a proposal is checked by sha256.
 */
import type { ByteSource } from "./byte-source.ts";

export interface BlockSums {
  /** Of the content. */
  size: number;
  blockBytes: number;
  /** One of each a block; the last block may be shorter. */
  weak: Uint32Array;
  strong: Uint32Array;
  /** Where each block begins, where that is not every `blockBytes`: see followed-sums.ts. */
  starts?: Float64Array;
}

export const leastBlock = 512;
export const mostBlock = 128 * 1024;
const headerBytes = 12;
/** Of content whose sums are sent or taken: 2^21 blocks. */
const mostBytes = 256 * 2 ** 30;

/** About the square root of the size, where the bytes of the sums and those of one changed block weigh the same. */
export function blockBytesFor(size: number): number {
  return Math.min(mostBlock, Math.max(leastBlock, 2 ** Math.ceil(Math.log2(Math.sqrt(Math.max(1, size))))));
}

export function strongSum(bytes: Uint8Array): number {
  return Number(Bun.hash.xxHash3(bytes) & 0xffffffffn);
}

/** The two halves of a weak sum are kept apart while they roll: see match-blocks.ts. */
export function joinWeak(low: number, high: number): number {
  return ((low & 0xffff) | (high << 16)) >>> 0;
}

function weakSum(bytes: Uint8Array): number {
  let low = 0;
  let high = 0;
  for (let at = 0; at < bytes.length; at += 1) {
    low = (low + (bytes[at] as number)) | 0;
    high = (high + low) | 0;
  }
  return joinWeak(low, high);
}

export function sumOf(bytes: Uint8Array): { weak: number; strong: number } {
  return { weak: weakSum(bytes), strong: strongSum(bytes) };
}

/** Where block `index` begins; for the one after the last, the end. */
export function startOf({ size, blockBytes, starts }: BlockSums, index: number): number {
  return starts === undefined ? Math.min(size, index * blockBytes) : (starts[index] ?? size);
}

/** Yields now and then, with nothing, so that the caller can let others have their turn. */
export function* sumBlocks(source: ByteSource): Generator<undefined, BlockSums> {
  const { size } = source;
  const blockBytes = blockBytesFor(size);
  const count = Math.ceil(size / blockBytes);
  const sums: BlockSums = { size, blockBytes, weak: new Uint32Array(count), strong: new Uint32Array(count) };
  for (let index = 0; index < count; index += 1) {
    const bytes = source.bytes(index * blockBytes, Math.min(blockBytes, size - index * blockBytes));
    const { weak, strong } = sumOf(bytes);
    sums.weak[index] = weak;
    sums.strong[index] = strong;
    if (index % 64 === 63) yield;
  }
  return sums;
}

/** u32 block bytes, u64 size, then the weak sums and the strong sums, u32 each, little endian. */
export function encodeSums(sums: BlockSums): Uint8Array {
  const { weak, strong } = sums;
  const bytes = Buffer.alloc(headerBytes + weak.length * 8);
  bytes.writeUInt32LE(sums.blockBytes, 0);
  bytes.writeBigUInt64LE(BigInt(sums.size), 4);
  for (const [index, sum] of weak.entries()) bytes.writeUInt32LE(sum, headerBytes + index * 4);
  const at = headerBytes + weak.length * 4;
  for (const [index, sum] of strong.entries()) bytes.writeUInt32LE(sum, at + index * 4);
  return bytes;
}

/** Null where `bytes` are no sums. */
export function decodeSums(bytes: Uint8Array): BlockSums | null {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < headerBytes) return null;
  const blockBytes = view.readUInt32LE(0);
  const size = Number(view.readBigUInt64LE(4));
  if (size > mostBytes || blockBytes !== blockBytesFor(size)) return null;
  const count = Math.ceil(size / blockBytes);
  if (view.length !== headerBytes + count * 8) return null;
  const read = (from: number) => Uint32Array.from({ length: count }, (_, index) => view.readUInt32LE(from + index * 4));
  return { size, blockBytes, weak: read(headerBytes), strong: read(headerBytes + count * 4) };
}
