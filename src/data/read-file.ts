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
): string {
  buffer ??= Buffer.allocUnsafeSlow(chunkBytes);
  const sum = new Bun.CryptoHasher("sha256");
  for (let position = 0; position < sizeBytes; ) {
    const count = fs.readSync(fd, buffer, 0, Math.min(chunkBytes, sizeBytes - position), position);
    if (count === 0) break;
    const piece = buffer.subarray(0, count);
    sum.update(piece);
    for (let written = 0; out !== null && written < count; )
      written += fs.writeSync(out, piece, written, count - written, position + written);
    position += count;
    onBytes(count);
  }
  return sum.digest("hex");
}

const isSame = (a: Look, b: Look) => a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;

/** Throws system errors. */
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
      const sha256 = readOnce(fd, out, { ...before, onBytes });
      const changedWhileReading = !isSame(before, lookOf(fd));
      if (!changedWhileReading || attempt === 2) return { ...before, sha256, changedWhileReading };
    }
  } finally {
    fs.closeSync(fd);
    if (out !== null) fs.closeSync(out);
  }
}
