/**
 * Blobs on their way into objects/. They are written to a folder of their own under staging/, checked against their
 * hash, synced together, and only then renamed to where they are found: a name under objects/ is whole, even after a
 * power cut, and never changes again. Many small ones become one pack, with one sync and one name.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { isoTime } from "../core/clock.ts";
import { fileOps, writeAll } from "../core/durable.ts";
import { asMlError } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { startFileWriteBack, startWriteBack, syncFiles, syncFolders } from "../core/sync-batch.ts";
import { hasBlob, loosePath } from "./blobs.ts";
import { packsFolder, packsOf } from "./object-packs.ts";
import { PackWriter } from "./pack-writer.ts";
import type { BasePaths } from "./paths.ts";
import { mostPackedBytes } from "./tar-pack.ts";

/** What arrived of a blob before a cut; kept for a day. */
export function arrivedPath(base: BasePaths, hash: string): string {
  return join(base.staging, `arrived-${hash}`);
}

/** One blob being written. `end` says whether it is whole and right; only then will it be published. */
export interface BlobWriter {
  write(chunk: Uint8Array): void;
  end(): boolean;
}

let batchCounter = 0;
/** What a pack is called while it is written. */
const packName = "pack.tar";

/** When it came, and what no other has. */
export function freshPackName(): string {
  return `${isoTime(Date.now()).slice(0, 19).replace(/[-:]/g, "")}-${crypto.randomUUID().slice(0, 8)}`;
}

/** After so many bytes their way to the disk is begun, while more come: less is left to wait for in the end. */
const writeBackBytes = 8 * 1024 * 1024;
/** Less of a blob is not worth keeping: it is sent again. */
const leastArrived = 1024 * 1024;

export class BlobBatch {
  readonly #base: BasePaths;
  readonly #folder: string;
  readonly #staged = new Set<string>();
  /** Small ones; what becomes of them is decided when all are there. */
  #small: PackWriter;
  #open: { fd: number; path: string; hash: string | null; size: number; fresh: number } | null = null;
  #bytes = 0;
  /** Written since the last time that writing back was begun. */
  #fresh = 0;
  #writingBack = false;
  /** Why the disk refused a file, once it has: nothing of the batch is published then. */
  #refused: unknown = null;
  #fileOnItsWay = Promise.resolve();
  /** Cleared where the disk may have failed unheard: then every file is asked. */
  #writtenBack = true;

  /** Makes the batch's folder under staging/. Throws MlError (`no_space`, …). */
  constructor(base: BasePaths) {
    this.#base = base;
    batchCounter += 1;
    this.#folder = join(base.staging, `blobs-${Date.now().toString(36)}-${process.pid}-${batchCounter}`);
    this.#small = new PackWriter(join(this.#folder, packName));
    storing(() => fs.mkdirSync(this.#folder, { recursive: true, mode: 0o700 }));
    packsOf(base).refresh();
  }

  /** Files that are staged and not yet published. */
  get count(): number {
    return this.#staged.size;
  }

  get bytes(): number {
    return this.#bytes + this.#small.bytes;
  }

  /**
   * Begins the blob `hash`, or with null one that is named by what it turns out to be; one of `sizeBytes`, where that is
   * known, may go into a pack. The one before it must have ended. Its methods throw MlError (`no_space`, …).
   */
  begin(hash: string | null, sizeBytes = Number.POSITIVE_INFINITY): BlobWriter {
    this.#dropOpen();
    return hash !== null && sizeBytes <= mostPackedBytes ? this.#beginSmall(hash) : this.#beginFile(hash);
  }

  #beginSmall(hash: string): BlobWriter {
    const small = this.#small;
    storing(() => small.begin());
    return { write: (chunk) => small.write(chunk), end: () => small.has(hash) || small.end(hash) };
  }

  #beginFile(hash: string | null): BlobWriter {
    const path = join(this.#folder, hash ?? "unnamed");
    const sum = new Bun.CryptoHasher("sha256");
    storing(() => {
      if (hash !== null && this.#staged.delete(hash)) fs.rmSync(path);
      this.#open = { fd: fileOps.open(path, "wx", 0o444), path, hash, size: 0, fresh: 0 };
    });
    return {
      write: (chunk) => {
        const open = this.#open;
        if (open === null) return;
        sum.update(chunk);
        storing(() => {
          fault("objects/write");
          writeAll(open.fd, chunk);
        });
        open.size += chunk.length;
        open.fresh += chunk.length;
        this.#fresh += chunk.length;
        if (open.fresh >= writeBackBytes) this.#writeBackOpen(open);
        else if (this.#fresh >= writeBackBytes) this.#writeBack();
      },
      end: () => {
        if (this.#open === null) return false;
        const found = sum.digest("hex");
        if (found !== (hash ?? found)) {
          this.#dropOpen();
          return false;
        }
        const { fd, size } = this.#open;
        storing(() => fileOps.close(fd));
        this.#open = null;
        if (hash === null) fs.renameSync(path, join(this.#folder, found));
        this.#staged.add(found);
        this.#bytes += size;
        return true;
      },
    };
  }

  /** Of a large file alone. */
  #writeBackOpen(open: { path: string; fresh: number }): void {
    if (this.#writingBack) return;
    this.#writingBack = true;
    open.fresh = 0;
    this.#fresh = 0;
    this.#fileOnItsWay = startFileWriteBack(open.path).then((failure) => {
      this.#writingBack = false;
      this.#refused ??= failure;
    });
  }

  /** One at a time. */
  #writeBack(): void {
    if (this.#writingBack) return;
    this.#writingBack = true;
    this.#fresh = 0;
    void startWriteBack(this.#folder).then((done) => {
      this.#writingBack = false;
      this.#writtenBack &&= done;
    });
  }

  /** Makes the small ones durable, as a pack or spread over files; null where there is no pack. */
  async #endSmall(): Promise<Buffer | null> {
    const small = this.#small;
    this.#small = new PackWriter(join(this.#folder, packName));
    try {
      if (!small.isFew) return await small.finish();
      for (const hash of small.spread(this.#folder)) this.#staged.add(hash);
      return null;
    } finally {
      small.discard();
    }
  }

  /** Makes all that ended well durable and visible. Throws MlError; what was not published is then sent again. */
  async publish(): Promise<void> {
    try {
      const rows = await this.#endSmall();
      const hashes = [...this.#staged].filter((hash) => !hasBlob(this.#base, hash, { listAgain: false }));
      this.#staged.clear();
      this.#bytes = 0;
      if (hashes.length === 0 && rows === null) return;
      await this.#fileOnItsWay;
      if (this.#refused !== null) throw this.#refused;
      const each = !this.#writtenBack;
      await syncFiles(
        hashes.map((hash) => join(this.#folder, hash)),
        { each },
      );
      fault("objects/before-publish");
      const folders = new Set<string>();
      for (const hash of hashes) {
        const folder = join(this.#base.objects, hash.slice(0, 2));
        if (!folders.has(folder) && fs.mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) {
          folders.add(this.#base.objects);
        }
        folders.add(folder);
        fileOps.rename(join(this.#folder, hash), loosePath(this.#base, hash));
        fault("objects/published-one");
      }
      const name = rows === null ? null : this.#renamePack(folders);
      await syncFolders(folders);
      if (name !== null && rows !== null) packsOf(this.#base).add(name, rows);
    } catch (cause) {
      throw asMlError(cause, "storing the code");
    }
  }

  /** Gives the pack its name, and `folders` those that changed. */
  #renamePack(folders: Set<string>): string {
    const folder = packsFolder(this.#base);
    const name = freshPackName();
    if (fs.mkdirSync(folder, { recursive: true, mode: 0o700 }) !== undefined) folders.add(this.#base.objects);
    folders.add(folder);
    fileOps.rename(join(this.#folder, packName), join(folder, `${name}.tar`));
    fault("objects/pack-published");
    return name;
  }

  /** The blob that is being written did not come whole: what there is of it is kept, if it is much. Never throws. */
  keepArrived(): void {
    if (this.#open === null || this.#open.hash === null || this.#open.size < leastArrived) return;
    const { fd, path, hash } = this.#open;
    this.#open = null;
    try {
      fileOps.close(fd);
      fs.renameSync(path, arrivedPath(this.#base, hash));
    } catch {
      // It will be sent again.
    }
  }

  /** Forgets what was not published. Never throws. */
  discard(): void {
    this.#dropOpen();
    this.#small.discard();
    fs.rmSync(this.#folder, { recursive: true, force: true });
  }

  #dropOpen(): void {
    if (this.#open === null) return;
    const { fd, path } = this.#open;
    this.#open = null;
    try {
      fileOps.close(fd);
    } finally {
      fs.rmSync(path, { force: true });
    }
  }
}

function storing(act: () => void): void {
  try {
    act();
  } catch (cause) {
    throw asMlError(cause, "storing the code");
  }
}
