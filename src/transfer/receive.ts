/**
 * Taking in a pack on the server: in bounded memory, each blob checked against its hash before it can be found. What
 * arrived whole stays, also when the rest never comes; of a large blob that was cut, what there is is kept for a day.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { breathe } from "../core/breathe.ts";
import { MlError } from "../core/error.ts";
import { arrivedPath, BlobBatch } from "../run/blob-batch.ts";
import { hasBlob, type OpenBlob, openBlob, openStretch, readBlobAt } from "../run/blobs.ts";
import type { BasePaths } from "../run/paths.ts";
import { unnamedHash } from "./pack-format.ts";
import { type EntryHead, type EntrySink, type PackLimits, readPack } from "./pack-reader.ts";

export const receiveLimits: PackLimits = { entryBytes: 256 * 2 ** 30, totalBytes: 256 * 2 ** 30, entries: 200_000 };

/** After so much has come, it is made durable and visible before more is taken. */
const publishBytes = 128 * 1024 * 1024;
const publishCount = 4000;
const copyBytes = 1024 * 1024;

export interface Received {
  /** Entries read, stored before or not. */
  entries: number;
}

/** What an entry builds upon; null where that is gone. */
function openBase(base: BasePaths, hash: string, known: string): OpenBlob | null {
  return known === hash ? openStretch(arrivedPath(base, hash)) : openBlob(base, known);
}

class Intake {
  readonly #base: BasePaths;
  readonly #batch: BlobBatch;
  readonly #buffer = Buffer.allocUnsafe(copyBytes);
  #known: OpenBlob | null = null;

  readonly #asFiles: boolean;

  constructor(base: BasePaths, batch: BlobBatch, asFiles: boolean) {
    this.#base = base;
    this.#batch = batch;
    this.#asFiles = asFiles;
  }

  async begin(head: EntryHead): Promise<EntrySink | null> {
    const batch = this.#batch;
    if (batch.bytes >= publishBytes || batch.count >= publishCount) await batch.publish();
    const hash = head.hash === unnamedHash ? null : head.hash;
    if (hash !== null && hasBlob(this.#base, hash, { listAgain: false })) return null;
    const known = head.base === null ? null : openBase(this.#base, head.hash, head.base);
    if (known === null && head.base !== null) return null;
    this.#known = known;
    const writer = this.#asFiles ? batch.begin(hash) : batch.begin(hash, head.size);
    return {
      write: (bytes) => writer.write(bytes),
      copy: async (from, length) => {
        for (let done = 0; done < length; ) {
          const piece = this.#buffer.subarray(0, Math.min(copyBytes, length - done));
          const count = known === null ? 0 : readBlobAt(known, piece, from + done);
          if (count === 0) return false;
          writer.write(this.#buffer.subarray(0, count));
          done += count;
          await breathe();
        }
        return true;
      },
      end: () => {
        const whole = writer.end();
        this.close();
        if (whole && head.base === head.hash) fs.rmSync(arrivedPath(this.#base, head.hash), { force: true });
        // Told by a base that turned out to be another: not stored, so the sender finds it missing and sends it whole.
        if (whole || head.base !== null) return;
        throw new MlError("refused", "the upload was refused: the content of a file does not have its hash", {
          hint: "queue again; if it stays, compare `ml --version` on both sides",
        });
      },
    };
  }

  close(): void {
    this.#known?.close();
    this.#known = null;
  }
}

export interface ReceiveOptions {
  limits?: PackLimits;
  /** Each content becomes a file of its own, which can be linked to, however small and many they are. */
  asFiles?: boolean;
}

/**
 * Reads one pack and stores its blobs durably. Throws MlError (`refused`, `too_large`, `no_space`, …); the blobs that
 * had arrived whole are stored all the same. A blob whose base is not here is passed over.
 */
export async function receivePack(
  base: BasePaths,
  stream: AsyncIterable<Uint8Array>,
  { limits = receiveLimits, asFiles = false }: ReceiveOptions = {},
): Promise<Received> {
  const batch = new BlobBatch(base);
  const intake = new Intake(base, batch, asFiles);
  try {
    const entries = await readPack(stream, limits, (head) => intake.begin(head));
    await batch.publish();
    return { entries };
  } catch (cause) {
    batch.keepArrived();
    await batch.publish().catch(() => {});
    throw cause;
  } finally {
    intake.close();
    batch.discard();
  }
}

/** Removes what interrupted uploads and other work left in staging/ more than `olderThanMs` ago; returns how many. */
export function sweepStaging(base: BasePaths, olderThanMs: number, nowMs = Date.now()): number {
  let swept = 0;
  for (const name of fs.existsSync(base.staging) ? fs.readdirSync(base.staging) : []) {
    const path = join(base.staging, name);
    const stat = fs.lstatSync(path, { throwIfNoEntry: false });
    if (stat === undefined || nowMs - stat.mtimeMs <= olderThanMs) continue;
    fs.rmSync(path, { recursive: true, force: true });
    swept += 1;
  }
  return swept;
}

/** What a server that was killed had of large blobs, put where the next upload finds it. Only while nobody uploads. */
export function keepInterrupted(base: BasePaths): void {
  const staged = fs.existsSync(base.staging) ? fs.readdirSync(base.staging) : [];
  for (const name of staged.filter((found) => found.startsWith("blobs-"))) {
    // What has no name of its own yet, a pack among it, stays to be swept.
    for (const hash of fs.readdirSync(join(base.staging, name)).filter((file) => /^[0-9a-f]{64}$/.test(file))) {
      const path = join(base.staging, name, hash);
      if (fs.statSync(path).size >= copyBytes) fs.renameSync(path, arrivedPath(base, hash));
    }
  }
}
