/**
 * What a script left: the files under work/ with their hashes, and which of them are artifacts: those that are not in the
 * snapshot, or differ from it. Symlinks are named and never followed, so a loop is no danger; devices, sockets and pipes
 * are never opened. A file that changes while it is read is read once more and then marked.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Artifact, Artifacts } from "./manifest.ts";
import type { Snapshot } from "./snapshot.ts";

export interface FoundFile {
  /** Relative to the folder that was walked, `/`-separated. */
  path: string;
  kind: "file" | "link" | "other";
  sizeBytes: number;
  mtimeMs: number;
  ctimeMs: number;
  ino: number;
  /** Type and permission bits. */
  mode: number;
}

/** All files under `folder`, sorted by path; unreadable folders and names that are no UTF-8 are left out. */
export function walkFiles(folder: string): FoundFile[] {
  const found: FoundFile[] = [];
  const todo = [""];
  for (let prefix = todo.pop(); prefix !== undefined; prefix = todo.pop()) {
    let entries: fs.Dirent[];
    try {
      entries = fs.readdirSync(join(folder, prefix), { withFileTypes: true });
    } catch {
      continue;
    }
    for (const entry of entries) {
      const path = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory()) {
        todo.push(path);
        continue;
      }
      const stat = fs.lstatSync(`${folder}/${path}`, { throwIfNoEntry: false });
      if (stat === undefined) continue;
      const kind = stat.isFile() ? "file" : stat.isSymbolicLink() ? "link" : "other";
      const { size, mtimeMs, ctimeMs, ino, mode } = stat;
      found.push({ path, kind, sizeBytes: size, mtimeMs, ctimeMs, ino, mode });
    }
  }
  return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

function stateOf(path: string): Pick<FoundFile, "kind" | "sizeBytes" | "mtimeMs" | "ino"> {
  const stat = fs.lstatSync(path);
  return { kind: stat.isFile() ? "file" : "other", sizeBytes: stat.size, mtimeMs: stat.mtimeMs, ino: stat.ino };
}

const smallBytes = 256 * 1024;
const chunkBytes = 1024 * 1024;

async function hashOnce(path: string, sizeBytes: number): Promise<string> {
  const hasher = new Bun.CryptoHasher("sha256");
  if (sizeBytes <= smallBytes) return hasher.update(fs.readFileSync(path)).digest("hex");
  const handle = await fs.promises.open(path, "r");
  try {
    const buffer = Buffer.alloc(chunkBytes);
    for (;;) {
      const { bytesRead } = await handle.read(buffer, 0, chunkBytes, null);
      if (bytesRead === 0) return hasher.digest("hex");
      hasher.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await handle.close();
  }
}

export interface Hashed {
  sha256: string;
  /** True where the file changed during both readings: the hash may fit no state of it. */
  changedWhileReading: boolean;
}

/** sha256 of a regular file, giving way between chunks; null where it cannot be read. `found`: as it was a moment ago. */
export async function hashFile(path: string, found: FoundFile | null = null): Promise<Hashed | null> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const before = attempt === 1 && found !== null ? found : stateOf(path);
      if (before.kind !== "file") return null;
      const sha256 = await hashOnce(path, before.sizeBytes);
      const after = stateOf(path);
      const same = before.sizeBytes === after.sizeBytes && before.mtimeMs === after.mtimeMs && before.ino === after.ino;
      if (same || attempt === 2) return { sha256, changedWhileReading: !same };
    } catch {
      return null;
    }
  }
}

/** Byte code that an interpreter keeps for itself; sealed like everything, but nobody's result. */
function isByproduct(path: string): boolean {
  return path.includes("__pycache__/") || path.endsWith(".pyc");
}

/** So many artifacts are listed; the rest is counted. */
const listLimit = 10_000;
/** Above this many bytes of artifacts, their hashes are left to sealing, so that the end of the run is not held up. */
const hashLimitBytes = 64 * 1024 * 1024;

/** Which file was laid out where, as the file system tells files apart; by path. */
export type LaidOut = ReadonlyMap<string, { ino: number; ctimeMs: number; sizeBytes: number }>;

export interface Discovery {
  artifacts: Artifacts;
  /** What was found under work/, and the hashes that were computed or known on the way, by path; for sealing. */
  found: FoundFile[];
  hashes: Map<string, Hashed>;
}

export interface DiscoverOptions {
  /** Null where the run had no code of its own. */
  snapshot: Snapshot | null;
  now: string;
  limit?: number;
  /**
   * What is known of the files as they were laid out, and a moment of the same file system's clock before the script's
   * first instruction. Who has the inode, the size and the change time of then, and had them before that moment, still
   * has the content: no program can set a change time.
   */
  untouched?: { laidOut: LaidOut; beforeMs: number } | null;
}

/** ext2 to ext4, XFS, Btrfs, F2FS: there every write moves the change time, also one through mmap (not so on tmpfs). */
const tellingTypes = new Set([0xef53, 0x58465342, 0x9123683e, 0xf2f52010]);

/** True where a change time can be trusted to tell that a file was written to. */
export function tellsChanges(folder: string): boolean {
  try {
    return tellingTypes.has(fs.statfsSync(folder).type);
  } catch {
    return false;
  }
}

function isUntouched(file: FoundFile, { untouched }: DiscoverOptions): boolean {
  const then = untouched?.laidOut.get(file.path);
  if (untouched == null || then === undefined || then.ctimeMs >= untouched.beforeMs) return false;
  return then.ino === file.ino && then.ctimeMs === file.ctimeMs && then.sizeBytes === file.sizeBytes;
}

async function asArtifact(work: string, file: FoundFile, hashed: Hashed | null): Promise<Artifact> {
  const entry: Artifact = {
    path: file.path,
    size_bytes: file.sizeBytes,
    modified: new Date(file.mtimeMs).toISOString(),
  };
  if (file.kind === "link") entry.link = fs.readlinkSync(join(work, file.path));
  if (hashed !== null) entry.sha256 = hashed.sha256;
  if (hashed?.changedWhileReading) entry.changed_while_reading = true;
  return entry;
}

/** Finds the artifacts under `work`. Throws nothing but what a disk throws while listing. */
export async function discoverArtifacts(work: string, options: DiscoverOptions): Promise<Discovery> {
  const { snapshot, now, limit = listLimit } = options;
  const code = new Map(snapshot?.files.map((file) => [file.path, file]) ?? []);
  const hashes = new Map<string, Hashed>();
  const fresh: FoundFile[] = [];
  const found = walkFiles(work);
  for (const file of found) {
    if (file.kind === "other" || isByproduct(file.path)) continue;
    const sent = code.get(file.path);
    if (sent !== undefined && (sent.kind === "link") === (file.kind === "link")) {
      if (sent.kind === "link" && fs.readlinkSync(join(work, file.path)) === sent.target) continue;
      if (sent.kind !== "link" && sent.size === file.sizeBytes) {
        const known = isUntouched(file, options) ? { sha256: sent.hash, changedWhileReading: false } : null;
        const hashed = known ?? (await hashFile(join(work, file.path), file));
        if (hashed !== null) hashes.set(file.path, hashed);
        if (hashed?.sha256 === sent.hash) continue;
      }
    }
    fresh.push(file);
  }
  const totalBytes = fresh.reduce((sum, file) => sum + file.sizeBytes, 0);
  const files: Artifact[] = [];
  for (const file of fresh.slice(0, limit)) {
    let hashed = hashes.get(file.path) ?? null;
    if (hashed === null && file.kind === "file" && totalBytes <= hashLimitBytes) {
      hashed = await hashFile(join(work, file.path));
      if (hashed !== null) hashes.set(file.path, hashed);
    }
    files.push(await asArtifact(work, file, hashed));
  }
  const notListed = Math.max(0, fresh.length - limit);
  return {
    artifacts: { discovery_time: now, files, total_size_bytes: totalBytes, not_listed: notListed },
    found,
    hashes,
  };
}
