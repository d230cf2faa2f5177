/**
 * Which content a file had when it last looked like this: path, size, times, inode and mode → sha256, one file for each
 * tree under `<ML_HOME>/cache/`. Only a cache: it may be deleted at any time, and a damaged one counts as none.
 *
 * A file changed within two seconds before the cache was written is not trusted, because a second change may have left
 * the same times behind (git's racy-clean problem, Documentation/technical/racy-git.txt).
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";
import type { GitState } from "./git-state.ts";

const version = 2;
const racyMs = 2000;

/** size, mtime and ctime in milliseconds (with fractions), inode, mode, sha256. */
type Entry = [number, number, number, number, number, string];

/** A git state that holds while git's own files and the snapshot are the same. */
export interface KnownGit {
  signature: string;
  snapshot: string;
  state: GitState;
}

interface Stored {
  version: number;
  root: string;
  written_ms: number;
  files: Record<string, Entry>;
  /** Hash of all ignore rules → the paths that they leave out, each with the part that is named. */
  ignored?: { rules: string; paths: Record<string, string> } | undefined;
  git?: KnownGit | undefined;
}

export class HashCache {
  readonly #path: string | null;
  readonly #root: string;
  readonly #old: Stored;
  readonly #files: Record<string, Entry> = Object.create(null);
  #count = 0;
  #changed = false;
  #ignored: Stored["ignored"];
  #git: KnownGit | undefined;

  /** Opens the cache of the tree at `root`; with `folder` null nothing is remembered. Throws nothing. */
  constructor(folder: string | null, root: string) {
    const key = new Bun.CryptoHasher("sha256").update(root).digest("hex").slice(0, 32);
    this.#path = folder === null ? null : join(folder, `files-${key}.json`);
    this.#root = root;
    this.#old = readStored(this.#path, root);
    this.#git = this.#old.git;
  }

  /** The hash of `path` if it still looks as it did, else null. */
  find(path: string, stat: fs.Stats): string | null {
    const entry = this.#old.files[path];
    if (entry === undefined) return null;
    const [size, mtimeMs, ctimeMs, inode, mode, hash] = entry;
    if (size !== stat.size || mtimeMs !== stat.mtimeMs || ctimeMs !== stat.ctimeMs) return null;
    if (inode !== stat.ino || mode !== stat.mode) return null;
    if (Math.max(mtimeMs, ctimeMs) > this.#old.written_ms - racyMs) return null;
    this.#keep(path, entry);
    return hash;
  }

  add(path: string, stat: fs.Stats, hash: string): void {
    this.#changed = true;
    this.#keep(path, [stat.size, stat.mtimeMs, stat.ctimeMs, stat.ino, stat.mode, hash]);
  }

  #keep(path: string, entry: Entry): void {
    this.#files[path] = entry;
    this.#count += 1;
  }

  /** Every path that was taken the last time. */
  paths(): string[] {
    return Object.keys(this.#old.files);
  }

  /** What was left out the last time, if the rules were the same. */
  ignoredBefore(rules: string): Record<string, string> | null {
    return this.#old.ignored?.rules === rules ? this.#old.ignored.paths : null;
  }

  /** True where `path` was looked at the last time and taken. */
  takenBefore(path: string): boolean {
    return this.#old.files[path] !== undefined;
  }

  setIgnored(rules: string, paths: Record<string, string>): void {
    this.#ignored = { rules, paths };
    if (JSON.stringify(this.#old.ignored?.paths) !== JSON.stringify(paths)) this.#changed = true;
    if (this.#old.ignored?.rules !== rules) this.#changed = true;
  }

  get git(): KnownGit | undefined {
    return this.#git;
  }

  set git(known: KnownGit | undefined) {
    this.#git = known;
    this.#changed = true;
  }

  /** Writes the cache if it has anything new. Throws nothing: a home that cannot be written only costs time. */
  save(nowMs: number): void {
    const gone = Object.keys(this.#old.files).length !== this.#count;
    if (this.#path === null || !(this.#changed || gone)) return;
    const stored: Stored = {
      version,
      root: this.#root,
      written_ms: nowMs,
      files: this.#files,
      ignored: this.#ignored,
      git: this.#git,
    };
    try {
      fs.mkdirSync(join(this.#path, ".."), { recursive: true, mode: 0o700 });
      const text = JSON.stringify(stored);
      writeDurable(this.#path, `${checksum(text)}\n${text}`, { mode: 0o600, sync: false });
    } catch {
      // The next walk hashes everything again.
    }
  }
}

/** Tells a damaged cache from a whole one; no defence against anybody. */
function checksum(text: string): string {
  return Bun.hash(text).toString(16);
}

function readStored(path: string | null, root: string): Stored {
  const empty: Stored = { version, root, written_ms: 0, files: Object.create(null) };
  if (path === null) return empty;
  try {
    const whole = fs.readFileSync(path, "utf8");
    const text = whole.slice(whole.indexOf("\n") + 1);
    if (!whole.startsWith(`${checksum(text)}\n`)) return empty;
    const stored = JSON.parse(text) as Stored;
    const fits = stored.version === version && stored.root === root && typeof stored.written_ms === "number";
    if (!fits || typeof stored.files !== "object" || stored.files === null) return empty;
    // A file may be called `toString`.
    Object.setPrototypeOf(stored.files, null);
    if (stored.ignored !== undefined) Object.setPrototypeOf(stored.ignored.paths, null);
    return stored;
  } catch {
    return empty;
  }
}
