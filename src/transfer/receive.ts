/**
 * Taking in a pack on the server: block by block, in bounded memory, under limits, each blob checked against its hash
 * before it can be found. What arrived whole stays, also when the rest never comes, so that a second try sends only that.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { constants, zstdDecompressSync } from "node:zlib";
import { MlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { BlobBatch, type BlobWriter, hasBlob } from "../run/blob-batch.ts";
import type { BasePaths } from "../run/paths.ts";
import { blockBytes, blockHeaderBytes, entryHeaderBytes, packMagic } from "./pack-format.ts";

export interface ReceiveLimits {
  /** Bytes of one blob. */
  entryBytes: number;
  /** Content bytes of the pack, decompressed. */
  totalBytes: number;
  entries: number;
}

export const receiveLimits: ReceiveLimits = { entryBytes: 2 * 2 ** 30, totalBytes: 4 * 2 ** 30, entries: 200_000 };

/** After so much has come, it is made durable and visible before more is taken. */
const publishBytes = 128 * 1024 * 1024;
const publishCount = 4000;
/** A frame of 1 MiB needs no more than a 1 MiB window; a larger one only costs memory. */
const maxWindowLog = 21;

function bad(why: string): MlError {
  return new MlError("refused", `the upload was refused: ${why}`, {
    hint: "queue again; if it stays, compare `ml --version` on both sides",
  });
}

function overLimit(what: string): MlError {
  return new MlError("too_large", `the upload was refused: ${what}`);
}

/** Exact reads from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #size = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next `count` bytes. Throws `refused` where the stream ends before. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#size < count) {
      const step = await this.#chunks.next();
      if (step.done === true) throw bad("it ended in the middle");
      this.#held.push(step.value);
      this.#size += step.value.length;
    }
    const all = this.#held.length === 1 && this.#held[0] !== undefined ? this.#held[0] : Buffer.concat(this.#held);
    this.#held = all.length === count ? [] : [all.subarray(count)];
    this.#size -= count;
    return all.subarray(0, count);
  }

  async atEnd(): Promise<boolean> {
    if (this.#size > 0) return false;
    for (;;) {
      const step = await this.#chunks.next();
      if (step.done === true) return true;
      if (step.value.length > 0) return false;
    }
  }

  async stop(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** Cuts the raw bytes into entries and feeds them to the batch. */
class EntryReader {
  readonly #base: BasePaths;
  readonly #batch: BlobBatch;
  readonly #limits: ReceiveLimits;
  #header = Buffer.alloc(0);
  #writer: BlobWriter | null = null;
  #left = 0;
  #inEntry = false;
  #total = 0;
  entries = 0;
  ended = false;

  constructor(base: BasePaths, batch: BlobBatch, limits: ReceiveLimits) {
    this.#base = base;
    this.#batch = batch;
    this.#limits = limits;
  }

  /** Throws `refused` for what is no pack or has a wrong hash, `too_large`, `no_space` and its like. */
  write(raw: Uint8Array): void {
    for (let rest = raw; rest.length > 0; ) {
      if (this.ended) throw bad("there is something after its end");
      if (!this.#inEntry) {
        const count = Math.min(rest.length, entryHeaderBytes - this.#header.length);
        this.#header = Buffer.concat([this.#header, rest.subarray(0, count)]);
        rest = rest.subarray(count);
        if (this.#header.length === entryHeaderBytes) this.#begin();
        continue;
      }
      const count = Math.min(rest.length, this.#left);
      this.#writer?.write(rest.subarray(0, count));
      this.#left -= count;
      rest = rest.subarray(count);
      this.#endIfWhole();
    }
  }

  #begin(): void {
    const hash = this.#header.toString("hex", 0, 32);
    const size = this.#header.readBigUInt64LE(32);
    this.#header = Buffer.alloc(0);
    if (/^0+$/.test(hash)) {
      if (size !== BigInt(this.entries)) throw bad("its number of files is wrong");
      this.ended = true;
      return;
    }
    if (size > BigInt(this.#limits.entryBytes)) {
      throw overLimit(`a file of more than ${formatSize(this.#limits.entryBytes)}`);
    }
    this.#left = Number(size);
    this.#total += this.#left;
    this.entries += 1;
    if (this.#total > this.#limits.totalBytes)
      throw overLimit(`more than ${formatSize(this.#limits.totalBytes)} at once`);
    if (this.entries > this.#limits.entries) throw overLimit(`more than ${this.#limits.entries} files at once`);
    this.#writer = hasBlob(this.#base, hash) ? null : this.#batch.begin(hash);
    this.#inEntry = true;
    this.#endIfWhole();
  }

  #endIfWhole(): void {
    if (this.#left > 0) return;
    this.#inEntry = false;
    if (this.#writer !== null && !this.#writer.end()) throw bad("the content of a file does not have its hash");
    this.#writer = null;
  }
}

async function readBlock(reader: ByteReader): Promise<Uint8Array | null> {
  const header = Buffer.from(await reader.take(blockHeaderBytes));
  const rawLength = header.readUInt32LE(0);
  const storedLength = header.readUInt32LE(4);
  if (rawLength === 0 && storedLength === 0) return null;
  if (rawLength === 0 || storedLength === 0 || rawLength > blockBytes || storedLength > rawLength) {
    throw bad("a block has an impossible length");
  }
  const stored = await reader.take(storedLength);
  if (storedLength === rawLength) return stored;
  let raw: Uint8Array;
  try {
    raw = zstdDecompressSync(stored, {
      maxOutputLength: rawLength,
      params: { [constants.ZSTD_d_windowLogMax]: maxWindowLog },
    });
  } catch {
    throw bad("a block cannot be decompressed to the length it states");
  }
  if (raw.length !== rawLength) throw bad("a block cannot be decompressed to the length it states");
  return raw;
}

export interface Received {
  /** Entries read, stored before or not. */
  entries: number;
}

/**
 * Reads one pack and stores its blobs durably. Throws MlError (`refused`, `too_large`, `no_space`, …); the blobs that
 * had arrived whole are stored all the same.
 */
export async function receivePack(
  base: BasePaths,
  stream: AsyncIterable<Uint8Array>,
  limits: ReceiveLimits = receiveLimits,
): Promise<Received> {
  const batch = new BlobBatch(base);
  const reader = new ByteReader(stream);
  const entries = new EntryReader(base, batch, limits);
  try {
    if (!packMagic.equals(await reader.take(packMagic.length))) throw bad("it is no pack of this version");
    for (let raw = await readBlock(reader); raw !== null; raw = await readBlock(reader)) {
      entries.write(raw);
      if (batch.bytes >= publishBytes || batch.count >= publishCount) await batch.publish();
      await new Promise((resolve) => setImmediate(resolve));
    }
    if (!entries.ended || !(await reader.atEnd())) throw bad("it does not end where it should");
    await batch.publish();
    return { entries: entries.entries };
  } catch (cause) {
    await reader.stop().catch(() => {});
    await batch.publish().catch(() => {});
    throw cause;
  } finally {
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
