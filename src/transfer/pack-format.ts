/**
 * The pack: many contents in one stream, for `PUT /blobs` and for what comes back from a server. Small files share
 * blocks, so that they compress like one; a changed file can be told as what it has in common with another content.
 *
 *     pack   = "mlpack2\n" block* end
 *     block  = u32 raw length, u32 stored length, stored bytes     little endian; both 1 to 1 MiB
 *              stored length < raw length: one zstd frame (RFC 8878) that states its length; equal: the raw bytes themselves
 *     end    = u32 0, u32 0
 *     raw bytes of all blocks together = entry* last
 *     entry  = sha256 (32 bytes), u64 size, base (32 bytes), content
 *     content where base is 32 zero bytes: the bytes; else part* until `size` bytes are there
 *     part   = u64 from, u32 length                 as in the base, from there on
 *            | u64 2^64-1, u32 length, bytes        new
 *     sha256 = 32 bytes of ones, only to a server: the content is stored under the hash that it turns out to have
 *     base   = sha256 of a stored content; or the entry's own: what arrived of it before a cut
 *     last   = 32 zero bytes, u64 number of entries, 32 zero bytes
 *
 * Every entry carries its own check, so whatever arrived whole before a cut is good.
 */

export const packMagic = Buffer.from("mlpack2\n");
export const blockBytes = 1024 * 1024;
export const blockHeaderBytes = 8;
export const entryHeaderBytes = 72;
export const partHeaderBytes = 12;
/** For an entry that is sent before its hash is known: it is stored under the one that it turns out to have. */
export const unnamedHash = "ff".repeat(32);
/** No offset of a file. */
export const newBytes = 2n ** 64n - 1n;

/** Header of a block; (0, 0) ends the pack. */
export function blockHeader(rawLength: number, storedLength: number): Buffer {
  const header = Buffer.alloc(blockHeaderBytes);
  header.writeUInt32LE(rawLength, 0);
  header.writeUInt32LE(storedLength, 4);
  return header;
}

/** Header of an entry; hash null makes the last one, with the number of entries as its size. */
export function entryHeader(hash: string | null, size: number, base: string | null = null): Buffer {
  const header = Buffer.alloc(entryHeaderBytes);
  if (hash !== null) header.write(hash, 0, "hex");
  header.writeBigUInt64LE(BigInt(size), 32);
  if (base !== null) header.write(base, 40, "hex");
  return header;
}

/** Header of a part: `from` null for new bytes, which follow. */
export function partHeader(from: number | null, length: number): Buffer {
  const header = Buffer.alloc(partHeaderBytes);
  header.writeBigUInt64LE(from === null ? newBytes : BigInt(from), 0);
  header.writeUInt32LE(length, 8);
  return header;
}
