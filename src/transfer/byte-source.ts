/** Reading a file here and there through one buffer: for algorithms that look at it in order, with small steps back. */
import * as fs from "node:fs";

export interface ByteSource {
  size: number;
  /** `length` bytes from `at` on, valid until the next call. Throws where there are fewer. */
  bytes(at: number, length: number): Uint8Array;
}

const windowBytes = 2 * 1024 * 1024;

/** `size` bytes of an open file from `offset` on; the caller closes it. Who reads them in order has all of them added to `sum` on the way. */
export function fileSource(
  fd: number,
  size: number,
  { sum, offset = 0 }: { sum?: Bun.CryptoHasher; offset?: number } = {},
): ByteSource {
  let buffer = Buffer.alloc(0);
  let start = 0;
  let held = 0;
  let summed = 0;
  const fill = (at: number, length: number) => {
    if (buffer.length < length) buffer = Buffer.allocUnsafeSlow(Math.max(length, Math.min(windowBytes, size)));
    start = at;
    held = 0;
    while (held < length) {
      const count = fs.readSync(fd, buffer, held, buffer.length - held, offset + at + held);
      if (count === 0) throw new Error("the file has become shorter while it was read");
      held += count;
    }
    if (sum === undefined || summed < start || start + held <= summed) return;
    sum.update(buffer.subarray(summed - start, held));
    summed = start + held;
  };
  return {
    size,
    bytes(at, length) {
      if (at < start || at + length > start + held) fill(at, length);
      return buffer.subarray(at - start, at - start + length);
    },
  };
}

export function memorySource(bytes: Uint8Array): ByteSource {
  return { size: bytes.length, bytes: (at, length) => bytes.subarray(at, at + length) };
}

/** Sources one behind the other, as one. */
export function joinSources(sources: readonly ByteSource[]): ByteSource {
  const [only] = sources;
  if (only !== undefined && sources.length === 1) return only;
  return {
    size: sources.reduce((sum, { size }) => sum + size, 0),
    bytes(at, length) {
      const pieces: Uint8Array[] = [];
      let start = 0;
      for (const source of sources) {
        const [from, to] = [Math.max(at, start), Math.min(at + length, start + source.size)];
        if (from === at && to === at + length) return source.bytes(at - start, length);
        if (from < to) pieces.push(Buffer.from(source.bytes(from - start, to - from)));
        start += source.size;
      }
      return Buffer.concat(pieces);
    },
  };
}
