/**
 * The pack: many blobs in one stream, for `PUT /blobs`. Small files share blocks, so that they compress like one.
 *
 *     pack   = "mlpack1\n" block* end
 *     block  = u32 raw length, u32 stored length, stored bytes     little endian; both 1 to 1 MiB
 *              stored length < raw length: one zstd frame (RFC 8878); equal: the raw bytes themselves
 *     end    = u32 0, u32 0
 *     raw bytes of all blocks together = entry* last
 *     entry  = sha256 (32 bytes), u64 size, content
 *     last   = 32 zero bytes, u64 number of entries
 *
 * Every entry carries its own check, so whatever arrived whole before a cut is good.
 */

export const packMagic = Buffer.from("mlpack1\n");
export const blockBytes = 1024 * 1024;
export const blockHeaderBytes = 8;
export const entryHeaderBytes = 40;

/** Header of a block; (0, 0) ends the pack. */
export function blockHeader(rawLength: number, storedLength: number): Buffer {
  const header = Buffer.alloc(blockHeaderBytes);
  header.writeUInt32LE(rawLength, 0);
  header.writeUInt32LE(storedLength, 4);
  return header;
}

/** Header of an entry; hash null makes the last one, with the number of entries as its size. */
export function entryHeader(hash: string | null, size: number): Buffer {
  const header = Buffer.alloc(entryHeaderBytes);
  if (hash !== null) header.write(hash, 0, "hex");
  header.writeBigUInt64LE(BigInt(size), 32);
  return header;
}
