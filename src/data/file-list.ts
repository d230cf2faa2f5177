/**
 * What a dataset consists of: a sorted list of its files, and the one hash that names the whole. The hash is the root of a
 * Merkle tree: each folder is the sha256 of its sorted lines
 *
 *     file <size> <sha256> <name>        (sha256 is `-` where a quick look left it out)
 *     link <target> -> <name>
 *     folder <hash> <name>
 *
 * so two datasets with one hash have the same paths, sizes and contents; times, owners and modes are no part of it. On disk a
 * list is lines of `sha256 TAB size TAB path`, readable without us; `awk -F'\t' '{print $1"  "$3}'` makes it input of sha256sum.
 */
import * as fs from "node:fs";

export interface ListedFile {
  /** Relative, `/` between parts. */
  path: string;
  sizeBytes: number;
  /** Lower-case hex; null where the content was not read. */
  sha256: string | null;
  /** Where a symbolic link leads, as it is written; null for a file. */
  link: string | null;
}

/** By code units: the same everywhere, whatever the locale. */
export const byPath = (a: ListedFile, b: ListedFile) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

const escapes: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n" };
const plain: Record<string, string> = { "\\\\": "\\", "\\t": "\t", "\\n": "\n" };
const escaped = (text: string) =>
  /[\\\t\n]/.test(text) ? text.replaceAll(/[\\\t\n]/g, (one) => escapes[one] ?? one) : text;
const unescaped = (text: string) =>
  text.includes("\\") ? text.replaceAll(/\\[\\tn]/g, (one) => plain[one] ?? one) : text;

/** One file as a line of the list, with its end. */
export function listLine({ path, sizeBytes, sha256, link }: ListedFile): string {
  return `${link === null ? (sha256 ?? "-") : `link:${escaped(link)}`}\t${sizeBytes}\t${escaped(path)}\n`;
}

function readLine(line: string): ListedFile | null {
  const [sum = "", size = "", path] = line.split("\t");
  if (path === undefined) return null;
  const link = sum.startsWith("link:") ? unescaped(sum.slice(5)) : null;
  return { path: unescaped(path), sizeBytes: Number(size), sha256: link !== null || sum === "-" ? null : sum, link };
}

/** Throws system errors. A line that makes no sense is left out. */
export function readList(path: string): ListedFile[] {
  return fs
    .readFileSync(path, "utf8")
    .split("\n")
    .flatMap((line) => readLine(line) ?? []);
}

export interface Folder {
  files: ListedFile[];
  folders: Map<string, Folder>;
}

function treeOf(files: readonly ListedFile[]): Folder {
  const root: Folder = { files: [], folders: new Map() };
  for (const file of files) {
    let at = root;
    const parts = file.path.split("/");
    for (const part of parts.slice(0, -1)) {
      const next = at.folders.get(part) ?? { files: [], folders: new Map() };
      at.folders.set(part, next);
      at = next;
    }
    at.files.push(file);
  }
  return root;
}

const nameOf = ({ path }: ListedFile) => path.slice(path.lastIndexOf("/") + 1);

function folderHash(folder: Folder): string {
  const lines = [
    ...folder.files.map((file) => {
      const name = escaped(nameOf(file));
      return file.link === null
        ? [name, `file ${file.sizeBytes} ${file.sha256 ?? "-"} ${name}\n`]
        : [name, `link ${escaped(file.link)} -> ${name}\n`];
    }),
    ...[...folder.folders].map(([name, inner]) => [escaped(name), `folder ${folderHash(inner)} ${escaped(name)}\n`]),
  ].sort(([a = ""], [b = ""]) => (a < b ? -1 : a > b ? 1 : 0));
  const sum = new Bun.CryptoHasher("sha256");
  for (const [, line = ""] of lines) sum.update(line);
  return sum.digest("hex");
}

/** `sha256:…`, or `quick-sha256:…` where some contents were not read: the two never compare equal. */
export function datasetChecksum(files: readonly ListedFile[]): string {
  const whole = files.every((file) => file.sha256 !== null || file.link !== null);
  return `${whole ? "sha256" : "quick-sha256"}:${folderHash(treeOf(files))}`;
}

export interface ListChanges {
  added: number;
  removed: number;
  changed: number;
  /** The first of them, each with `+`, `-` or `~` before its path. */
  files: string[];
}

const namedChanges = 20;

/** What `now` has otherwise than `before`; null where nothing. A content that one of them did not read counts as equal. */
export function listChanges(before: readonly ListedFile[], now: readonly ListedFile[]): ListChanges | null {
  const old = new Map(before.map((file) => [file.path, file]));
  const found: ListChanges = { added: 0, removed: 0, changed: 0, files: [] };
  const note = (kind: "added" | "removed" | "changed", path: string) => {
    found[kind] += 1;
    if (found.files.length < namedChanges)
      found.files.push(`${{ added: "+", removed: "-", changed: "~" }[kind]} ${path}`);
  };
  for (const file of now) {
    const was = old.get(file.path);
    old.delete(file.path);
    if (was === undefined) note("added", file.path);
    else if (isOther(was, file)) note("changed", file.path);
  }
  for (const path of old.keys()) note("removed", path);
  return found.added + found.removed + found.changed === 0 ? null : found;
}

function isOther(a: ListedFile, b: ListedFile): boolean {
  if (a.link !== b.link || (a.link === null && a.sizeBytes !== b.sizeBytes)) return true;
  return a.sha256 !== null && b.sha256 !== null && a.sha256 !== b.sha256;
}
