/**
 * The tree that was last brought to a server from here, and the block sums of large contents that it holds: with them
 * the next one is told by what has changed. Only a cache under `<ML_HOME>/cache/`: it may be deleted at any time, what is
 * damaged counts as none, and a server that knows nothing of it is sent everything.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";
import type { Snapshot, SnapshotFile } from "../run/snapshot.ts";
import { blobHash } from "./blob-hash.ts";
import type { BlockSums } from "./block-sums.ts";
import { decodeKept, encodeKept } from "./followed-sums.ts";

export interface SentTree {
  hash: string;
  files: SnapshotFile[];
}

/** Sums of smaller contents are kept only where they changed; else they are asked of the server. */
export const keptSumsBytes = 1024 * 1024;
const keptSums = 256;

export class SentMemory {
  readonly #folder: string | null;
  readonly #treePath: string | null;

  /** With `folder` null nothing is remembered. */
  constructor(folder: string | null, root: string) {
    this.#folder = folder;
    this.#treePath = folder === null ? null : join(folder, `sent-${blobHash(root).slice(0, 32)}.json`);
  }

  /** True where it is the tree of that name; nothing of it is read into anything. */
  isTree(hash: string): boolean {
    try {
      return this.#treePath !== null && blobHash(fs.readFileSync(this.#treePath)) === hash;
    } catch {
      return false;
    }
  }

  tree(): SentTree | null {
    if (this.#treePath === null) return null;
    try {
      const text = fs.readFileSync(this.#treePath, "utf8");
      const { version, files } = JSON.parse(text) as Snapshot;
      return version === 1 && Array.isArray(files) ? { hash: blobHash(text), files } : null;
    } catch {
      return null;
    }
  }

  /** False where nothing has been brought from here yet. */
  isThere(): boolean {
    return this.#treePath !== null && fs.existsSync(this.#treePath);
  }

  /** `text` is the exact one of the tree: snapshotText. */
  keepTree(text: string): void {
    if (this.#treePath !== null) this.#write(this.#treePath, text);
  }

  /** Whether sums were kept; they may turn out to be damaged. */
  hasSums(hash: string): boolean {
    return this.#folder !== null && fs.existsSync(join(this.#folder, "sums", hash));
  }

  sums(hash: string): BlockSums | null {
    if (this.#folder === null) return null;
    try {
      return decodeKept(fs.readFileSync(join(this.#folder, "sums", hash)));
    } catch {
      return null;
    }
  }

  keepSums(all: ReadonlyMap<string, BlockSums>): void {
    if (this.#folder === null) return;
    const folder = join(this.#folder, "sums");
    for (const [hash, sums] of all) this.#write(join(folder, hash), encodeKept(sums));
    try {
      const names = fs.readdirSync(folder);
      if (names.length <= keptSums) return;
      const aged = names.map((name) => ({ name, timeMs: fs.statSync(join(folder, name)).mtimeMs }));
      aged.sort((a, b) => b.timeMs - a.timeMs);
      for (const { name } of aged.slice(keptSums / 2)) fs.rmSync(join(folder, name), { force: true });
    } catch {
      // Another process prunes it too.
    }
  }

  /** Throws nothing: a home that cannot be written only costs time. */
  #write(path: string, data: string | Uint8Array): void {
    try {
      fs.mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
      writeDurable(path, data, { mode: 0o600, sync: false });
    } catch {
      // The next time more is sent.
    }
  }
}
