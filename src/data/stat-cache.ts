/**
 * Which content a dataset's files had when they last looked like this: path, size and times → sha256. Only a cache, one file
 * for each dataset folder under the state directory; deleted or damaged it costs time. In the order of the paths, so that it is read
 * beside a walk and written beside the next list, and never held.
 *
 * A file system may count time in steps of up to two seconds, so a file can change twice and look the same. Clocks of
 * network mounts are wrong often enough that no file's time is compared with ours. What counts is how long we
 * have known the file to look like this: a hash is trusted only if it was made at least two seconds after that look.
 */
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeAll } from "../core/durable.ts";
import { escaped, unescaped } from "./file-list.ts";
import { fileLines, LineWriter } from "./lines.ts";

const settleMs = 2000;
const heading = "ml data cache 2";

export interface Look {
  sizeBytes: number;
  mtimeMs: number;
  ctimeMs: number;
}

export interface Known extends Look {
  path: string;
  sha256: string;
  /** When it was first seen like this, by our clock. */
  seenMs: number;
  hashedMs: number;
}

export function statCachePath(stateDir: string, root: string): string {
  const key = new Bun.CryptoHasher("sha256").update(root).digest("hex").slice(0, 32);
  return join(stateDir, "cache", "data", `${key}.tsv`);
}

export const looksAlike = (a: Look, b: Look) =>
  a.sizeBytes === b.sizeBytes && a.mtimeMs === b.mtimeMs && a.ctimeMs === b.ctimeMs;

export const isTrusted = ({ seenMs, hashedMs }: Pick<Known, "seenMs" | "hashedMs">) => hashedMs - seenMs >= settleMs;

function readKnown(line: string): Known | null {
  const [size, mtime, ctime, sha256 = "", seen, hashed, path] = line.split("\t");
  if (path === undefined || !/^[0-9a-f]{64}$/.test(sha256)) return null;
  const [sizeBytes, mtimeMs, ctimeMs, seenMs, hashedMs] = [size, mtime, ctime, seen, hashed].map(Number);
  return { path: unescaped(path), sizeBytes, mtimeMs, ctimeMs, sha256, seenMs, hashedMs } as Known;
}

function* knownOf(path: string): Generator<Known> {
  const lines = fileLines(path);
  if (lines.next().value !== heading) {
    lines.return(undefined);
    return;
  }
  for (const line of lines) {
    const known = readKnown(line);
    if (known !== null) yield known;
  }
}

/** What was remembered, gone through beside a walk. */
export class StatCache {
  readonly #all: Generator<Known>;
  #next: Known | null = null;

  /** With `path` null nothing is remembered. Throws nothing. */
  constructor(path: string | null) {
    this.#all = knownOf(path ?? "");
    if (path !== null) this.#step();
  }

  #step(): void {
    try {
      const step = this.#all.next();
      this.#next = step.done === true ? null : step.value;
    } catch {
      // Everything after this is read anew.
      this.#next = null;
    }
  }

  /** What is known of a file that looks as it did, to be trusted or not; else null. In the order of the paths. */
  find(path: string, look: Look): Known | null {
    while (this.#next !== null && this.#next.path < path) this.#step();
    const known = this.#next;
    return known?.path === path && looksAlike(known, look) ? known : null;
  }

  close(): void {
    this.#all.return(undefined);
  }
}

/** What a writer that was killed left behind. */
function sweep(path: string): void {
  const ours = new RegExp(`^\\.${basename(path).replaceAll(".", "\\.")}\\.(\\d+)\\.tmp$`);
  for (const name of fs.readdirSync(dirname(path))) {
    const pid = ours.exec(name)?.[1];
    if (pid !== undefined && !fs.existsSync(`/proc/${pid}`)) fs.rmSync(join(dirname(path), name), { force: true });
  }
}

/** Writes a cache anew, in the order of the paths; it takes the place of the old one when all is there. Throws nothing. */
export class StatCacheWriter {
  readonly #temporary: string;
  #fd: number | null = null;
  readonly #lines = new LineWriter((bytes) => {
    if (this.#fd !== null) writeAll(this.#fd, bytes);
  });

  constructor(private readonly path: string) {
    this.#temporary = join(dirname(path), `.${basename(path)}.${process.pid}.tmp`);
    try {
      fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
      sweep(path);
      this.#fd = fs.openSync(this.#temporary, "w", 0o600);
      this.#lines.add(`${heading}\n`);
    } catch {
      this.#giveUp();
    }
  }

  /** The next look reads everything again. */
  #giveUp(): void {
    if (this.#fd === null) return;
    fs.closeSync(this.#fd);
    this.#fd = null;
    fs.rmSync(this.#temporary, { force: true });
  }

  add({ path, sizeBytes, mtimeMs, ctimeMs, sha256, seenMs, hashedMs }: Known): void {
    try {
      this.#lines.add(`${[sizeBytes, mtimeMs, ctimeMs, sha256, seenMs, hashedMs].join("\t")}\t${escaped(path)}\n`);
    } catch {
      this.#giveUp();
    }
  }

  /** Once, at the end. */
  save(): void {
    try {
      this.#lines.flush();
      if (this.#fd === null) return;
      fs.closeSync(this.#fd);
      this.#fd = null;
      fs.renameSync(this.#temporary, this.path);
    } catch {
      this.#giveUp();
    }
  }
}
