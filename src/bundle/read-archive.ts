/**
 * Reads a bundle from its first byte to its last: unpacks, judges each entry, hashes each file, and hands the bytes on to
 * whoever wants them. Memory does not grow with the archive; a text that a check needs is kept, under a limit.
 *
 * The tar itself is taken apart by modern-tar (strict: header sums, both blocks of zeros at the end, nothing behind them).
 */
import { Readable } from "node:stream";
import { createGunzip, createZstdDecompress } from "node:zlib";
import { createTarDecoder, type ParsedTarEntry } from "modern-tar";
import { breathe } from "../core/breathe.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import {
  type ArchiveLimits,
  archiveLimits,
  Judge,
  type Judged,
  refusedArchive,
  tooLargeArchive,
} from "./archive-rules.ts";
import { files, type Place } from "./layout.ts";

export interface ArchivedFile {
  sizeBytes: number;
  sha256: string;
  isExecutable: boolean;
}

export interface ArchiveFacts {
  /** Name of the folder at the top. */
  top: string;
  /** By path without the top folder. */
  files: Map<string, ArchivedFile>;
  links: Map<string, string>;
  /** The texts that checks read. */
  texts: Map<string, string>;
  packedBytes: number;
  unpackedBytes: number;
}

/** Takes the bytes of one file. `end` is called once all of them are there. */
export interface FileSink {
  write(bytes: Uint8Array): void;
  end(sha256: string): void;
  /** In place of `end` where no more of it comes; with the sum of what was written. */
  cut?(sha256: string): void;
}

/** What is before the bytes of a file that travels from a byte on. */
export interface Beginning {
  sizeBytes: number;
  body: AsyncIterable<Uint8Array>;
}

/** A file that is taken as if it had been in the archive. */
export interface ThinContent {
  path: string;
  sizeBytes: number;
  isExecutable: boolean;
  body: AsyncIterable<Uint8Array>;
}

export interface ReadOptions {
  limits?: ArchiveLimits;
  /** Null: only hashed. May throw, which ends the reading. */
  begin?: (path: string, place: Place, isExecutable: boolean) => FileSink | null;
  /** What is before the bytes of this file, where the archive brings only the rest. Judged, hashed and counted with it. May throw. */
  beginning?: (facts: ArchiveFacts, path: string) => Beginning | null;
  /** Once the archive has ended: what it names without having it. Judged, hashed and counted like all else. May throw. */
  fill?: (facts: ArchiveFacts) => Iterable<ThinContent>;
  onProgress?: (packedBytes: number) => void;
}

const chunkBytes = 256 * 1024;

/** Which texts checks read: the record, sums, manifests, histories, lists of code. */
function isKept(place: Place): boolean {
  if (place.kind === "snapshot") return true;
  if (place.kind === "top") return place.name === files.record || place.name === files.sums;
  return place.kind === "run" && ["run_manifest.json", "SHA256SUMS", "history.jsonl"].includes(place.path);
}

function unpackerFor(first: Uint8Array) {
  if (first[0] === 0x1f && first[1] === 0x8b) return createGunzip({ chunkSize: chunkBytes });
  if (first[0] === 0x28 && first[1] === 0xb5 && first[2] === 0x2f && first[3] === 0xfd)
    return createZstdDecompress({ chunkSize: chunkBytes });
  return null;
}

interface Count {
  packedBytes: number;
  unpackedBytes: number;
}

/** What the archive unpacks to, as long as it is in proportion to what it was. */
async function* unpack(
  source: AsyncIterable<Uint8Array>,
  { limits, count, onProgress }: { limits: ArchiveLimits; count: Count; onProgress: ReadOptions["onProgress"] },
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  let first = new Uint8Array(0);
  while (first.length < 4) {
    const next = await iterator.next();
    if (next.done) break;
    first = Buffer.concat([first, next.value]);
  }
  const unpacker = unpackerFor(first);
  if (unpacker === null) throw refusedArchive("it is neither gzip nor zstd");
  async function* packed() {
    for (let next: Uint8Array | null = first; next !== null; ) {
      count.packedBytes += next.length;
      onProgress?.(count.packedBytes);
      yield next;
      const more = await iterator.next();
      next = more.done ? null : more.value;
    }
  }
  const packedStream = Readable.from(packed());
  packedStream.on("error", (cause) => unpacker.destroy(cause));
  try {
    for await (const chunk of packedStream.pipe(unpacker) as AsyncIterable<Uint8Array>) {
      count.unpackedBytes += chunk.length;
      const { freeBytes, ratio } = limits;
      if (count.unpackedBytes > freeBytes && count.unpackedBytes > ratio * count.packedBytes)
        throw tooLargeArchive(`it unpacks to more than ${ratio} times its size`);
      yield chunk;
    }
  } finally {
    packedStream.destroy();
    unpacker.destroy();
  }
}

/** Our own errors as they are, those of a disk too; everything else means that the archive is damaged. */
function asRefusal(cause: unknown): unknown {
  if (cause instanceof MlError) return cause;
  const code = systemCode(cause);
  if (code !== null && /^E[A-Z]+$/.test(code)) return cause;
  return refusedArchive(`it is damaged or cut off (${messageOf(cause).replace(/\.$/, "")})`);
}

/** Milliseconds after which reading lets other work of the process have its turn: a server answers meanwhile. */
const sliceMs = 8;

async function* joined(...parts: readonly AsyncIterable<Uint8Array>[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield* part;
}

class Reading {
  readonly facts: ArchiveFacts = {
    top: "",
    files: new Map(),
    links: new Map(),
    texts: new Map(),
    packedBytes: 0,
    unpackedBytes: 0,
  };
  readonly judge: Judge;
  #textBytes = 0;
  #pauseAtMs = performance.now() + sliceMs;

  constructor(
    private readonly limits: ArchiveLimits,
    private readonly wishes: Pick<ReadOptions, "begin" | "beginning">,
  ) {
    this.judge = new Judge(limits);
  }

  async breathe(): Promise<void> {
    if (performance.now() < this.#pauseAtMs) return;
    await breathe();
    this.#pauseAtMs = performance.now() + sliceMs;
  }

  async take({ header, body }: ParsedTarEntry): Promise<void> {
    await this.breathe();
    const { name, type = "file", size, linkname = "", mode = 0 } = header;
    const before =
      type === "file" ? (this.wishes.beginning?.(this.facts, name.slice(name.indexOf("/") + 1)) ?? null) : null;
    const sizeBytes = size + (before?.sizeBytes ?? 0);
    const judged = this.judge.judge({ name, type, sizeBytes, target: linkname });
    if (judged.kind !== "file" || judged.place === null) {
      await body.cancel();
      return;
    }
    const own = body as unknown as AsyncIterable<Uint8Array>;
    const bytes = before === null ? own : joined(before.body, own);
    await this.takeFile(judged, { place: judged.place, body: bytes, isExecutable: (mode & 0o111) !== 0 });
  }

  async takeThin({ path, sizeBytes, isExecutable, body }: ThinContent): Promise<void> {
    await this.breathe();
    const judged = this.judge.judge({ name: `${this.judge.top}/${path}`, type: "file", sizeBytes, target: "" });
    const { place } = judged;
    if (place?.kind !== "run" && place?.kind !== "code")
      throw refusedArchive("only files of runs may be named so", path);
    await this.takeFile(judged, { place, body, isExecutable });
  }

  private async takeFile(
    { path }: Judged,
    { place, body, isExecutable }: { place: Place; body: AsyncIterable<Uint8Array>; isExecutable: boolean },
  ): Promise<void> {
    const sum = new Bun.CryptoHasher("sha256");
    const sink = this.wishes.begin?.(path, place, isExecutable) ?? null;
    const kept: Uint8Array[] | null = isKept(place) ? [] : null;
    let sizeBytes = 0;
    try {
      for await (const chunk of body) {
        sum.update(chunk);
        sizeBytes += chunk.length;
        sink?.write(chunk);
        await this.breathe();
        if (kept === null) continue;
        this.#textBytes += chunk.length;
        if (sizeBytes > this.limits.textBytes || this.#textBytes > this.limits.allTextBytes)
          throw tooLargeArchive(`\`${path}\` is longer than a text of its kind may be`);
        kept.push(chunk.slice());
      }
    } catch (cause) {
      sink?.cut?.(sum.digest("hex"));
      throw cause;
    }
    const sha256 = sum.digest("hex");
    sink?.end(sha256);
    if (kept !== null) this.facts.texts.set(path, Buffer.concat(kept).toString("utf8"));
    this.facts.files.set(path, { sizeBytes, sha256, isExecutable });
  }
}

/**
 * Throws MlError: `refused` for what is no archive of ours, damaged, cut off, or holds what may not be in one; `too_large`
 * beyond the limits. What the sinks were given by then is the caller's to throw away.
 */
export async function readArchive(
  source: AsyncIterable<Uint8Array>,
  { limits = archiveLimits, fill, onProgress, ...wishes }: ReadOptions = {},
): Promise<ArchiveFacts> {
  const reading = new Reading(limits, wishes);
  const { facts, judge } = reading;
  const { readable, writable } = createTarDecoder({ strict: true });
  const writer = writable.getWriter();
  const feed = async () => {
    try {
      for await (const chunk of unpack(source, { limits, count: facts, onProgress })) await writer.write(chunk);
      await writer.close();
    } catch (cause) {
      await writer.abort(cause).catch(() => {});
      throw cause;
    }
  };
  const feeding = feed();
  feeding.catch(() => {});
  const reader = readable.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) await reading.take(next.value);
    await feeding;
    for (const content of fill?.(facts) ?? []) await reading.takeThin(content);
    judge.requireLinksInside();
  } catch (cause) {
    await reader.cancel(cause).catch(() => {});
    await feeding.catch(() => {});
    throw asRefusal(cause);
  }
  facts.top = judge.top;
  facts.links = judge.links;
  return facts;
}
