/**
 * The one hash that names a dataset: the root of a Merkle tree. Each folder is the sha256 of its lines, sorted by name as written,
 *
 *     file <size> <sha256> <name>        (sha256 is `-` where a quick look left it out)
 *     link <target> -> <name>
 *     folder <hash> <name>
 *
 * so two datasets with one hash have the same paths, sizes and contents; times, owners and modes are no part of it, nor are folders
 * without files. Made folder by folder while the files come in the order of their paths: only the folders on the way to the last
 * file are open, and each line goes into its folder's hash at once. That order is not quite the one of the lines: `a-b` comes
 * before what is in the folder `a`, whose line comes first. A folder in which that may happen is *crooked*, and keeps its
 * lines until it ends.
 */
import { escaped, isPlain, type ListedFile } from "./file-list.ts";

/** Whether the lines of a folder come in another order than what is in it; `names` sorted, folders with a `/` behind. */
export function isCrooked(names: readonly string[]): boolean {
  const bare = (name: string) => (name.endsWith("/") ? name.slice(0, -1) : name);
  let before = "";
  return names.some((name) => {
    const now = bare(name);
    const wrong = now < before || !isPlain(now);
    before = now;
    return wrong;
  });
}

const gatheredChars = 1 << 14;

class OpenFolder {
  readonly #sum = new Bun.CryptoHasher("sha256");
  readonly #lines: [name: string, line: string][] | null;
  #text = "";

  constructor(
    readonly name: string,
    crooked: boolean,
  ) {
    this.#lines = crooked ? [] : null;
  }

  add(name: string, line: string): void {
    if (this.#lines === null) this.#put(line);
    else this.#lines.push([name, line]);
  }

  #put(line: string): void {
    this.#text += line;
    if (this.#text.length < gatheredChars) return;
    this.#sum.update(this.#text);
    this.#text = "";
  }

  digest(): string {
    this.#lines?.sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
    for (const [, line] of this.#lines ?? []) this.#put(line);
    return this.#sum.update(this.#text).digest("hex");
  }
}

export class MerkleTree {
  /** From the root to the folder of the last file. */
  #open: OpenFolder[] = [];
  /** Of folders whose files are still to come. */
  readonly #crooked = new Set<string>();
  #folder = "";
  #whole = true;

  /** Said of a folder before its first file; the root is the empty path. */
  crooked(folder: string): void {
    this.#crooked.add(folder);
  }

  #begin(name: string, path: string): void {
    this.#open.push(new OpenFolder(name, this.#crooked.delete(path)));
  }

  #end(): void {
    const ended = this.#open.pop();
    const name = escaped(ended?.name ?? "");
    this.#open.at(-1)?.add(name, `folder ${ended?.digest()} ${name}\n`);
  }

  #enter(folder: string): void {
    const [was, now] = [this.#folder, folder].map((path) => (path === "" ? [] : path.split("/")));
    const [from = [], to = []] = [was, now];
    let shared = 0;
    while (shared < from.length && from[shared] === to[shared]) shared += 1;
    for (let left = from.length - shared; left > 0; left -= 1) this.#end();
    for (let at = shared; at < to.length; at += 1) this.#begin(to[at] ?? "", to.slice(0, at + 1).join("/"));
    this.#folder = folder;
  }

  /** In the order of the paths. */
  add({ path, sizeBytes, sha256, link }: ListedFile): void {
    const cut = path.lastIndexOf("/");
    if (this.#open.length === 0) this.#begin("", "");
    const folder = cut < 0 ? "" : path.slice(0, cut);
    if (folder !== this.#folder) this.#enter(folder);
    const name = escaped(path.slice(cut + 1));
    if (link === null && sha256 === null) this.#whole = false;
    const line = link === null ? `file ${sizeBytes} ${sha256 ?? "-"} ${name}\n` : `link ${escaped(link)} -> ${name}\n`;
    this.#open.at(-1)?.add(name, line);
  }

  /** `sha256:…`, or `quick-sha256:…` where some contents were not read: the two never compare equal. Once, at the end. */
  checksum(): string {
    if (this.#open.length === 0) this.#begin("", "");
    while (this.#open.length > 1) this.#end();
    return `${this.#whole ? "sha256" : "quick-sha256"}:${this.#open[0]?.digest()}`;
  }
}
