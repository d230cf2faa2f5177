/**
 * A snapshot: the code of a run, as a list of files with their content hashes. Its name is the hash of its own text,
 * so two equal trees are one snapshot. Paths are relative, `/`-separated, sorted by code unit, never leave the tree.
 */

export interface SnapshotFile {
  path: string;
  /** `file`: a blob; `exec`: a blob that is executable; `link`: a symlink whose target is `target`. */
  kind: "file" | "exec" | "link";
  size: number;
  /** sha256 of the content, lower-case hex; for links of the target text. */
  hash: string;
  /** Only for links: relative, stays inside the tree. */
  target?: string;
}

export interface Snapshot {
  version: 1;
  files: SnapshotFile[];
}

/** The exact text that is hashed and stored: keys in fixed order, files sorted, one line. */
export function snapshotText(snapshot: Snapshot): string {
  const files = [...snapshot.files]
    .sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0))
    .map(({ path, kind, size, hash, target }) =>
      target === undefined ? { path, kind, size, hash } : { path, kind, size, hash, target },
    );
  return JSON.stringify({ version: snapshot.version, files });
}

/** The name of a snapshot: sha256 of its text, lower-case hex. */
export function snapshotHash(snapshot: Snapshot): string {
  return new Bun.CryptoHasher("sha256").update(snapshotText(snapshot)).digest("hex");
}

/** Null where `path` may stand in a snapshot; else one sentence that says why not. */
export function badPath(path: string): string | null {
  if (path === "") return "the path is empty";
  if (path.startsWith("/")) return "the path is absolute";
  if (path.includes("\0")) return "the path contains a NUL byte";
  for (const part of path.split("/")) {
    if (part === "" || part === "." || part === "..") return `the path has the part \`${part}\``;
  }
  return null;
}
