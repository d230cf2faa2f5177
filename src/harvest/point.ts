/** One value that was found somewhere, and how a file is read on from where it was left. */
import * as fs from "node:fs";

export interface FoundPoint {
  name: string;
  value: number;
  step: number | null;
  /** Seconds since 1970; null where the source has no times of its own. */
  t: number | null;
}

/** A file that is read on from time to time; it remembers how far it came. */
export interface Source {
  /** Names of its points are its own: another source with the same name is told apart by this word. */
  readonly label: string;
  /** Sources of one group share their names. */
  readonly group: string;
  /** What is new since the last call, in order. `ended`: nobody writes any more. Throws what the file system throws. */
  read(file: OpenFile, ended: boolean): Promise<FoundPoint[]>;
}

/** A regular file, open for reading. */
export interface OpenFile {
  handle: fs.promises.FileHandle;
  sizeBytes: number;
  mtimeMs: number;
}

/** Opens a regular file without following a link or waiting for a pipe; null where it is none, or gone. */
export async function openRegular(path: string): Promise<OpenFile | null> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const handle = await fs.promises.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => null);
  if (handle === null) return null;
  const stat = await handle.stat();
  if (stat.isFile()) return { handle, sizeBytes: stat.size, mtimeMs: stat.mtimeMs };
  await handle.close();
  return null;
}

/** Up to `length` bytes from `at`; fewer at the end of the file. */
export async function readAt({ handle }: OpenFile, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await handle.read(buffer, 0, length, at);
  return buffer.subarray(0, bytesRead);
}
