/** The sha256 of a file that may be written to at the same moment: read between two looks at it, and once more if they differ. */
import * as fs from "node:fs";
import { MlError } from "../core/error.ts";
import { shownPath } from "../run/snapshot.ts";

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
let buffer: Buffer | null = null;

export interface HashedFile {
  /** Lower-case hex. */
  hash: string;
  /** What the file was while it was read. */
  stat: fs.Stats;
}

/** False where it may have been written to between the two looks. */
export function sameStat(a: fs.Stats, b: fs.Stats): boolean {
  return a.size === b.size && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;
}

function hashOpen(fd: number): string {
  const sum = new Bun.CryptoHasher("sha256");
  buffer ??= Buffer.allocUnsafeSlow(1024 * 1024);
  for (let position = 0; ; ) {
    const count = fs.readSync(fd, buffer, 0, buffer.length, position);
    sum.update(buffer.subarray(0, count));
    position += count;
    if (count < buffer.length) return sum.digest("hex");
  }
}

/**
 * Hashes the regular file `root`/`path` without following a link at its end. Throws MlError `conflict` where it goes on
 * changing, and system errors (ENOENT, EACCES, ELOOP).
 */
export function hashFile(root: string, path: string): HashedFile {
  const fd = fs.openSync(`${root}/${path}`, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    for (let tries = 0; tries < 2; tries += 1) {
      const before = fs.fstatSync(fd);
      if (!before.isFile()) break;
      const hash = hashOpen(fd);
      if (sameStat(before, fs.fstatSync(fd))) return { hash, stat: before };
    }
  } finally {
    fs.closeSync(fd);
  }
  throw new MlError("conflict", `\`${shownPath(path)}\` was changed while it was read; nothing was queued`, {
    hint: "queue again when it is no longer written to, or name it in .mlignore",
  });
}
