/**
 * The one way to a stored content: whether it is there, and opening it as a stretch of a file, its own or a pack's. Who
 * reads need not know which. Nothing is checked here: whoever relies on the bytes compares them with their hash.
 */
import * as fs from "node:fs";
import { MlError, systemCode } from "../core/error.ts";
import { hashFile } from "./artifacts.ts";
import { type Pack, type PackPlace, packsOf } from "./object-packs.ts";
import type { BasePaths } from "./paths.ts";
import { relyOn } from "./reliance.ts";

function requireHash(hash: string): void {
  if (!/^[0-9a-f]{64}$/.test(hash)) throw new MlError("bad_path", "a blob was asked for by a name that is no sha256");
}

/** Where the content of that hash (sha256, lower-case hex) lies if it is a file of its own: objects/ab/cdef…. */
export function loosePath(base: BasePaths, hash: string): string {
  requireHash(hash);
  return `${base.objects}/${hash.slice(0, 2)}/${hash.slice(2)}`;
}

/** With `listAgain` false only packs that are known count: for one question after the other. */
export function hasBlob(base: BasePaths, hash: string, { listAgain = true } = {}): boolean {
  relyOn(hash);
  requireHash(hash);
  const packs = packsOf(base);
  if (listAgain) packs.refresh();
  return packs.has(hash) || fs.existsSync(loosePath(base, hash));
}

/** A content open for reading: `size` bytes of `fd` from `offset` on. */
export interface OpenBlob {
  fd: number;
  offset: number;
  size: number;
  /** The pack that it lies in. */
  pack: Pack | null;
  close(): void;
}

/** So many packs are open at most for one tree, whose contents may have come over years. */
const mostOpen = 32;

/**
 * Packs that stay open over many reads, until `close`. One that is removed meanwhile can still be read. What was opened by
 * one is read before the next is opened: the oldest of many is closed then.
 */
export class OpenPacks {
  readonly #fds = new Map<string, number>();

  fd(pack: Pack): number {
    const held = this.#fds.get(pack.path);
    if (held !== undefined) return held;
    for (const [path, oldest] of this.#fds) {
      if (this.#fds.size < mostOpen) break;
      this.#fds.delete(path);
      fs.closeSync(oldest);
    }
    const fd = openFile(pack.path);
    this.#fds.set(pack.path, fd);
    return fd;
  }

  close(): void {
    for (const fd of this.#fds.values()) fs.closeSync(fd);
    this.#fds.clear();
  }
}

const openFile = (path: string) => fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);

/** A whole file as such a stretch. Null where there is none; other system errors are thrown. */
export function openStretch(path: string): OpenBlob | null {
  let fd: number;
  try {
    fd = openFile(path);
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw cause;
  }
  return { fd, offset: 0, size: fs.fstatSync(fd).size, pack: null, close: () => fs.closeSync(fd) };
}

/** Null where that pack is gone by now. */
function openPlace({ pack, offset, size }: PackPlace, openPacks: OpenPacks | null): OpenBlob | null {
  try {
    const fd = openPacks?.fd(pack) ?? openFile(pack.path);
    return { fd, offset, size, pack, close: () => (openPacks === null ? fs.closeSync(fd) : undefined) };
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw cause;
  }
}

/** Null where it is not here; other system errors are thrown. */
export function openBlob(base: BasePaths, hash: string, openPacks: OpenPacks | null = null): OpenBlob | null {
  const loose = loosePath(base, hash);
  const packs = packsOf(base);
  // A pack may have been put in the place of the one that is known, even twice.
  for (let attempt = 0; attempt < 3; attempt += 1) {
    if (attempt > 0) packs.refresh({ always: true });
    const place = packs.find(hash);
    const blob = place === null ? openStretch(loose) : openPlace(place, openPacks);
    if (blob !== null) return blob;
    if (place === null && attempt > 0) return null;
  }
  return null;
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
  try {
    const blob = openBlob(base, hash);
    blob?.close();
    if (blob === null) return null;
    if (blob.pack === null) return (await hashFile(loosePath(base, hash)))?.sha256 ?? null;
    const bytes = blobBytes(base, hash);
    return bytes === null ? null : new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
  } catch (cause) {
    if (systemCode(cause) === null) throw cause;
    return null;
  }
}

/** A copy of a large content, which has a file of its own, at `path`, which must not exist; a clone where the file system can. False where it is not here. */
export function copyLarge(base: BasePaths, hash: string, { path, mode }: { path: string; mode: number }): boolean {
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
