/**
 * What can be told of a git checkout without starting git: where its top is, and a signature of everything besides the
 * work tree on which the answers of git-state.ts hang (HEAD, the branch, what remotes had of it, the index, the
 * configuration; of submodules too).
 */
import * as fs from "node:fs";
import { dirname, join, resolve } from "node:path";
import { forkFileName } from "./ignore.ts";

/** The folder with `.git` at or above `folder` (an absolute real path), or null. */
export function checkoutTop(folder: string): string | null {
  for (let at = folder; ; at = dirname(at)) {
    if (fs.existsSync(join(at, ".git"))) return at;
    if (dirname(at) === at) return null;
  }
}

/** The folder of a fork at or above `folder`, or null; a checkout inside of one is a tree of its own. */
export function forkTop(folder: string): string | null {
  for (let at = folder; ; at = dirname(at)) {
    if (fs.existsSync(join(at, forkFileName))) return at;
    if (fs.existsSync(join(at, ".git")) || dirname(at) === at) return null;
  }
}

/** The top of the tree that is collected for `folder`. */
export function treeTop(folder: string): string {
  return forkTop(folder) ?? checkoutTop(folder) ?? folder;
}

function firstLine(path: string): string | null {
  try {
    return fs.readFileSync(path, "utf8").split("\n")[0]?.trim() ?? null;
  } catch {
    return null;
  }
}

function look(path: string): string {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "-" : `${stat.mtimeMs},${stat.ctimeMs},${stat.size},${stat.ino}`;
}

/** What a fetch or a push of `branch` changes: the folder of each remote's branches, and the branch's namesake in it. */
function remoteRefs(common: string, branch: string | undefined): string[] {
  const remotes = join(common, "refs/remotes");
  const names = fs.existsSync(remotes) ? fs.readdirSync(remotes) : [];
  const namesake = branch?.replace(/^refs\/heads\//, "");
  return names.flatMap((name) => [
    join(remotes, name),
    ...(namesake === undefined ? [] : [join(remotes, name, namesake)]),
  ]);
}

const mostSubmodules = 100;
/** A submodule of a submodule of …; deeper is only what a link leads round in a circle. */
export const submoduleDepth = 8;

/** Folders of submodules that are checked out, as .gitmodules names them, theirs included. */
function submoduleFolders(top: string, depth = 0): string[] {
  const list = join(top, ".gitmodules");
  if (depth === submoduleDepth || !fs.existsSync(list)) return [];
  const named = fs.readFileSync(list, "utf8").matchAll(/^[ \t]*path[ \t]*=[ \t]*(.+?)[ \t]*$/gm);
  const folders = [...named].slice(0, mostSubmodules).map(([, path = ""]) => join(top, path));
  const checkedOut = folders.filter((folder) => fs.existsSync(join(folder, ".git")));
  return checkedOut.flatMap((folder) => [folder, ...submoduleFolders(folder, depth + 1)]).slice(0, mostSubmodules);
}

/**
 * Changes whenever commit, branch, index or configuration may have changed, here or in a submodule; null where one of them is
 * no usual checkout.
 */
export function gitSignature(top: string): string | null {
  const all = [top, ...submoduleFolders(top)].map(signatureOf);
  return all.includes(null) ? null : all.join("\n");
}

function signatureOf(top: string): string | null {
  try {
    const dotGit = join(top, ".git");
    let own = dotGit;
    if (fs.statSync(dotGit).isFile()) {
      const pointer = /^gitdir: (.*)$/.exec(firstLine(dotGit) ?? "")?.[1];
      if (pointer === undefined) return null;
      own = resolve(top, pointer);
    }
    const commonName = firstLine(join(own, "commondir"));
    const common = commonName === null ? own : resolve(own, commonName);
    const head = firstLine(join(own, "HEAD"));
    if (head === null) return null;
    const branch = /^ref: (refs\/.+)$/.exec(head)?.[1];
    const files = [
      join(own, "index"),
      join(own, "config.worktree"),
      join(common, "config"),
      join(common, "packed-refs"),
      join(common, "reftable/tables.list"),
      ...(branch === undefined ? [] : [join(common, branch)]),
      ...remoteRefs(common, branch),
    ];
    return [head, ...files.map(look)].join("|");
  } catch {
    return null;
  }
}
