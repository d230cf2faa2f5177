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
  const set: SnapshotFile[] = [];
  const compare = (file: SnapshotFile, known: SnapshotFile | undefined) => {
    if (known === undefined || !sameEntry(known, file)) set.push(file);
  };
  // Most trees have the same paths as before, in the same order: up to the first that is another one nothing is looked up.
  let same = 0;
  for (; same < after.files.length; same += 1) {
    const [file, known] = [after.files[same] as SnapshotFile, before.files[same]];
    if (known?.path !== file.path) break;
    compare(file, known);
  }
  const old = new Map(before.files.slice(same).map((file) => [file.path, file]));
  for (const file of after.files.slice(same)) {
    compare(file, old.get(file.path));
    old.delete(file.path);
  }
  return { snapshot: after.hash, base: before.hash, set, removed: [...old.keys()] };
}

export function isChange(given: unknown): given is SnapshotChange {
  const { snapshot, base, set, removed } = (given ?? {}) as Partial<SnapshotChange>;
  return typeof snapshot === "string" && typeof base === "string" && Array.isArray(set) && Array.isArray(removed);
}
