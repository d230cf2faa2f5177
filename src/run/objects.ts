/**
 * The code of all runs, each content once: blobs under objects/, trees of them under snapshots/, both named by their
 * own hash and never changed. Nothing here knows where the bytes came from; nothing is laid out outside of the folder
 * that was asked for, whatever a snapshot says.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { breathe } from "../core/breathe.ts";
import { writeDurable } from "../core/durable.ts";
import { asMlError, MlError, systemCode } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import type { LaidOut } from "./artifacts.ts";
import { BlobBatch } from "./blob-batch.ts";
import { copyLarge, hasBlob, hashBlob, loosePath, type OpenBlob, OpenPacks, openBlob, readBlobAt } from "./blobs.ts";
import { packsOf } from "./object-packs.ts";
import type { BasePaths } from "./paths.ts";
import { relyOn } from "./reliance.ts";
import {
  changedSnapshot,
  checkedText,
  checkSnapshot,
  type Snapshot,
  type SnapshotFile,
  shownPath,
} from "./snapshot.ts";
import { isChange } from "./snapshot-change.ts";

/** Above this size a file is cloned or copied by the kernel and checked by size only; below, its hash is checked too. */
const checkedBytes = 4 * 1024 * 1024;
/** Milliseconds after which laying out lets other work of the process have its turn. */
const sliceMs = 8;

function sha256(bytes: Uint8Array | string): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}

/** Those of `hashes` that are not stored, each once. */
export function missingBlobs(base: BasePaths, hashes: Iterable<string>): string[] {
  packsOf(base).refresh();
  return [...new Set(hashes)].filter((hash) => !hasBlob(base, hash, { listAgain: false }));
}

/**
 * Stores one blob durably (many: BlobBatch). Storing it twice is fine. Throws MlError: `refused` where the bytes do not
 * have `expectedHash`, `no_space` and its like; nothing is then visible.
 */
export async function storeBlob(
  base: BasePaths,
  given: Uint8Array | ReadableStream<Uint8Array>,
  expectedHash: string,
): Promise<void> {
  if (hasBlob(base, expectedHash)) return;
  const batch = new BlobBatch(base);
  try {
    const writer = batch.begin(expectedHash);
    if (given instanceof Uint8Array) writer.write(given);
    else for await (const chunk of given) writer.write(chunk);
    if (!writer.end())
      throw new MlError("refused", `a blob was refused: its bytes are not those of \`${expectedHash}\``);
    await batch.publish();
  } finally {
    batch.discard();
  }
}

/** A damaged blob is moved aside, so that the next submission sends it again; out of a pack it is copied, and named damaged there. */
function setAside(base: BasePaths, hash: string, blob: OpenBlob): void {
  fs.mkdirSync(base.quarantine, { recursive: true, mode: 0o700 });
  const aside = join(base.quarantine, `blob-${hash}`);
  if (blob.pack === null) {
    fs.renameSync(loosePath(base, hash), aside);
    return;
  }
  const bytes = Buffer.alloc(blob.size);
  fs.rmSync(aside, { force: true });
  fs.writeFileSync(aside, bytes.subarray(0, readBlobAt(blob, bytes, 0)), { mode: 0o444 });
  packsOf(base).setDamaged(blob.pack, hash);
}

function damaged(base: BasePaths, { hash, path }: { hash: string; path: string }, blob: OpenBlob): MlError {
  setAside(base, hash, blob);
  return new MlError("failed", `the stored content of \`${shownPath(path)}\` is damaged (blob \`${hash}\`)`, {
    hint: `queue it again from the same tree, which sends it anew; the damaged copy is in ${base.quarantine}`,
  });
}

/** Where contents are not here that were to be. */
export function lacking(hashes: string[]): MlError {
  return new MlError("snapshot_missing", `${hashes.length} files of the snapshot have not arrived`, {
    hint: "queue it again from the same tree, which sends what is missing",
    data: { missing: hashes },
  });
}

/** The bytes of a blob, checked. Throws MlError: `snapshot_missing` where there is none, `failed` where it is damaged. */
export function readBlob(base: BasePaths, hash: string): Uint8Array {
  let blob: OpenBlob | null = null;
  try {
    blob = openBlob(base, hash);
    if (blob === null) throw lacking([hash]);
    const room = Buffer.allocUnsafe(blob.size);
    const bytes = room.subarray(0, readBlobAt(blob, room, 0));
    if (sha256(bytes) !== hash) throw damaged(base, { hash, path: hash }, blob);
    return bytes;
  } catch (cause) {
    throw asMlError(cause, `reading the blob \`${hash}\``);
  } finally {
    blob?.close();
  }
}

function snapshotPath(base: BasePaths, hash: string): string {
  if (!/^[0-9a-f]{64}$/.test(hash))
    throw new MlError("bad_path", "a snapshot was asked for by a name that is no sha256");
  return join(base.snapshots, `${hash}.json`);
}

/** True where the snapshot is stored; then all of its blobs once were. */
export function hasSnapshot(base: BasePaths, hash: string): boolean {
  relyOn(hash);
  return fs.existsSync(snapshotPath(base, hash));
}

/** True where the snapshot can be read and all of its contents are here: what was damaged, or lost with its pack, is to be sent anew. */
export function isWhole(base: BasePaths, hash: string): boolean {
  if (!hasSnapshot(base, hash)) return false;
  try {
    return missingBlobs(base, blobHashes(readSnapshot(base, hash))).length === 0;
  } catch (cause) {
    if (cause instanceof MlError) return false;
    throw cause;
  }
}

/** The snapshot that was last read: runs that are queued one after the other mostly have the same. Nobody changes it. */
let lastSnapshot: { hash: string; text: string; snapshot: Snapshot } | null = null;
const heldLength = 1024 * 1024;

/** A stored snapshot, checked. Throws MlError: `snapshot_missing` where there is none, `failed` where it is damaged. */
export function readSnapshot(base: BasePaths, hash: string): Snapshot {
  relyOn(hash);
  let text: string;
  try {
    text = fs.readFileSync(snapshotPath(base, hash), "utf8");
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw asMlError(cause, `reading the snapshot \`${hash}\``);
    throw new MlError("snapshot_missing", `there is no snapshot \`${hash}\``, { data: { snapshots: [hash] } });
  }
  // Named by its hash: a text with this name that was good once need not be parsed again, only compared.
  const held = lastSnapshot;
  if (held !== null && held.hash === hash && held.text === text) return held.snapshot;
  if (sha256(text) !== hash) {
    throw new MlError("failed", `the snapshot \`${hash}\` is damaged`, {
      hint: `remove ${snapshotPath(base, hash)} and queue again from the same tree`,
    });
  }
  const snapshot = checkSnapshot(JSON.parse(text));
  if (text.length <= heldLength) lastSnapshot = { hash, text, snapshot };
  return snapshot;
}

/** The tree that was given in one of the three forms, checked, and the name that it must turn out to have, if it was named. */
function givenTree(base: BasePaths, given: unknown): { snapshot: Snapshot; name: string | null } {
  if (typeof given === "string") return { snapshot: checkSnapshot(parseTree(readBlob(base, given))), name: given };
  if (!isChange(given)) return { snapshot: checkSnapshot(given), name: null };
  return { snapshot: changedSnapshot(readSnapshot(base, given.base), given.removed, given.set), name: given.snapshot };
}

/**
 * Checks and keeps a tree, given as itself, as the hash of a blob with its exact text, or as a change of another, and
 * returns its name. Throws MlError: `bad_path` or `refused` for one that could leave its folder, `snapshot_missing` with
 * data {missing} where blobs are not there, or {snapshots} where the other tree is not, `no_space` and its like.
 */
export function storeSnapshot(base: BasePaths, given: unknown): string {
  const { snapshot, name } = givenTree(base, given);
  const text = checkedText(snapshot);
  const hash = sha256(text);
  if (name !== null && name !== hash) {
    throw new MlError("refused", `the snapshot \`${name}\` was refused: its text is not in the exact form`);
  }
  const missing = missingBlobs(base, blobHashes(snapshot));
  if (missing.length > 0) throw lacking(missing);
  try {
    readSnapshot(base, hash);
  } catch {
    try {
      fault("objects/snapshot");
      writeDurable(snapshotPath(base, hash), text, { mode: 0o444 });
    } catch (cause) {
      throw asMlError(cause, "storing the snapshot");
    }
    // The next one is likely to be a change of this.
    if (text.length <= heldLength) lastSnapshot = { hash, text, snapshot };
  }
  return hash;
}

function parseTree(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    throw new MlError("refused", "the snapshot was refused: its text is no JSON");
  }
}

/**
 * The contents of `count` files from place `from` on, in the tree whose text was stored as the blob `hash`; links have
 * none. Throws `snapshot_missing` where there is no such blob, `refused` for one that is no tree.
 */
export function listedHashes(
  base: BasePaths,
  hash: string,
  { from, count }: { from: number; count: number },
): string[] {
  const { files } = checkSnapshot(parseTree(readBlob(base, hash)));
  return files.slice(from, from + count).flatMap((file) => (file.kind === "link" ? [] : [file.hash]));
}

/** The blobs that a tree needs: links carry their target themselves. */
export function blobHashes(snapshot: Snapshot): string[] {
  return [...new Set(snapshot.files.filter((file) => file.kind !== "link").map((file) => file.hash))];
}

/**
 * Lays the tree out in `workFolder`: fresh copies with modes 0644 and 0755, symlinks as they were. It appears whole or
 * not at all, and whatever stood there is replaced: only for a run that has not been started. `hash` null gives an
 * empty folder. Returns what was laid out. Throws MlError (`snapshot_missing`, `failed` for damage, `no_space`, …).
 */
export async function checkoutSnapshot(base: BasePaths, hash: string | null, workFolder: string): Promise<LaidOut> {
  const files = hash === null ? [] : readSnapshot(base, hash).files;
  const laying = `${workFolder}.laying`;
  const openPacks = new OpenPacks();
  try {
    fs.rmSync(laying, { recursive: true, force: true });
    fs.mkdirSync(laying, { mode: 0o755, recursive: true });
    const laidOut = await layOut({ base, openPacks }, files, laying);
    fault("objects/laid-out");
    fs.rmSync(workFolder, { recursive: true, force: true });
    fs.renameSync(laying, workFolder);
    return laidOut;
  } catch (cause) {
    fs.rmSync(laying, { recursive: true, force: true });
    throw asMlError(cause, "laying out the code");
  } finally {
    openPacks.close();
  }
}

async function layOut(from: Laying, files: readonly SnapshotFile[], folder: string): Promise<LaidOut> {
  if (copyBuffer.length === 0) copyBuffer = Buffer.allocUnsafeSlow(checkedBytes + 1);
  const strictUmask = (process.umask() & 0o755) !== 0;
  const made = new Set<string>([folder]);
  const makeFolder = (path: string) => {
    if (made.has(path)) return;
    fs.mkdirSync(path, { recursive: true, mode: 0o755 });
    made.add(path);
  };
  const laidOut = new Map<string, { ino: number; ctimeMs: number; sizeBytes: number }>();
  let pause = performance.now() + sliceMs;
  for (const file of files) {
    const path = `${folder}/${file.path}`;
    makeFolder(dirname(path));
    if (file.kind === "link") continue;
    const mode = file.kind === "exec" ? 0o755 : 0o644;
    await layOutFile(from, file, { path, mode });
    if (strictUmask) fs.chmodSync(path, mode);
    const { ino, ctimeMs, size } = fs.lstatSync(path);
    // Of a large file only the size was checked: its content is not known.
    if (size <= checkedBytes) laidOut.set(file.path, { ino, ctimeMs, sizeBytes: size });
    if (performance.now() < pause) continue;
    await breathe();
    pause = performance.now() + sliceMs;
  }
  for (const file of files) if (file.kind === "link") fs.symlinkSync(file.target ?? "", join(folder, file.path));
  return laidOut;
}

/** One byte more than is ever copied through it, so that a file that is too long is noticed. */
let copyBuffer = Buffer.alloc(0);

/** By hand, because `writeFileSync` ends with an ftruncate that ext4 makes dear. */
function writeNew(path: string, bytes: Buffer, mode: number): void {
  const fd = fs.openSync(path, "wx", mode);
  try {
    for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
  } finally {
    fs.closeSync(fd);
  }
}

interface Laying {
  base: BasePaths;
  openPacks: OpenPacks;
}

/** A tree of somebody's that has a size wrong makes nobody else's content a damaged one. */
async function otherSize(base: BasePaths, file: SnapshotFile, blob: OpenBlob): Promise<MlError> {
  if ((await hashBlob(base, file.hash)) !== file.hash) return damaged(base, file, blob);
  const message = `the tree says that \`${shownPath(file.path)}\` has ${file.size} bytes, but its content has ${blob.size}`;
  return new MlError("failed", message, { hint: "queue it again; if it stays, compare `ml --version` on both sides" });
}

/** Waits for nothing between reading and writing: all share one buffer. */
async function layOutFile(
  { base, openPacks }: Laying,
  file: SnapshotFile,
  to: { path: string; mode: number },
): Promise<void> {
  const blob = openBlob(base, file.hash, openPacks);
  if (blob === null) throw lacking([file.hash]);
  try {
    if (blob.size !== file.size) throw await otherSize(base, file, blob);
    if (file.size > checkedBytes) {
      if (!copyLarge(base, file.hash, to)) throw lacking([file.hash]);
      return;
    }
    const bytes = copyBuffer.subarray(0, readBlobAt(blob, copyBuffer, 0));
    if (bytes.length !== file.size || sha256(bytes) !== file.hash) throw damaged(base, file, blob);
    writeNew(to.path, bytes, to.mode);
  } finally {
    blob.close();
  }
}
