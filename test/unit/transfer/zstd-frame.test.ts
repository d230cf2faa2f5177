/** A frame is judged before it is opened: one that states no length, or is followed by another, is none of ours. */
import { expect, test } from "bun:test";
import { constants, createZstdCompress, zstdCompressSync } from "node:zlib";
import { framedLength } from "../../../src/transfer/zstd-frame.ts";

test("the length of one whole frame is read off it, whatever its size and level", () => {
  for (const size of [1, 100, 255, 256, 1000, 65_791, 65_792, 300_000, 1_048_576]) {
    const bytes = Buffer.alloc(size);
    for (let at = 0; at < size; at += 3) bytes[at] = at % 251;
    for (const level of [1, 3, 9]) expect(framedLength(Bun.zstdCompressSync(bytes, { level }))).toBe(size);
    const params = { [constants.ZSTD_c_compressionLevel]: 3, [constants.ZSTD_c_checksumFlag]: 1 };
    expect(framedLength(zstdCompressSync(bytes, { params }))).toBe(size);
    expect(framedLength(Bun.zstdCompressSync(crypto.getRandomValues(new Uint8Array(Math.min(size, 60_000)))))).toBe(
      Math.min(size, 60_000),
    );
  }
});

test("[S8] a frame that is cut, followed by another, or states no length is not opened", async () => {
  const frame = Bun.zstdCompressSync(Buffer.alloc(1000, 1));
  expect(framedLength(frame.subarray(0, -1))).toBeNull();
  expect(framedLength(frame.subarray(0, 5))).toBeNull();
  expect(framedLength(new Uint8Array())).toBeNull();
  expect(framedLength(Buffer.from("no frame at all"))).toBeNull();
  expect(framedLength(Buffer.concat([frame, Bun.zstdCompressSync(Buffer.alloc(50_000_000))]))).toBeNull();
  const stream = createZstdCompress();
  stream.write(Buffer.alloc(500));
  stream.end(Buffer.alloc(500));
  expect(framedLength(Buffer.concat(await stream.toArray()))).toBeNull();
});
