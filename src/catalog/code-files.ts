/**
 * The code of runs, as far as search looks at it: which files a snapshot has, and the text of small ones. Many runs in
 * a row share a snapshot, so the last few are kept. What is missing or damaged is simply not there: whoever runs or
 * checks the code deals with that, and nothing is moved or mended here.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { blobBytes } from "../run/blobs.ts";
import type { BasePaths } from "../run/paths.ts";
import type { SnapshotFile } from "../run/snapshot.ts";

export interface CodeTree {
  /** Regular files by path. */
  files: ReadonlyMap<string, { hash: string; size: number }>;
}

const keptTrees = 16;
/** Larger lists of files are not looked at. */
const mostTreeBytes = 32 * 1024 * 1024;

export class CodeFiles {
  private readonly trees = new Map<string, CodeTree>();

  constructor(private readonly base: BasePaths) {}

  /** Empty where the snapshot is not there or no list of files. */
  tree(snapshot: string): CodeTree {
    const kept = this.trees.get(snapshot);
    if (kept !== undefined) return kept;
    const tree = { files: this.read(snapshot) };
    this.trees.set(snapshot, tree);
    for (const oldest of this.trees.keys()) {
      if (this.trees.size <= keptTrees) break;
      this.trees.delete(oldest);
    }
    return tree;
  }

  private read(snapshot: string): Map<string, { hash: string; size: number }> {
    const files = new Map<string, { hash: string; size: number }>();
    if (!/^[0-9a-f]{64}$/.test(snapshot)) return files;
    const path = join(this.base.snapshots, `${snapshot}.json`);
    try {
      if (fs.statSync(path).size > mostTreeBytes) return files;
      const { files: listed } = JSON.parse(fs.readFileSync(path, "utf8")) as { files: SnapshotFile[] };
      for (const { path: name, kind, hash, size } of listed) if (kind !== "link") files.set(name, { hash, size });
    } catch {
      files.clear();
    }
    return files;
  }

  /** The text of a file of a snapshot, or null where there is none or it has more than `mostBytes`. */
  text(snapshot: string, path: string, mostBytes: number): string | null {
    const file = this.tree(snapshot).files.get(path);
    if (file === undefined || file.size > mostBytes) return null;
    try {
      return blobBytes(this.base, file.hash)?.toString("utf8") ?? null;
    } catch {
      return null;
    }
  }
}
