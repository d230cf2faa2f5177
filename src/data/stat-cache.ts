/**
 * Which content a dataset's files had when they last looked like this: path, size and times → sha256. Only a cache, one file
 * for each dataset folder under the state directory; deleted or damaged it costs time.
 *
 * A file system may count time in steps of up to two seconds, so a file can change twice and look the same. Clocks of
 * network mounts are wrong often enough that no file's time is compared with ours. What counts is how long we
 * have known the file to look like this: a hash is trusted only if it was made at least two seconds after that look.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { writeDurable } from "../core/durable.ts";

const settleMs = 2000;
const heading = "ml data cache 1";

interface Known {
  sizeBytes: number;
  mtimeMs: number;
  ctimeMs: number;
  sha256: string;
  /** When it was first seen like this, by our clock. */
  seenMs: number;
  hashedMs: number;
}

export type Look = Pick<Known, "sizeBytes" | "mtimeMs" | "ctimeMs">;

export function statCachePath(stateDir: string, root: string): string {
  const key = new Bun.CryptoHasher("sha256").update(root).digest("hex").slice(0, 32);
  return join(stateDir, "cache", "data", `${key}.tsv`);
}

export class StatCache {
  readonly #old = new Map<string, Known>();
  readonly #now = new Map<string, Known>();
  #changed = false;

  /** With `path` null nothing is remembered. Throws nothing. */
  constructor(private readonly path: string | null) {
    try {
      const [first, ...lines] = path === null ? [] : fs.readFileSync(path, "utf8").split("\n");
      if (first !== heading) return;
      for (const line of lines) {
        const [size, mtime, ctime, sha256 = "", seen, hashed, ...name] = line.split("\t");
        if (name.length === 0 || !/^[0-9a-f]{64}$/.test(sha256)) continue;
        const [sizeBytes, mtimeMs, ctimeMs, seenMs, hashedMs] = [size, mtime, ctime, seen, hashed].map(Number);
        this.#old.set(name.join("\t"), { sizeBytes, mtimeMs, ctimeMs, sha256, seenMs, hashedMs } as Known);
      }
    } catch {
      // Everything is read anew.
    }
  }

  #likeBefore(path: string, look: Look): Known | null {
    const known = this.#old.get(path);
    if (known === undefined || known.sizeBytes !== look.sizeBytes) return null;
    return known.mtimeMs === look.mtimeMs && known.ctimeMs === look.ctimeMs ? known : null;
  }

  /** The hash of a file that looks as it did, if it may be trusted; else null. */
  find(path: string, look: Look): string | null {
    const known = this.#likeBefore(path, look);
    if (known === null || known.hashedMs - known.seenMs < settleMs) return null;
    this.#now.set(path, known);
    return known.sha256;
  }

  /** A hash made of the file at `hashedMs`, which looked like this at `seenMs` already. */
  add(path: string, look: Look, made: { sha256: string; seenMs: number; hashedMs: number }): void {
    const before = this.#likeBefore(path, look);
    const seenMs = Math.min(made.seenMs, before?.seenMs ?? made.seenMs);
    this.#now.set(path, { ...look, sha256: made.sha256, seenMs, hashedMs: made.hashedMs });
    this.#changed = true;
  }

  /** Throws nothing. Names with line ends are not kept. */
  save(): void {
    if (this.path === null || !(this.#changed || this.#now.size !== this.#old.size)) return;
    const lines = [heading];
    for (const [path, { sizeBytes, mtimeMs, ctimeMs, sha256, seenMs, hashedMs }] of this.#now) {
      if (!path.includes("\n")) lines.push([sizeBytes, mtimeMs, ctimeMs, sha256, seenMs, hashedMs, path].join("\t"));
    }
    try {
      fs.mkdirSync(dirname(this.path), { recursive: true, mode: 0o700 });
      writeDurable(this.path, `${lines.join("\n")}\n`, { mode: 0o600, sync: false });
    } catch {
      // The next look reads everything again.
    }
  }
}
