/**
 * Reading a pack: block by block, in bounded memory, under limits. What becomes of each content is the taker's; this
 * sees to it that what it is handed is exactly as long as it was announced.
 */
import { breathe } from "../core/breathe.ts";
import { MlError } from "../core/error.ts";
import { formatSize } from "../core/size.ts";
import { blockBytes, blockHeaderBytes, entryHeaderBytes, newBytes, packMagic, partHeaderBytes } from "./pack-format.ts";
import { framedLength } from "./zstd-frame.ts";

export interface PackLimits {
  /** Bytes of one content. */
  entryBytes: number;
  /** Bytes of all contents together, decompressed. */
  totalBytes: number;
  entries: number;
}

export interface EntryHead {
  hash: string;
  size: number;
  /** The content that it is told by: another's hash, its own for what arrived of it before; or null. */
  base: string | null;
}

/** Takes one content in. */
export interface EntrySink {
  write(bytes: Uint8Array): void;
  /** `length` bytes of the base from `from` on. False where it cannot; the rest of the entry is then only read over. */
  copy(from: number, length: number): Promise<boolean>;
  end(): void;
}

const pieceBytes = 1024 * 1024;

function bad(why: string): MlError {
  return new MlError("refused", `the stream of files was refused: ${why}`, {
    hint: "run the same command again; if it stays, compare `ml --version` on both sides",
  });
}

function overLimit(what: string): MlError {
  return new MlError("too_large", `the stream of files was refused: ${what}`);
}

/** Exact reads from a stream of chunks. */
class ByteReader {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #held: Uint8Array[] = [];
  #size = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    const step = await this.#chunks.next();
    if (step.done === true) return false;
    this.#held.push(step.value);
    this.#size += step.value.length;
    return true;
  }

  /** The next `count` bytes. Throws `refused` where the stream ends before. */
  async take(count: number): Promise<Uint8Array> {
    while (this.#size < count) if (!(await this.#more())) throw bad("it ended in the middle");
    const all = this.#held.length === 1 && this.#held[0] !== undefined ? this.#held[0] : Buffer.concat(this.#held);
    this.#held = all.length === count ? [] : [all.subarray(count)];
    this.#size -= count;
    return all.subarray(0, count);
  }

  /** What is there of the next `most` bytes, at least one. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#size === 0) if (!(await this.#more())) throw bad("it ended in the middle");
    return await this.take(Math.min(most, this.#held[0]?.length ?? 1));
  }

  async atEnd(): Promise<boolean> {
    while (this.#size === 0) if (!(await this.#more())) return true;
    return false;
  }

  async stop(): Promise<void> {
    await this.#chunks.return?.();
  }
}

/** One block, decompressed; null at the end of the pack. */
async function readBlock(reader: ByteReader): Promise<Uint8Array | null> {
  const header = Buffer.from(await reader.take(blockHeaderBytes));
  const rawLength = header.readUInt32LE(0);
  const storedLength = header.readUInt32LE(4);
  if (rawLength === 0 && storedLength === 0) return null;
  if (rawLength === 0 || storedLength === 0 || rawLength > blockBytes || storedLength > rawLength) {
    throw bad("a block has an impossible length");
  }
  const stored = await reader.take(storedLength);
  return storedLength === rawLength ? stored : await openFrame(stored, rawLength);
}

/** The raw bytes of all blocks; while one is taken in, a thread decompresses the next. */
async function* rawBytes(reader: ByteReader): AsyncGenerator<Uint8Array> {
  for (let block = await readBlock(reader); block !== null; ) {
    const next = readBlock(reader);
    next.catch(() => {});
    yield block;
    await breathe();
    block = await next;
  }
}

async function openFrame(stored: Uint8Array, rawLength: number): Promise<Uint8Array> {
  let raw: Uint8Array | null = null;
  try {
    if (framedLength(stored) === rawLength) raw = await Bun.zstdDecompress(stored);
  } catch {
    // Told below.
  }
  if (raw?.length !== rawLength) throw bad("a block cannot be decompressed to the length it states");
  return raw;
}

function readHead(bytes: Uint8Array): EntryHead {
  const view = Buffer.from(bytes);
  const base = view.toString("hex", 40, 72);
  const size = view.readBigUInt64LE(32);
  return { hash: view.toString("hex", 0, 32), size: Number(size), base: /^0+$/.test(base) ? null : base };
}

async function readWhole(raw: ByteReader, size: number, sink: EntrySink | null): Promise<void> {
  for (let left = size; left > 0; ) {
    const piece = await raw.some(Math.min(left, pieceBytes));
    sink?.write(piece);
    left -= piece.length;
  }
}

async function readParts(raw: ByteReader, size: number, given: EntrySink | null): Promise<void> {
  let sink = given;
  for (let left = size; left > 0; ) {
    const part = Buffer.from(await raw.take(partHeaderBytes));
    const from = part.readBigUInt64LE(0);
    const length = part.readUInt32LE(8);
    if (length === 0 || length > left) throw bad("a part of a file has an impossible length");
    if (from === newBytes) await readWhole(raw, length, sink);
    else if (sink !== null && !(await sink.copy(Number(from), length))) sink = null;
    left -= length;
  }
}

/**
 * Reads one pack; `begin` gives a sink for each content, or null to read over it. Returns the number of contents.
 * Throws MlError (`refused`, `too_large`), and what the stream and the sinks throw.
 */
export async function readPack(
  stream: AsyncIterable<Uint8Array>,
  limits: PackLimits,
  begin: (head: EntryHead) => EntrySink | null | Promise<EntrySink | null>,
): Promise<number> {
  const outer = new ByteReader(stream);
  let entries = 0;
  let total = 0;
  try {
    if (!packMagic.equals(await outer.take(packMagic.length))) throw bad("it is no pack of this version");
    const raw = new ByteReader(rawBytes(outer));
    for (;;) {
      const head = readHead(await raw.take(entryHeaderBytes));
      if (/^0+$/.test(head.hash)) {
        if (head.size !== entries) throw bad("its number of files is wrong");
        break;
      }
      if (head.size > limits.entryBytes) throw overLimit(`a file of more than ${formatSize(limits.entryBytes)}`);
      total += head.size;
      entries += 1;
      if (total > limits.totalBytes) throw overLimit(`more than ${formatSize(limits.totalBytes)} at once`);
      if (entries > limits.entries) throw overLimit(`more than ${limits.entries} files at once`);
      const sink = await begin(head);
      if (head.base === null) await readWhole(raw, head.size, sink);
      else await readParts(raw, head.size, sink);
      sink?.end();
    }
    if (!(await raw.atEnd())) throw bad("there is something after its end");
    if (!(await outer.atEnd())) throw bad("it does not end where it should");
    return entries;
  } catch (cause) {
    await outer.stop().catch(() => {});
    throw cause;
  }
}
