/**
 * What a scan keeps of each file between its three steps: how it looked and what is remembered of it, in the order of the walk,
 * and what reading it gave, in the order in which it was to be read. Both spill to disk: memory does not grow with the files.
 */
import { escaped, unescaped } from "./file-list.ts";
import { LineWriter, linesOf, Spool } from "./lines.ts";
import type { Walked } from "./walk.ts";

/** A file as it was looked at; with a hash that is to be trusted where one is remembered. */
export interface Seen extends Walked {
  sha256: string | null;
  /** When that was made; 0 without one. */
  hashedMs: number;
}

const crookedMark = "crooked\t";

function seenLine({ path, sizeBytes, mtimeMs, ctimeMs, link, seenMs, sha256, hashedMs }: Seen): string {
  const what = link === null ? (sha256 ?? "") : `link:${escaped(link)}`;
  return `${sizeBytes}\t${mtimeMs}\t${ctimeMs}\t${seenMs}\t${hashedMs}\t${what}\t${escaped(path)}\n`;
}

function readSeen(line: string): Seen {
  const [size, mtime, ctime, seen, hashed, what = "", path = ""] = line.split("\t");
  const link = what.startsWith("link:") ? unescaped(what.slice(5)) : null;
  return {
    ...{ path: unescaped(path), sizeBytes: Number(size), mtimeMs: Number(mtime), ctimeMs: Number(ctime), link },
    ...{ seenMs: Number(seen), hashedMs: Number(hashed), sha256: link !== null || what === "" ? null : what },
  };
}

/** The files of a walk, and which folders are crooked (merkle.ts). */
export class LookedAt {
  readonly #spool: Spool;
  readonly #lines: LineWriter;
  files = 0;

  constructor(folder: string) {
    this.#spool = new Spool(folder);
    this.#lines = new LineWriter((bytes) => this.#spool.write(bytes));
  }

  add(file: Seen): void {
    this.files += 1;
    this.#lines.add(seenLine(file));
  }

  crooked(folder: string): void {
    this.#lines.add(`${crookedMark}${escaped(folder)}\n`);
  }

  /** From the first on. */
  *all(onCrooked?: (folder: string) => void): Generator<Seen> {
    this.#lines.flush();
    for (const line of linesOf(this.#spool.read)) {
      if (!line.startsWith(crookedMark)) yield readSeen(line);
      else onCrooked?.(unescaped(line.slice(crookedMark.length)));
    }
  }

  close(): void {
    this.#spool.close();
  }
}

/** What reading a file gave. */
export interface Sum {
  sha256: string;
  sizeBytes: number;
  mtimeMs: number;
  ctimeMs: number;
  hashedMs: number;
  changedWhileReading: boolean;
}

const sumBytes = 65;
const together = 4096;

/** One for each file that is read, by its number. */
export class Sums {
  readonly #spool: Spool;
  readonly #one = Buffer.alloc(sumBytes);

  constructor(folder: string) {
    this.#spool = new Spool(folder);
  }

  put(at: number, { sha256, sizeBytes, mtimeMs, ctimeMs, hashedMs, changedWhileReading }: Sum): void {
    this.#one.write(sha256, 0, "hex");
    for (const [n, value] of [sizeBytes, mtimeMs, ctimeMs, hashedMs].entries())
      this.#one.writeDoubleLE(value, 32 + 8 * n);
    this.#one[64] = changedWhileReading ? 2 : 1;
    this.#spool.write(this.#one, at * sumBytes);
  }

  /** From the first on; null for one that was not read. */
  *all(): Generator<Sum | null> {
    const buffer = Buffer.alloc(together * sumBytes);
    for (let at = 0; ; at += together) {
      const count = this.#spool.read(buffer, at * sumBytes);
      for (let from = 0; from + sumBytes <= count; from += sumBytes) {
        const number = (n: number) => buffer.readDoubleLE(from + 32 + 8 * n);
        yield buffer[from + 64] === 0
          ? null
          : {
              ...{ sha256: buffer.toString("hex", from, from + 32), sizeBytes: number(0), mtimeMs: number(1) },
              ...{ ctimeMs: number(2), hashedMs: number(3), changedWhileReading: buffer[from + 64] === 2 },
            };
      }
      if (count < buffer.length) return;
    }
  }

  close(): void {
    this.#spool.close();
  }
}
