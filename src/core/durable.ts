/**
 * Files that survive kill -9 and power loss: written to a temporary name, fsynced, renamed, and the folder fsynced;
 * or appended to by a single writer, line by line. This is the only place in the product that writes durable files.
 *
 * All operations go through `fileOps`, so that a test can record them and replay every prefix with unsynced data lost.
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";

/** The few operations of which durable writing is made; replaced by a recorder in tests. */
export const fileOps = {
  open: (path: string, flags: string, mode: number): number => fs.openSync(path, flags, mode),
  write: (fd: number, data: Uint8Array): number => fs.writeSync(fd, data),
  fsync: (fd: number): void => fs.fsyncSync(fd),
  /** The same in a thread: the event loop goes on. */
  fsyncAside: (fd: number): Promise<void> =>
    new Promise((resolve, reject) => fs.fsync(fd, (cause) => (cause ? reject(cause) : resolve()))),
  close: (fd: number): void => fs.closeSync(fd),
  rename: (from: string, to: string): void => fs.renameSync(from, to),
  link: (from: string, to: string): void => fs.linkSync(from, to),
  unlink: (path: string): void => fs.unlinkSync(path),
};

let temporaryCounter = 0;

/** A name in the same folder that no reader looks at: `.<name>.<pid>-<n>.tmp`. */
function temporaryName(path: string): string {
  temporaryCounter += 1;
  return join(dirname(path), `.${basename(path)}.${process.pid}-${temporaryCounter}.tmp`);
}

/** All of `data`, where the file stands. Throws system errors. */
export function writeAll(fd: number, data: Uint8Array): void {
  let rest = data;
  while (rest.length > 0) rest = rest.subarray(fileOps.write(fd, rest));
}

function toBytes(data: string | Uint8Array): Uint8Array {
  return typeof data === "string" ? new TextEncoder().encode(data) : data;
}

/** Makes renames and creations inside `folder` durable. Throws system errors. */
export function syncFolder(folder: string): void {
  const fd = fileOps.open(folder, "r", 0);
  try {
    fileOps.fsync(fd);
  } finally {
    fileOps.close(fd);
  }
}

export interface WriteOptions {
  /** Permission bits; default 0o644. */
  mode?: number;
  /**
   * False leaves out both fsyncs: whole or absent after a crash of ours, not after a power cut. For caches.
   * `file` syncs the content only: the caller makes many new names durable with one syncFolder.
   */
  sync?: boolean | "file";
}

function writeTemporary(path: string, data: string | Uint8Array, options: WriteOptions): string {
  const temporary = temporaryName(path);
  const fd = fileOps.open(temporary, "wx", options.mode ?? 0o644);
  try {
    try {
      writeAll(fd, toBytes(data));
      if (options.sync !== false) fileOps.fsync(fd);
    } finally {
      fileOps.close(fd);
    }
  } catch (cause) {
    fs.rmSync(temporary, { force: true });
    throw cause;
  }
  return temporary;
}

/** Replaces `path` whole. A reader sees the old content or the new, never a part. Throws system errors. */
export function writeDurable(path: string, data: string | Uint8Array, options: WriteOptions = {}): void {
  const temporary = writeTemporary(path, data, options);
  try {
    fileOps.rename(temporary, path);
  } catch (cause) {
    fs.rmSync(temporary, { force: true });
    throw cause;
  }
  if ((options.sync ?? true) === true) syncFolder(dirname(path));
}

/** As writeDurable, with the syncs in a thread; resolves when all is durable. The caller sees to it that nobody else writes. */
export async function writeDurableAside(
  path: string,
  data: string | Uint8Array,
  options: Omit<WriteOptions, "sync"> = {},
): Promise<void> {
  const temporary = writeTemporary(path, data, { ...options, sync: false });
  const sync = async (of: string) => {
    const fd = fileOps.open(of, "r", 0);
    try {
      await fileOps.fsyncAside(fd);
    } finally {
      fileOps.close(fd);
    }
  };
  try {
    await sync(temporary);
    fileOps.rename(temporary, path);
  } catch (cause) {
    fs.rmSync(temporary, { force: true });
    throw cause;
  }
  await sync(dirname(path));
}

/**
 * As writeDurable; on a full disk writes over the blocks that the old content has, which is neither durable nor whole
 * for a reader at that instant. For short files that say how things are now and that nothing depends on.
 */
export function writeEvenIfFull(path: string, data: string, options: WriteOptions = {}): void {
  try {
    writeDurable(path, data, options);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ENOSPC" || !fs.existsSync(path)) throw cause;
    const fd = fileOps.open(path, "r+", 0);
    try {
      writeAll(fd, toBytes(data));
      fs.ftruncateSync(fd, toBytes(data).length);
    } finally {
      fileOps.close(fd);
    }
  }
}

/** Creates `path` whole, or returns false where it exists already; of two writers exactly one gets true. */
export function createDurable(path: string, data: string | Uint8Array, options: WriteOptions = {}): boolean {
  const temporary = writeTemporary(path, data, options);
  try {
    fileOps.link(temporary, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw cause;
  } finally {
    fs.rmSync(temporary, { force: true });
  }
  if ((options.sync ?? true) === true) syncFolder(dirname(path));
  return true;
}

/**
 * Appends whole lines (a newline is added where one is missing) and fsyncs. A torn last line left by a crash is ended
 * first, so that it spoils only itself. One writer per file at a time. Throws system errors.
 */
export function appendDurable(path: string, lines: string, options: WriteOptions = {}): void {
  const existed = fs.existsSync(path);
  const fd = fileOps.open(path, "a+", options.mode ?? 0o644);
  try {
    const { size } = fs.fstatSync(fd);
    const last = Buffer.alloc(1);
    const torn = size > 0 && fs.readSync(fd, last, 0, 1, size - 1) === 1 && last[0] !== 10;
    writeAll(fd, toBytes(`${torn ? "\n" : ""}${lines}${lines.endsWith("\n") ? "" : "\n"}`));
    if (options.sync !== false) fileOps.fsync(fd);
  } finally {
    fileOps.close(fd);
  }
  if (!existed && (options.sync ?? true) === true) syncFolder(dirname(path));
}
