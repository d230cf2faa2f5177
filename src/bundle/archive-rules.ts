/**
 * What an archive from a stranger may hold. Each entry is judged before a byte of it is kept; one that breaks a rule spoils
 * the whole archive: nothing is renamed, skipped or repaired. Pure, but for what it remembers of the entries before.
 */
import { MlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { badLink, badPath, shownPath } from "../run/snapshot.ts";
import { type Place, placeOf } from "./layout.ts";

export interface ArchiveLimits {
  entries: number;
  /** Of all files, unpacked. */
  totalBytes: number;
  /** Unpacked bytes for each packed one, once there are more than `freeBytes` of them. */
  ratio: number;
  freeBytes: number;
  /** Of one text that is kept in memory, and of all. */
  textBytes: number;
  allTextBytes: number;
}

export const archiveLimits: ArchiveLimits = {
  entries: 200_000,
  totalBytes: 64 * 2 ** 30,
  ratio: 300,
  freeBytes: 64 * 2 ** 20,
  textBytes: 32 * 2 ** 20,
  allTextBytes: 128 * 2 ** 20,
};

export interface EntryHead {
  name: string;
  /** As the tar says: `file`, `directory`, `symlink`, `link`, `fifo` … */
  type: string;
  sizeBytes: number;
  target: string;
}

export interface Judged {
  /** Without the top folder. */
  path: string;
  kind: "file" | "link" | "folder";
  /** Null for folders. */
  place: Place | null;
}

export function refusedArchive(why: string, name?: string): MlError {
  const about = name === undefined ? "" : ` because of \`${shownPath(name.slice(0, 200))}\``;
  return new MlError("refused", `the archive was refused${about}: ${why}`, {
    hint: "nothing of it was kept; ask whoever made it for another copy",
  });
}

export function tooLargeArchive(why: string): MlError {
  return new MlError("too_large", `the archive was refused: ${why}`, { hint: "nothing of it was kept" });
}

/** Links may stand where scripts make them, and nowhere else. */
const linkPlaces = /^(work|staged|env)\//;

export class Judge {
  #top: string | null = null;
  #entries = 0;
  #totalBytes = 0;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  /** Path → target, by path without the top folder. */
  readonly links = new Map<string, string>();

  constructor(private readonly limits: ArchiveLimits) {}

  get top(): string {
    return this.#top ?? "";
  }

  get totalBytes(): number {
    return this.#totalBytes;
  }

  /** Throws `refused` or `too_large`. */
  judge(head: EntryHead): Judged {
    this.count(head);
    const name = head.type === "directory" ? head.name.replace(/\/$/, "") : head.name;
    const bad = badPath(name);
    if (bad !== null) throw refusedArchive(bad, head.name);
    if (/[\0-\x1f\x7f-\x9f\ufffd]/.test(name)) throw refusedArchive("its name has control characters", head.name);
    const slash = name.indexOf("/");
    const top = slash < 0 ? name : name.slice(0, slash);
    this.#top ??= top;
    if (top !== this.#top) throw refusedArchive("there is more than one folder at the top", head.name);
    if (slash < 0) {
      if (head.type !== "directory") throw refusedArchive("it lies beside the one folder at the top", head.name);
      return { path: "", kind: "folder", place: null };
    }
    return this.judgeInside(name.slice(slash + 1), head);
  }

  private judgeInside(path: string, head: EntryHead): Judged {
    this.noteFoldersAbove(path, head);
    if (head.type === "directory") {
      if (this.#files.has(path)) throw refusedArchive("it is there twice, as file and as folder", head.name);
      this.#folders.add(path);
      return { path, kind: "folder", place: null };
    }
    if (head.type !== "file" && head.type !== "symlink")
      throw refusedArchive(`it is neither file nor folder but a ${head.type}`, head.name);
    if (this.#files.has(path) || this.#folders.has(path)) throw refusedArchive("it is there twice", head.name);
    this.#files.add(path);
    const place = placeOf(path);
    if (place === null) throw refusedArchive("no bundle has such a file", head.name);
    if (head.type === "file") return { path, kind: "file", place };
    const inRun = place.kind === "run" && linkPlaces.test(place.path);
    if (!inRun && place.kind !== "code") throw refusedArchive("a link may not stand there", head.name);
    this.links.set(path, head.target);
    return { path, kind: "link", place };
  }

  /** A file or link of the archive never serves as a folder: nothing is written through it. */
  private noteFoldersAbove(path: string, head: EntryHead): void {
    for (let slash = path.lastIndexOf("/"); slash > 0; slash = path.lastIndexOf("/", slash - 1)) {
      const above = path.slice(0, slash);
      if (this.#files.has(above))
        throw refusedArchive(`it lies beneath \`${shownPath(above)}\`, which is no folder`, head.name);
      if (this.#folders.has(above)) return;
      this.#folders.add(above);
    }
  }

  private count({ sizeBytes, type }: EntryHead): void {
    this.#entries += 1;
    if (this.#entries > this.limits.entries) throw tooLargeArchive(`it has more than ${this.limits.entries} entries`);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes < 0) throw refusedArchive("an entry has a size that is none");
    this.#totalBytes += type === "file" ? sizeBytes : 0;
    if (this.#totalBytes > this.limits.totalBytes)
      throw tooLargeArchive(`unpacked it has more than ${formatSize(this.limits.totalBytes)}`);
  }

  /** Once all entries are known: each link stays within its run folder, or within its code. Throws `refused`. */
  requireLinksInside(): void {
    const byRoot = new Map<string, Map<string, string>>();
    for (const [path, target] of this.links) {
      const [first = "", second = ""] = path.split("/");
      const root = `${first}/${second}`;
      const links = byRoot.get(root) ?? new Map<string, string>();
      links.set(path.slice(root.length + 1), target);
      byRoot.set(root, links);
    }
    for (const [root, links] of byRoot) {
      for (const [path, target] of links) {
        const bad = badLink(path, target, links);
        if (bad !== null) throw refusedArchive(bad, `${root}/${path}`);
      }
    }
  }
}
