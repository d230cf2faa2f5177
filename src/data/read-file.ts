/** One file read to its hash, or copied and hashed in the same reading. Looks before and after: what changes meanwhile is said. */
import * as fs from "node:fs";
import type { Look } from "./stat-cache.ts";

const chunkBytes = 1024 * 1024;
const { O_RDONLY, O_NONBLOCK, O_WRONLY, O_CREAT, O_TRUNC } = fs.constants;
let buffer: Buffer | null = null;

export interface ReadFile extends Look {
  sha256: string;
  /** It was written to while it was read, twice in a row. */
  changedWhileReading: boolean;
}

export interface Reading {
  /** Where the bytes go, replaced whole; null: nowhere. */
  copyTo?: string | null;
  /** After each piece. */
  onBytes(count: number): void;
}

function lookOf(fd: number): Look {
  const { size: sizeBytes, mtimeMs, ctimeMs } = fs.fstatSync(fd);
  return { sizeBytes, mtimeMs, ctimeMs };
}

/** Reads the first `sizeBytes`: a file that grows faster than it is read would have no end. */
function readOnce(
  fd: number,
  out: number | null,
  { sizeBytes, onBytes }: Pick<Reading, "onBytes"> & Pick<Look, "sizeBytes">,
): { sha256: string; readBytes: number } {
  buffer ??= Buffer.allocUnsafeSlow(chunkBytes);
  const sum = new Bun.CryptoHasher("sha256");
  let position = 0;
  while (position < sizeBytes) {
    const count = fs.readSync(fd, buffer, 0, Math.min(chunkBytes, sizeBytes - position), position);
    if (count === 0) break;
    const piece = buffer.subarray(0, count);
    sum.update(piece);
    for (let written = 0; out !== null && written < count; )
      written += fs.writeSync(out, piece, written, count - written, position + written);
    position += count;
    onBytes(count);
  }
  return { sha256: sum.digest("hex"), readBytes: position };
}

const isSame = (a: Look, b: Look) => a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;

/** The file is as long as it was, and the file system gives less of it: that is no other content. */
const cutShort = (readBytes: number, sizeBytes: number) =>
  Object.assign(new Error(`it ended after ${readBytes} of ${sizeBytes} bytes`), { code: "EIO" });

/** Throws system errors, EIO also where the file system gives less than it says that there is. */
export function readDataFile(path: string, { copyTo = null, onBytes }: Reading): ReadFile {
  const fd = fs.openSync(path, O_RDONLY | O_NONBLOCK);
  let out: number | null = null;
  try {
    for (let attempt = 1; ; attempt += 1) {
      const before = lookOf(fd);
      if (copyTo !== null) {
        out ??= fs.openSync(copyTo, O_WRONLY | O_CREAT | O_TRUNC, 0o444);
        if (attempt > 1) fs.ftruncateSync(out, 0);
      }
      const { sha256, readBytes } = readOnce(fd, out, { ...before, onBytes });
      const changedWhileReading = !isSame(before, lookOf(fd));
      if (!changedWhileReading && readBytes < before.sizeBytes) throw cutShort(readBytes, before.sizeBytes);
      if (!changedWhileReading || attempt === 2) return { ...before, sha256, changedWhileReading };
    }
  } finally {
    fs.closeSync(fd);
    if (out !== null) fs.closeSync(out);
  }
}
