/**
 * What a dataset consists of: a list of its files, sorted by path. On disk it is lines of `sha256 TAB size TAB path`, readable without
 * us; `awk -F'\t' '{print $1"  "$3}'` makes it input of sha256sum. Ten million lines are normal, so a list is gone through and
 * never held; two of them are compared side by side, which is why the order counts.
 */
import { fileLines } from "./lines.ts";

export interface ListedFile {
  /** Relative, `/` between parts. */
  path: string;
  sizeBytes: number;
  /** Lower-case hex; null where the content was not read. */
  sha256: string | null;
  /** Where a symbolic link leads, as it is written; null for a file. */
  link: string | null;
}

const escapes: Record<string, string> = { "\\": "\\\\", "\t": "\\t", "\n": "\\n" };
const plain: Record<string, string> = { "\\\\": "\\", "\\t": "\t", "\\n": "\n" };
export const isPlain = (text: string) => !/[\\\t\n]/.test(text);
export const escaped = (text: string) =>
  isPlain(text) ? text : text.replaceAll(/[\\\t\n]/g, (one) => escapes[one] ?? one);
export const unescaped = (text: string) =>
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

/** The files of a list. A line that makes no sense is left out. Throws system errors, and where the list is not in order. */
export function* readList(path: string): Generator<ListedFile> {
  let before = "";
  for (const line of fileLines(path)) {
    const file = readLine(line);
    if (file === null) continue;
    // By code units: the same everywhere, whatever the locale.
    if (file.path < before) throw new Error(`the list \`${path}\` is damaged: it is not in order at \`${file.path}\``);
    before = file.path;
    yield file;
  }
}

export interface ListChanges {
  added: number;
  removed: number;
  changed: number;
  /** The first of them, each with `+`, `-` or `~` before its path. */
  files: string[];
}

const namedChanges = 20;
const signs = { added: "+", removed: "-", changed: "~" };

/** An earlier list beside one that is just being made, file by file, both in order. */
export class Comparison {
  readonly #found: ListChanges = { added: 0, removed: 0, changed: 0, files: [] };
  readonly #before: Iterator<ListedFile>;
  #was: ListedFile | undefined;

  constructor(before: Iterable<ListedFile>) {
    this.#before = before[Symbol.iterator]();
    this.#next();
  }

  #next(): void {
    const step = this.#before.next();
    this.#was = step.done === true ? undefined : step.value;
  }

  /** Whether the earlier one lists nothing; only before the first file. */
  get isOfNothing(): boolean {
    return this.#was === undefined;
  }

  #note(kind: keyof typeof signs, path: string): void {
    this.#found[kind] += 1;
    if (this.#found.files.length < namedChanges) this.#found.files.push(`${signs[kind]} ${path}`);
  }

  #removedUntil(path: string | null): void {
    for (; this.#was !== undefined && (path === null || this.#was.path < path); this.#next())
      this.#note("removed", this.#was.path);
  }

  add(file: ListedFile): void {
    this.#removedUntil(file.path);
    if (this.#was?.path !== file.path) this.#note("added", file.path);
    else {
      if (isOther(this.#was, file)) this.#note("changed", file.path);
      this.#next();
    }
  }

  /** What is otherwise than it was; null where nothing. A content that one of them did not read counts as equal. Once, at the end. */
  changes(): ListChanges | null {
    this.#removedUntil(null);
    const { added, removed, changed } = this.#found;
    return added + removed + changed === 0 ? null : this.#found;
  }

  /** Closes what is read, where it was not gone through. */
  close(): void {
    this.#before.return?.();
  }
}

/** What `now` has otherwise than `before`; both in order. */
export function listChanges(before: Iterable<ListedFile>, now: Iterable<ListedFile>): ListChanges | null {
  const comparison = new Comparison(before);
  for (const file of now) comparison.add(file);
  return comparison.changes();
}

function isOther(a: ListedFile, b: ListedFile): boolean {
  if (a.link !== b.link || (a.link === null && a.sizeBytes !== b.sizeBytes)) return true;
  return a.sha256 !== null && b.sha256 !== null && a.sha256 !== b.sha256;
}
