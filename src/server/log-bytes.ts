/**
 * Windows of a log file of any size: where its last lines begin, and the bytes from an offset. Memory is bounded by
 * the window. A FIFO, device or link in the file's place is never opened for reading.
 */

import { isUtf8 } from "node:buffer";
import * as fs from "node:fs";
import { systemCode } from "../core/error.ts";
import type { AddedBytes } from "../protocol/frames.ts";

const blockBytes = 64 * 1024;
/** Lines are looked for no further back than this. */
const scanBytes = 256 * 1024 * 1024;

/** Opens a regular file, or null where there is none at that name. Throws other system errors. */
async function openRegular(path: string): Promise<fs.promises.FileHandle | null> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  let handle: fs.promises.FileHandle;
  try {
    handle = await fs.promises.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    if (["ENOENT", "ELOOP", "ENXIO"].includes(systemCode(cause) ?? "")) return null;
    throw cause;
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return null;
}

export interface Tail {
  tail_lines?: number | undefined;
  tail_bytes?: number | undefined;
}

/** The offset of the last `tail_lines` lines or `tail_bytes` bytes; 0 where neither is asked for. */
export async function startOfTail(path: string, tail: Tail): Promise<number> {
  if (tail.tail_lines === undefined && tail.tail_bytes === undefined) return 0;
  const handle = await openRegular(path);
  if (handle === null) return 0;
  try {
    const { size } = await handle.stat();
    const byBytes = tail.tail_bytes === undefined ? 0 : Math.max(0, size - tail.tail_bytes);
    if (tail.tail_lines === undefined) return byBytes;
    return Math.max(byBytes, await lineStart(handle, size, tail.tail_lines));
  } finally {
    await handle.close();
  }
}

async function lineStart(handle: fs.promises.FileHandle, size: number, lines: number): Promise<number> {
  if (lines === 0) return size;
  const block = Buffer.alloc(blockBytes);
  let left = lines;
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - blockBytes);
    const { bytesRead } = await handle.read(block, 0, end - start, start);
    for (let at = bytesRead - 1; at >= 0; at--) {
      if (block[at] !== 10 || start + at === size - 1) continue;
      left -= 1;
      if (left === 0) return start + at + 1;
    }
    if (size - start > scanBytes) return start;
    end = start;
  }
  return 0;
}

/** How many bytes at the end are the beginning of a character whose rest is still to come: 0 to 3. */
function unfinishedBytes(bytes: Buffer): number {
  for (let back = 1; back <= Math.min(3, bytes.length); back++) {
    const byte = bytes[bytes.length - back] ?? 0;
    if ((byte & 0xc0) === 0x80) continue;
    const wanted = byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1;
    return wanted > back ? back : 0;
  }
  return 0;
}

export interface LogChunk {
  offset: number;
  next: number;
  size: number;
  encoding: "utf8" | "base64";
  data: string;
}

/** Up to `limit` bytes from `offset`; an offset beyond the end (the file was cut) begins at the end. */
export async function readLogChunk(
  path: string,
  options: { offset: number; limit: number; ended: boolean },
): Promise<LogChunk> {
  const handle = await openRegular(path);
  if (handle === null) return { offset: 0, next: 0, size: 0, encoding: "utf8", data: "" };
  try {
    const { size } = await handle.stat();
    const offset = Math.min(options.offset, size);
    const bytes = Buffer.alloc(Math.min(options.limit, size - offset));
    const { bytesRead } = await handle.read(bytes, 0, bytes.length, offset);
    return {
      offset,
      size,
      ...encode(bytes.subarray(0, bytesRead), { offset, isLast: options.ended && offset + bytesRead >= size }),
    };
  } finally {
    await handle.close();
  }
}

/** Exactly the bytes from `from` to `to`, read at once; null where they are not all there. Throws nothing. */
export function readAdded(path: string, from: number, to: number): AddedBytes | null {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  let fd: number | null = null;
  try {
    fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    if (!fs.fstatSync(fd).isFile()) return null;
    const bytes = Buffer.alloc(to - from);
    if (fs.readSync(fd, bytes, 0, bytes.length, from) !== bytes.length) return null;
    const { encoding, data } = encode(bytes, { offset: from, isLast: true });
    return { offset: from, encoding, data };
  } catch {
    return null;
  } finally {
    if (fd !== null) fs.closeSync(fd);
  }
}

function encode(bytes: Buffer, at: { offset: number; isLast: boolean }): Pick<LogChunk, "next" | "encoding" | "data"> {
  const unfinished = at.isLast ? 0 : unfinishedBytes(bytes);
  const whole = bytes.subarray(0, bytes.length - unfinished);
  if (whole.length > 0 && isUtf8(whole))
    return { next: at.offset + whole.length, encoding: "utf8", data: whole.toString("utf8") };
  if (bytes.length === 0) return { next: at.offset, encoding: "utf8", data: "" };
  return { next: at.offset + bytes.length, encoding: "base64", data: bytes.toString("base64") };
}
