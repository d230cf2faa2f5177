/**
 * A snapshot: the code of a run, as a list of files with their content hashes. Its name is the hash of its own text,
 * so two equal trees are one snapshot. Paths are relative, `/`-separated, sorted by code unit, never leave the tree.
 */
import { MlError } from "../core/error.ts";

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
  return JSON.stringify({ version: snapshot.version, files: inForm(snapshot.files) });
}

/** The same of a tree as `checkSnapshot` or `changedSnapshot` gives it, which is in that form already. */
export function checkedText({ version, files }: Snapshot): string {
  return JSON.stringify({ version, files });
}

const byPath = (a: SnapshotFile, b: SnapshotFile) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

/** Sorted, with the keys that they have and no others. */
function inForm(files: readonly SnapshotFile[]): SnapshotFile[] {
  return [...files]
    .sort(byPath)
    .map(({ path, kind, size, hash, target }) =>
      target === undefined ? { path, kind, size, hash } : { path, kind, size, hash, target },
    );
}

/** The name of a snapshot: sha256 of its text, lower-case hex. */
export function snapshotHash(snapshot: Snapshot): string {
  return new Bun.CryptoHasher("sha256").update(snapshotText(snapshot)).digest("hex");
}

/** Bytes of one name and of a whole path, well below what Linux allows (NAME_MAX 255, PATH_MAX 4096 with the base before it). */
const nameBytes = 255;
const pathBytes = 3072;

/** Most paths: nothing of what is looked for below can be in one. */
const plainPath = /^[A-Za-z0-9_][\w.-]*(?:\/[A-Za-z0-9_][\w.-]*)*$/;

/**
 * Null where `path` may stand in a snapshot; else one sentence that says why not. Spaces, newlines and every other
 * character that Linux takes are fine; a name that is not UTF-8 has no form in JSON and is refused.
 */
export function badPath(path: string): string | null {
  if (path.length <= nameBytes / 4 && plainPath.test(path)) return null;
  if (path === "") return "the path is empty";
  if (path.startsWith("/")) return "the path is absolute";
  if (path.includes("\0")) return "the path contains a NUL byte";
  if (!path.isWellFormed()) return "the path is not valid Unicode";
  const long = path.length > nameBytes / 4;
  for (const part of path.split("/")) {
    if (part === "" || part === "." || part === "..") return `the path has the part \`${part}\``;
    if (long && Buffer.byteLength(part) > nameBytes) return `the path has a name of more than ${nameBytes} bytes`;
  }
  if (long && Buffer.byteLength(path) > pathBytes) return `the path has more than ${pathBytes} bytes`;
  return null;
}

/** A path for a message: control characters escaped, so that a name cannot draw on a terminal. */
export function shownPath(path: string): string {
  return path.replaceAll(/[\0-\x1f\x7f-\x9f\ud800-\udfff]/gu, (character) => JSON.stringify(character).slice(1, -1));
}

/**
 * Null where the symlink `path` → `target` stays inside the tree; else why not. It is followed as the kernel would,
 * through the other links of the tree, because `a/up/..` may mean something else than it spells.
 */
export function badLink(path: string, target: string, links: ReadonlyMap<string, string>): string | null {
  if (target === "") return "its target is empty";
  if (target.includes("\0") || !target.isWellFormed()) return "its target is not a valid path";
  if (Buffer.byteLength(target) > pathBytes) return `its target has more than ${pathBytes} bytes`;
  const at = path.split("/").slice(0, -1);
  let rest = [target];
  for (let hops = 0; rest.length > 0; ) {
    const next = rest[0] ?? "";
    if (next.startsWith("/")) return `it points to the absolute path \`${shownPath(next)}\``;
    const parts = next.split("/");
    rest = rest.slice(1);
    for (const [index, part] of parts.entries()) {
      if (part === "" || part === ".") continue;
      if (part === "..") {
        if (at.pop() === undefined) return `it points out of the tree, to \`${shownPath(target)}\``;
        continue;
      }
      const through = links.get([...at, part].join("/"));
      if (through === undefined) {
        at.push(part);
        continue;
      }
      hops += 1;
      if (hops > maxHops) return null;
      rest = [through, parts.slice(index + 1).join("/"), ...rest].filter((piece) => piece !== "");
      break;
    }
  }
  return null;
}

/** The kernel gives up on a chain of links after 40 (path_resolution(7)); a loop leads nowhere, so also not out. */
const maxHops = 40;
const hashPattern = /^[0-9a-f]{64}$/;
const maxFiles = 200_000;

function fileProblem(file: SnapshotFile): string | null {
  if (typeof file !== "object" || file === null || typeof file.path !== "string") return "an entry has no path";
  const bad = badPath(file.path);
  if (bad !== null) return bad;
  if (file.kind !== "file" && file.kind !== "exec" && file.kind !== "link") return "its kind is unknown";
  if (!Number.isSafeInteger(file.size) || file.size < 0) return "its size is no size";
  if (typeof file.hash !== "string" || !hashPattern.test(file.hash)) return "its hash is no sha256";
  if (file.kind !== "link") return file.target === undefined ? null : "it has a target but is no link";
  if (typeof file.target !== "string") return "it is a link without a target";
  const text = Buffer.from(file.target);
  if (text.length !== file.size || linkHash(file.target) !== file.hash) return "its hash is not that of its target";
  return null;
}

/** sha256 of a link's target text, lower-case hex. */
export function linkHash(target: string): string {
  return new Bun.CryptoHasher("sha256").update(target).digest("hex");
}

/** The file or link of the tree that stands where `path` needs a folder, or null. */
function blockedBy(path: string, known: { has(path: string): boolean }): string | null {
  for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
    const above = path.slice(0, slash);
    if (known.has(above)) return above;
  }
  return null;
}

/**
 * `given` as a snapshot that can be laid out without leaving its folder, files sorted, or MlError: `bad_path` naming
 * the entry (a path or link that leaves the tree, a file beneath a link or file, a duplicate), `refused` for a shape
 * that is no snapshot, `too_large` for more than 200,000 entries. Names that differ only in case are different names.
 */
export function checkSnapshot(given: unknown): Snapshot {
  const { version, files } = (given ?? {}) as Partial<Snapshot>;
  if (version !== 1 || !Array.isArray(files)) {
    throw new MlError("refused", "the snapshot was refused: it is no list of files of version 1");
  }
  if (files.length > maxFiles) {
    throw new MlError("too_large", `the snapshot was refused: it has ${files.length} files, more than ${maxFiles}`);
  }
  const known = new Map<string, SnapshotFile>();
  const links = new Map<string, string>();
  for (const file of files as SnapshotFile[]) {
    const problem = fileProblem(file);
    if (problem !== null) refuse(file?.path, problem);
    if (known.has(file.path)) refuse(file.path, "the path is there twice");
    known.set(file.path, file);
    if (file.target !== undefined) links.set(file.path, file.target);
  }
  for (const path of known.keys()) requireFree(path, known);
  requireInside(links);
  return { version, files: inForm([...known.values()]) };
}

function refuse(path: unknown, why: string): never {
  const name = shownPath(String(path).slice(0, pathBytes));
  throw new MlError("bad_path", `the snapshot was refused because of \`${name}\`: ${why}`, { data: { path: name } });
}

function requireFree(path: string, known: { has(path: string): boolean }): void {
  const above = blockedBy(path, known);
  if (above !== null) refuse(path, `it lies beneath \`${shownPath(above)}\`, which is no folder`);
}

function requireInside(links: ReadonlyMap<string, string>): void {
  for (const [path, target] of links) {
    const problem = badLink(path, target, links);
    if (problem !== null) refuse(path, problem);
  }
}

/**
 * `base`, a checked tree, without the paths `removed` and with the entries `set`, which come from anywhere: as `checkSnapshot`
 * would give it, but only what is new is looked at, and what can be wrong because of it. Throws as that does.
 */
export function changedSnapshot(base: Snapshot, removed: readonly string[], set: readonly SnapshotFile[]): Snapshot {
  const known = new Map(base.files.map((file) => [file.path, file]));
  const added = new Set<string>();
  let hasOtherLinks = false;
  for (const path of removed) {
    hasOtherLinks ||= known.get(path)?.kind === "link";
    if (!known.delete(path)) throw new MlError("refused", "the snapshot was refused: it removes what is not there");
  }
  for (const file of set) {
    const problem = fileProblem(file);
    if (problem !== null) refuse(file?.path, problem);
    const before = known.get(file.path);
    hasOtherLinks ||= file.kind === "link" || before?.kind === "link";
    if (before === undefined) added.add(file.path);
  }
  for (const file of inForm(set)) known.set(file.path, file);
  if (known.size > maxFiles) {
    throw new MlError("too_large", `the snapshot was refused: it has ${known.size} files, more than ${maxFiles}`);
  }
  // Only an entry where none was can lie beneath another, or have others beneath it.
  for (const path of added) requireFree(path, known);
  if (added.size > 0) for (const path of known.keys()) requireFree(path, added);
  const files = [...known.values()];
  if (hasOtherLinks)
    requireInside(new Map(files.flatMap(({ path, target }) => (target === undefined ? [] : [[path, target]]))));
  return { version: base.version, files: added.size > 0 ? files.sort(byPath) : files };
}

/** The files of a snapshot by path, for asking what a run has added or changed. */
export function snapshotIndex(snapshot: Snapshot): Map<string, SnapshotFile> {
  return new Map(snapshot.files.map((file) => [file.path, file]));
}
