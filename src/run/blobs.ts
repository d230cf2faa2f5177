/**
 * The one way to a stored content: whether it is there, and opening it as a stretch of a file. Who reads need not know
 * which file that is. Nothing is checked here: whoever relies on the bytes compares them with their hash.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { MlError, systemCode } from "../core/error.ts";
import { hashFile } from "./artifacts.ts";
import type { BasePaths } from "./paths.ts";
import { relyOn } from "./reliance.ts";

/** Where the content of that hash (sha256, lower-case hex) lies if it is a file of its own: objects/ab/cdef…. */
export function loosePath(base: BasePaths, hash: string): string {
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new MlError("bad_path", "a blob was asked for by a name that is no sha256");
  return join(base.objects, hash.slice(0, 2), hash.slice(2));
}

export function hasBlob(base: BasePaths, hash: string): boolean {
  relyOn(hash);
  return fs.existsSync(loosePath(base, hash));
}

/** A content open for reading: `size` bytes of `fd` from `offset` on. */
export interface OpenBlob {
  fd: number;
  offset: number;
  size: number;
  close(): void;
}

/** A whole file as such a stretch. Null where there is none; other system errors are thrown. */
export function openStretch(path: string): OpenBlob | null {
  let fd: number;
  try {
    fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw cause;
  }
  return { fd, offset: 0, size: fs.fstatSync(fd).size, close: () => fs.closeSync(fd) };
}

/** Null where it is not here; other system errors are thrown. */
export function openBlob(base: BasePaths, hash: string): OpenBlob | null {
  return openStretch(loosePath(base, hash));
}

/** Up to `buffer.length` bytes of an open content from `from` on; fewer where it ends, or is damaged and shorter. */
export function readBlobAt(blob: OpenBlob, buffer: Uint8Array, from: number): number {
  let used = 0;
  const wanted = Math.min(buffer.length, blob.size - from);
  for (let count = -1; count !== 0 && used < wanted; used += count)
    count = fs.readSync(blob.fd, buffer, used, wanted - used, blob.offset + from + used);
  return used;
}

/** All bytes of a content, as they are; null where it is not here. */
export function blobBytes(base: BasePaths, hash: string): Buffer | null {
  const blob = openBlob(base, hash);
  if (blob === null) return null;
  try {
    const bytes = Buffer.allocUnsafe(blob.size);
    return bytes.subarray(0, readBlobAt(blob, bytes, 0));
  } finally {
    blob.close();
  }
}

const pieceBytes = 256 * 1024;

/** The bytes of a content piece by piece, opened when the first one is asked for. Throws `try_later` where it is gone or shorter than it was. */
export async function* blobPieces(base: BasePaths, hash: string): AsyncGenerator<Uint8Array> {
  const blob = openBlob(base, hash);
  if (blob === null) throw new MlError("try_later", `the content \`${hash}\` is not here any more`);
  try {
    for (let at = 0; at < blob.size; ) {
      const buffer = Buffer.allocUnsafe(Math.min(pieceBytes, blob.size - at));
      const count = readBlobAt(blob, buffer, at);
      if (count === 0) throw new MlError("try_later", `the content \`${hash}\` has become shorter while it was read`);
      at += count;
      yield buffer.subarray(0, count);
    }
  } finally {
    blob.close();
  }
}

/** The sha256 that a content really has; null where it is not here or cannot be read. */
export async function hashBlob(base: BasePaths, hash: string): Promise<string | null> {
  return (await hashFile(loosePath(base, hash)))?.sha256 ?? null;
}

/** A copy of a content at `path`, which must not exist; a clone where the file system can. False where it is not here. */
export function copyBlob(base: BasePaths, hash: string, { path, mode }: { path: string; mode: number }): boolean {
  const from = loosePath(base, hash);
  try {
    fs.copyFileSync(from, path, fs.constants.COPYFILE_FICLONE | fs.constants.COPYFILE_EXCL);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT" && !fs.existsSync(from)) return false;
    throw cause;
  }
  fs.chmodSync(path, mode);
  return true;
}
