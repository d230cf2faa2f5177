/** A snapshot told as what differs from another one: what travels where a tree of thousands of files has a few edits. */
import type { SnapshotFile } from "./snapshot.ts";

export interface SnapshotChange {
  /** The name of the snapshot that comes of it. */
  snapshot: string;
  /** The name of the one that it builds upon. */
  base: string;
  /** Entries that are new or differ. */
  set: SnapshotFile[];
  /** Paths that are gone. */
  removed: string[];
}

function sameEntry(a: SnapshotFile, b: SnapshotFile): boolean {
  return a.hash === b.hash && a.kind === b.kind && a.size === b.size;
}

export function changeBetween(
  before: { hash: string; files: readonly SnapshotFile[] },
  after: { hash: string; files: readonly SnapshotFile[] },
): SnapshotChange {
  const old = new Map(before.files.map((file) => [file.path, file]));
  const set: SnapshotFile[] = [];
  for (const file of after.files) {
    const known = old.get(file.path);
    if (known === undefined || !sameEntry(known, file)) set.push(file);
    old.delete(file.path);
  }
  return { snapshot: after.hash, base: before.hash, set, removed: [...old.keys()] };
}

export function isChange(given: unknown): given is SnapshotChange {
  const { snapshot, base, set, removed } = (given ?? {}) as Partial<SnapshotChange>;
  return typeof snapshot === "string" && typeof base === "string" && Array.isArray(set) && Array.isArray(removed);
}
