/**
 * The working tree as it is now, as a snapshot: which files belong to it, what they contain, what is left out and why.
 * Nothing is changed, nothing is sent. An unchanged tree costs one `git ls-files`, a look at each file, and no hashing.
 */
import * as fs from "node:fs";
import { dirname, join, relative } from "node:path";
import { messageOf, systemCode } from "../core/error.ts";
import { badLink, badPath, linkHash, type SnapshotFile, snapshotText } from "../run/snapshot.ts";
import { blobHash } from "./blob-hash.ts";
import { checkoutTop, forkTop, gitSignature } from "./git-folder.ts";
import { type GitState, gitState } from "./git-state.ts";
import { HashCache } from "./hash-cache.ts";
import { type HashedFile, hashFile } from "./hash-file.ts";
import { builtInPart, type IgnoredPart, mlignoreMatcher } from "./ignore.ts";
import { type LeftOut, unsendable } from "./left-out.ts";
import { listFolder, readText } from "./list-folder.ts";
import { type ListedPath, listGit, listInner } from "./list-git.ts";
import { checkLimits, type TreeLimits, tooMany } from "./tree-limits.ts";

export interface Tree {
  /** Absolute, real: the top of the checkout, or the current folder where there is none. */
  root: string;
  /** The current folder inside the tree, `.` for its top: where the run starts. */
  cwdInRoot: string;
  /** Sorted as in the snapshot. */
  files: SnapshotFile[];
  /** The name of the snapshot, and the text that it is the hash of. */
  hash: string;
  text: string;
  sizeBytes: number;
  leftOut: LeftOut[];
  git: GitState | null;
  /** Who said which files belong to the tree, and where it was not git although there is a checkout, why. */
  listedBy: "git" | "folder";
  gitProblem: string | null;
}

export interface WalkOptions {
  cwd: string;
  limits: TreeLimits;
  /** `<ML_HOME>/cache`, or null for no cache. */
  cacheFolder: string | null;
  /** For git calls, each; 5 s by default. */
  timeoutMs?: number;
  /** Nothing is ignored and git is not asked: for data. The folder itself is then the root. */
  everything?: boolean;
  ahead?: HashesAhead;
}

/** Who may take over the hashing of a file, because it does more than that with it. */
export interface HashesAhead {
  /** Null where the file is not for it. */
  hash(root: string, path: string, size: number): Promise<HashedFile | null>;
}

interface Found {
  path: string;
  stat: fs.Stats;
}

/** What the look at each path has gathered. */
interface Gathered {
  files: Found[];
  links: Map<string, string>;
  inner: string[];
  leftOut: LeftOut[];
  /** Looked at in advance. */
  looked: ReadonlyMap<string, fs.Stats>;
}

/**
 * Collects the tree around `cwd`. Throws MlError: `too_large` naming the largest files, `conflict` for a file that goes
 * on changing; system errors where `cwd` itself cannot be read.
 */
export async function collectTree({
  cwd,
  limits,
  cacheFolder,
  timeoutMs = 5000,
  everything = false,
  ahead,
}: WalkOptions): Promise<Tree> {
  const here = fs.realpathSync(cwd);
  const fork = everything ? null : forkTop(here);
  const top = everything || fork !== null ? null : checkoutTop(here);
  const root = fork ?? top ?? here;
  const listing = top === null ? null : listGit(top, { timeoutMs });
  const cache = new HashCache(cacheFolder, root);
  const signature = top === null ? null : gitSignature(top);
  const known = signature !== null && cache.git?.signature === signature ? cache.git : null;
  const asked = top !== null && known === null ? gitState(top, timeoutMs) : null;
  // While git is busy: most of what it will name is known already.
  const looked = listing === null ? new Map<string, fs.Stats>() : lookAhead(root, cache);
  const listed = await listing;
  const gathered: Gathered = { files: [], links: new Map(), inner: [], leftOut: [], looked };
  const gitAnswered = listed !== null && listed.problem === null;
  if (gitAnswered) {
    gathered.leftOut.push(...listed.leftOut);
    await gatherGit(root, listed.paths, { gathered, cache, timeoutMs });
  } else {
    const plain = await listFolder(root, limits.files, { everything });
    if (plain.tooMany) throw tooMany(plain.paths, limits.files);
    gathered.leftOut.push(...plain.leftOut);
    gather(root, plain.paths, gathered);
  }
  checkLimits(
    gathered.files.map(({ path, stat }) => ({ path, size: stat.size })),
    limits,
  );
  const files = await contents(root, gathered, { cache, ahead });
  const text = snapshotText({ version: 1, files });
  const hash = blobHash(text);
  const git = top === null ? null : await stateFor(top, { known, asked, signature, hash, cache, timeoutMs });
  cache.save(Date.now());
  return {
    root,
    cwdInRoot: relative(root, here) || ".",
    files,
    hash,
    text,
    sizeBytes: files.reduce((sum, file) => sum + file.size, 0),
    leftOut: gathered.leftOut,
    git,
    listedBy: gitAnswered ? "git" : "folder",
    gitProblem: listed?.problem ?? null,
  };
}

/** Small enough to be read from the cache on every command. */
const cachedDiffLength = 64 * 1024;

async function stateFor(
  top: string,
  {
    known,
    asked,
    signature,
    hash,
    cache,
    timeoutMs,
  }: {
    known: HashCache["git"] | null;
    asked: Promise<GitState> | null;
    signature: string | null;
    hash: string;
    cache: HashCache;
    timeoutMs: number;
  },
): Promise<GitState> {
  if (known && known.snapshot === hash) return known.state;
  const state = await (asked ?? gitState(top, timeoutMs));
  const lasting = signature !== null && state.problem === null && signature === gitSignature(top);
  if (lasting && (state.diff?.length ?? 0) <= cachedDiffLength) cache.git = { signature, snapshot: hash, state };
  return state;
}

/** Gathers what git listed: .mlignore applied to all of it, the built-in list to what git does not track. */
async function gatherGit(
  root: string,
  paths: readonly ListedPath[],
  { gathered, cache, timeoutMs }: { gathered: Gathered; cache: HashCache; timeoutMs: number },
): Promise<void> {
  const all = [...paths];
  const pending: Gathered = { files: [], links: new Map(), inner: [], leftOut: [], looked: gathered.looked };
  gather(root, all, pending);
  for (let folder = pending.inner.pop(); folder !== undefined; folder = pending.inner.pop()) {
    const inner = await listInner(root, folder, { timeoutMs });
    pending.leftOut.push(...inner.leftOut);
    all.push(...inner.paths);
    gather(root, inner.paths, pending);
  }
  const ignored = await ignoredPaths(root, all, cache);
  const part = (path: string) => ignored.get(path);
  gathered.files.push(...pending.files.filter(({ path }) => part(path) === undefined));
  for (const [path, target] of pending.links) if (part(path) === undefined) gathered.links.set(path, target);
  gathered.leftOut.push(...pending.leftOut.filter(({ path }) => part(path) === undefined));
  for (const path of new Set(ignored.values())) gathered.leftOut.push({ path, why: "ignored", kind: "ignored" });
}

/** The listed paths that .mlignore or the built-in list names, each with the part of it that is named. */
async function ignoredPaths(
  root: string,
  paths: readonly ListedPath[],
  cache: HashCache,
): Promise<Map<string, string>> {
  const texts = new Map<string, string>();
  if (fs.existsSync(`${root}/.mlignore`)) texts.set("", readText(`${root}/.mlignore`));
  for (const { path } of paths) {
    if (path.endsWith("/.mlignore")) texts.set(path.slice(0, -".mlignore".length), readText(`${root}/${path}`));
  }
  const ignored = new Map<string, string>();
  if (texts.size === 0) {
    for (const { path, tracked } of paths) {
      const part = tracked ? null : builtInPart(path);
      if (part !== null) ignored.set(path, part);
    }
    return ignored;
  }
  const rules = new Bun.CryptoHasher("sha256").update(JSON.stringify([...texts])).digest("hex");
  const before = cache.ignoredBefore(rules);
  const byMlignore: Record<string, string> = {};
  let matchers: { tracked: IgnoredPart; untracked: IgnoredPart } | null = null;
  for (const { path, tracked } of paths) {
    const builtIn = !tracked && builtInPart(path) !== null;
    let part = builtIn ? null : (before?.[path] ?? null);
    if (builtIn || (part === null && !(before !== null && cache.takenBefore(path)))) {
      matchers ??= {
        tracked: await mlignoreMatcher(texts, false),
        untracked: await mlignoreMatcher(texts, true),
      };
      part = tracked ? matchers.tracked(path) : matchers.untracked(path);
    }
    if (part === null) continue;
    ignored.set(path, part);
    if (!builtIn) byMlignore[path] = part;
  }
  cache.setIgnored(rules, byMlignore);
  return ignored;
}

function lookAhead(root: string, cache: HashCache): Map<string, fs.Stats> {
  const looked = new Map<string, fs.Stats>();
  for (const path of cache.paths()) {
    const stat = fs.lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (stat !== undefined) looked.set(path, stat);
  }
  return looked;
}

/** Looks at each path once and sorts it by its nature. What is gone meanwhile, or lies behind a link, is skipped. */
function gather(root: string, paths: readonly ListedPath[], into: Gathered): void {
  const folders = new Map<string, boolean>([[".", true]]);
  const isRealFolder = (folder: string): boolean => {
    let real = folders.get(folder);
    if (real === undefined) {
      real = isRealFolder(dirname(folder));
      if (real) real = fs.lstatSync(`${root}/${folder}`, { throwIfNoEntry: false })?.isDirectory() ?? false;
      folders.set(folder, real);
    }
    return real;
  };
  for (const { path } of paths) {
    const early = into.looked.get(path);
    const bad = early === undefined ? badPath(path) : null;
    if (bad !== null) {
      into.leftOut.push(unsendable(path, bad));
      continue;
    }
    if (!isRealFolder(dirname(path))) continue;
    const stat = early ?? fs.lstatSync(`${root}/${path}`, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    if (stat.isFile()) into.files.push({ path, stat });
    else if (stat.isSymbolicLink()) into.links.set(path, fs.readlinkSync(join(root, path)));
    else if (stat.isDirectory()) into.inner.push(`${path}/`);
    else into.leftOut.push(unsendable(path, `it is a ${specialKind(stat)}`));
  }
}

function specialKind(stat: fs.Stats): string {
  if (stat.isSocket()) return "socket";
  if (stat.isFIFO()) return "named pipe";
  return "device";
}

/** By path, in code units; the runtime sorts bare texts without calling us. */
function sorted(files: readonly SnapshotFile[]): SnapshotFile[] {
  const byPath = new Map<string, SnapshotFile>();
  for (const file of files) byPath.set(file.path, file);
  return [...byPath.keys()].sort().map((path) => byPath.get(path) as SnapshotFile);
}

/** The snapshot's rows for what was gathered, sorted; what cannot be read, and links that leave the tree, are left out. */
async function contents(
  root: string,
  gathered: Gathered,
  { cache, ahead }: { cache: HashCache; ahead: HashesAhead | undefined },
): Promise<SnapshotFile[]> {
  const files: SnapshotFile[] = [];
  for (const { path, stat } of gathered.files) {
    try {
      let seen = stat;
      let hash = cache.find(path, stat);
      if (hash === null) {
        ({ hash, stat: seen } = (await ahead?.hash(root, path, stat.size)) ?? hashFile(root, path));
        cache.add(path, seen, hash);
      }
      files.push({ path, kind: (seen.mode & 0o100) === 0 ? "file" : "exec", size: seen.size, hash });
    } catch (cause) {
      const code = systemCode(cause);
      if (code === "ENOENT") continue;
      if (code !== "EACCES" && code !== "EPERM" && code !== "ELOOP") throw cause;
      gathered.leftOut.push(unsendable(path, `it cannot be read: ${messageOf(cause)}`));
    }
  }
  for (const [path, target] of gathered.links) {
    const bad = target.includes("\ufffd") ? "its target is not UTF-8" : badLink(path, target, gathered.links);
    if (bad !== null) gathered.leftOut.push(unsendable(path, bad));
    else files.push({ path, kind: "link", size: Buffer.byteLength(target), hash: linkHash(target), target });
  }
  return sorted(files);
}
