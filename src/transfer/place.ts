/** Where files from a server are put here: inside the folder that was asked for, through no link, and under their names only when whole. */
import * as fs from "node:fs";
import { join } from "node:path";
import { asMlError, MlError, systemCode } from "../core/error.ts";
import { badPath, shownPath } from "../run/snapshot.ts";

export interface PulledFile {
  /** As the server lists it. */
  path: string;
  /** RFC 3339, kept as the local file's time; null leaves it. */
  modified: string | null;
  sizeBytes: number;
}

export function makeTarget(target: string): void {
  try {
    fs.mkdirSync(target, { recursive: true });
  } catch (cause) {
    throw asMlError(cause, `making the folder \`${shownPath(target)}\``);
  }
}

/**
 * Makes a folder that is in no tree around it, neither git's nor that of the next run: its .gitignore is `*`. False where it is
 * there already: it stays as it is. Throws MlError.
 */
export function makeOwnFolder(folder: string): boolean {
  try {
    fs.mkdirSync(folder);
    fs.writeFileSync(join(folder, ".gitignore"), "# made by ml pull: results are no code\n*\n", { flag: "wx" });
    return true;
  } catch (cause) {
    if (systemCode(cause) === "EEXIST") return false;
    throw asMlError(cause, `making the folder \`${shownPath(folder)}\``);
  }
}

/** Throws `bad_path` for a name that would leave the target. */
export function checkName(path: string, shown = path): void {
  const bad = badPath(path);
  if (bad !== null) throw new MlError("bad_path", `pulling \`${shownPath(shown)}\` was refused: ${bad}`);
}

/** Makes the folders down to `path` inside `target`, one by one, refusing to pass through links. */
export function makeFolders(target: string, path: string): void {
  const parts = path.split("/").slice(0, -1);
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const folder = join(target, ...parts.slice(0, depth));
    try {
      fs.mkdirSync(folder);
    } catch (cause) {
      if (systemCode(cause) !== "EEXIST") throw asMlError(cause, `making the folder \`${shownPath(folder)}\``);
      if (!fs.lstatSync(folder).isDirectory()) {
        throw new MlError("refused", `\`${shownPath(folder)}\` is in the way: it is no folder`, {
          hint: "name another folder",
        });
      }
    }
  }
}

export function isUnchanged(file: PulledFile, final: string): boolean {
  const stat = fs.lstatSync(final, { throwIfNoEntry: false });
  if (!stat?.isFile() || stat.size !== file.sizeBytes || file.modified === null) return false;
  return Math.abs(stat.mtimeMs - Date.parse(file.modified)) < 2;
}

/** Gives a whole file its time and its name. */
export function putInPlace(file: PulledFile, part: string, final: string): void {
  if (fs.lstatSync(final, { throwIfNoEntry: false })?.isDirectory()) {
    throw new MlError("refused", `\`${shownPath(final)}\` is in the way: it is a folder`);
  }
  const timeMs = file.modified === null ? Number.NaN : Date.parse(file.modified);
  if (Number.isFinite(timeMs)) fs.utimesSync(part, timeMs / 1000, timeMs / 1000);
  fs.renameSync(part, final);
}

export function wrongSum(path: string): MlError {
  return new MlError("failed", `what arrived of \`${shownPath(path)}\` does not have the right checksum`, {
    hint: "run the same command again; if it stays, `ml validate` tells whether the file is damaged on the server",
  });
}

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = fs.constants;

/** Where a file of a pack is while it comes. */
export function partPath(final: string): string {
  return `${final}.packed.part`;
}

/** A file in the making beside `final`, which replaces what a killed try has left; its sha256 grows along. */
export class Part {
  readonly path: string;
  readonly #fd: number;
  readonly #sum = new Bun.CryptoHasher("sha256");
  #open = true;

  /** Throws MlError (`no_space`, `not_allowed`, …). */
  constructor(final: string, mode = 0o644) {
    this.path = partPath(final);
    try {
      fs.rmSync(this.path, { force: true });
      this.#fd = fs.openSync(this.path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    } catch (cause) {
      throw asMlError(cause, `writing \`${shownPath(this.path)}\``);
    }
  }

  write(bytes: Uint8Array): void {
    try {
      for (let rest = bytes; rest.length > 0; ) rest = rest.subarray(fs.writeSync(this.#fd, rest));
    } catch (cause) {
      throw asMlError(cause, "writing the file here");
    }
    this.#sum.update(bytes);
  }

  /** Closes it; the sha256 of all that was written. */
  end(): string {
    this.#open = false;
    fs.closeSync(this.#fd);
    return this.#sum.digest("hex");
  }

  /** Closes it and leaves it where it is. */
  leave(): void {
    if (this.#open) this.end();
  }

  /** Removes it where it has not been given its name. */
  drop(): void {
    this.leave();
    fs.rmSync(this.path, { force: true });
  }
}
