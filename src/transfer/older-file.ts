/**
 * What is here for a large file to be built upon: the version that stands in its place, and before it, as if both were one
 * file, what a cut pull had put together of the new one. So what has arrived is found again as what it is, content
 * in common, and asked for by the same sums; whether all is right is told by the sha256 of the result.
 */
import * as fs from "node:fs";
import { type ByteSource, fileSource, joinSources } from "./byte-source.ts";
import { partPath } from "./place.ts";

/** Less of a file is not worth keeping: it is sent again. */
const leastKeptBytes = 1024 * 1024;

const keptPath = (final: string) => `${final}.kept.part`;

/** Of a file; whatever else stands there counts as none. */
function sizeOf(path: string): number {
  const stat = fs.lstatSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : 0;
}

/** Keeps the part of a pull that was cut, unless more of the file was kept already. Never throws. */
export function keepPart(final: string): void {
  try {
    const [part, kept] = [partPath(final), keptPath(final)];
    const size = sizeOf(part);
    if (size >= leastKeptBytes && size > sizeOf(kept)) fs.renameSync(part, kept);
  } catch {
    // It will be sent again.
  }
}

/** Nothing more of it is needed, or it led to a wrong content. */
export function dropKept(final: string): void {
  fs.rmSync(keptPath(final), { force: true });
}

export interface OlderFile {
  source: ByteSource;
  close(): void;
}

const { O_RDONLY, O_NOFOLLOW } = fs.constants;

/** Opens both. Throws system errors where nothing stands at `final`. */
export function openOlder(final: string): OlderFile {
  const fds: number[] = [];
  const close = () => {
    for (const fd of fds.splice(0)) fs.closeSync(fd);
  };
  const open = (path: string) => {
    const fd = fs.openSync(path, O_RDONLY | O_NOFOLLOW);
    fds.push(fd);
    return fileSource(fd, fs.fstatSync(fd).size);
  };
  try {
    const sources = sizeOf(keptPath(final)) > 0 ? [open(keptPath(final)), open(final)] : [open(final)];
    return { source: joinSources(sources), close };
  } catch (cause) {
    close();
    throw cause;
  }
}
