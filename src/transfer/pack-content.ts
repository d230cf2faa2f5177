/**
 * The content of one entry of a pack, read from its file as it is needed: whole; as what differs from a content that
 * the other side has; or as the rest of what arrived before a cut. A file that is no longer what its hash says ends in
 * an error that names it.
 */
import * as fs from "node:fs";
import { MlError, messageOf } from "../core/error.ts";
import { shownPath } from "../run/snapshot.ts";
import type { BlockSums } from "./block-sums.ts";
import { type ByteSource, fileSource } from "./byte-source.ts";
import type { FollowedSums } from "./followed-sums.ts";
import { matchBlocks } from "./match-blocks.ts";
import { partHeader } from "./pack-format.ts";

/** A content to send: from the file `file` (shown as `path`), an open one that the giver closes, what stands for it, or from memory. */
export interface PackEntry {
  hash: string;
  size: number;
  path: string;
  from: { file: string } | { fd: number } | { source: ByteSource } | { bytes: Uint8Array };
  /** Only for files: what the other side has that the content can be told by. */
  by?: { base: string; sums: BlockSums; followed?: FollowedSums } | { arrivedBytes: number; arrivedHash: string };
}

/** A piece of the stream, and how many bytes of the content it stands for. Valid until the next one is asked for. */
export interface Piece {
  bytes: Uint8Array;
  contentBytes: number;
  /** True where there is much to do with what was told so far: it should not wait for more. */
  tellNow?: boolean;
}

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
/** A longer stretch is told in several, so that the other side builds what it knows of while more is looked for. */
const mostCommon = 4 * 1024 * 1024;

function changed(entry: PackEntry, cause: string): MlError {
  return new MlError("conflict", `\`${shownPath(entry.path)}\` changed while it was being sent; nothing was queued`, {
    cause,
    hint: "run the same command again: what has arrived is not sent twice",
  });
}

/** What the entry's header names as its base. */
export function baseOf(entry: PackEntry): string | null {
  if (entry.by === undefined) return null;
  return "base" in entry.by ? entry.by.base : entry.hash;
}

function openEntry(entry: PackEntry, file: string): number {
  try {
    return fs.openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (cause) {
    throw changed(entry, messageOf(cause));
  }
}

/** Bytes of the file from `from` up to `to`, through `buffer`, added to `sum`. Throws `conflict`. */
function* readOn(
  entry: PackEntry,
  fd: number,
  { buffer, from, to, sum }: { buffer: Uint8Array; from: number; to: number; sum: Bun.CryptoHasher },
): Generator<Uint8Array> {
  for (let position = from; position < to; ) {
    const count = fs.readSync(fd, buffer, 0, Math.min(buffer.length, to - position), position);
    if (count === 0) throw changed(entry, "it has become shorter");
    position += count;
    sum.update(buffer.subarray(0, count));
    yield buffer.subarray(0, count);
  }
}

function* wholeFile(entry: PackEntry, fd: number, buffer: Uint8Array): Generator<Piece> {
  const sum = new Bun.CryptoHasher("sha256");
  for (const bytes of readOn(entry, fd, { buffer, from: 0, to: entry.size, sum })) {
    yield { bytes, contentBytes: bytes.length };
  }
  if (sum.digest("hex") !== entry.hash) throw changed(entry, "its content is no longer what was read before");
}

/** From the end of what arrived on, where that is still the beginning of the file; else from its start. */
function* restOfFile(
  entry: PackEntry,
  fd: number,
  { buffer, arrivedBytes, arrivedHash }: { buffer: Uint8Array; arrivedBytes: number; arrivedHash: string },
): Generator<Piece> {
  let sum = new Bun.CryptoHasher("sha256");
  for (const _ of readOn(entry, fd, { buffer, from: 0, to: arrivedBytes, sum }));
  let from = arrivedBytes;
  if (sum.copy().digest("hex") === arrivedHash) {
    yield { bytes: partHeader(0, arrivedBytes), contentBytes: arrivedBytes };
  } else {
    from = 0;
    sum = new Bun.CryptoHasher("sha256");
  }
  for (const bytes of readOn(entry, fd, { buffer, from, to: entry.size, sum })) {
    yield { bytes: partHeader(null, bytes.length), contentBytes: 0 };
    yield { bytes, contentBytes: bytes.length };
  }
  if (sum.digest("hex") !== entry.hash) throw changed(entry, "its content is no longer what was read before");
}

/** Not checked here: the other side does, and asks for the whole where it does not fit. */
function* differences(
  entry: PackEntry,
  source: ByteSource,
  { sums, followed }: { sums: BlockSums; followed?: FollowedSums },
): Generator<Piece> {
  let common = { from: 0, length: 0 };
  const header = () => ({ bytes: partHeader(common.from, common.length), contentBytes: common.length });
  try {
    for (const stretch of matchBlocks(source, sums)) {
      const { at, length, knownAt } = stretch;
      followed?.take(stretch, source);
      if (knownAt !== null && common.length > 0 && knownAt === common.from + common.length) {
        common.length += length;
        if (common.length < mostCommon) continue;
        yield { ...header(), tellNow: true };
        common = { from: 0, length: 0 };
        continue;
      }
      if (common.length > 0) yield header();
      common = { from: knownAt ?? 0, length: knownAt === null ? 0 : length };
      if (knownAt !== null) continue;
      yield { bytes: partHeader(null, length), contentBytes: 0 };
      yield { bytes: source.bytes(at, length), contentBytes: length };
    }
    if (common.length > 0) yield header();
  } catch (cause) {
    throw changed(entry, messageOf(cause));
  }
}

/** The content of an entry in pieces. Throws `conflict`. */
export function* contentOf(entry: PackEntry, buffer: Uint8Array): Generator<Piece> {
  if ("bytes" in entry.from) {
    for (let at = 0; at < entry.size; at += buffer.length) {
      const bytes = entry.from.bytes.subarray(at, at + buffer.length);
      yield { bytes, contentBytes: bytes.length };
    }
    return;
  }
  if ("source" in entry.from) {
    if (entry.by === undefined || !("base" in entry.by)) throw new Error("only differences are told from a source");
    yield* differences(entry, entry.from.source, entry.by);
    return;
  }
  const own = "file" in entry.from ? openEntry(entry, entry.from.file) : null;
  const fd = "fd" in entry.from ? entry.from.fd : (own ?? -1);
  try {
    if (entry.by === undefined) yield* wholeFile(entry, fd, buffer);
    else if ("base" in entry.by) yield* differences(entry, fileSource(fd, entry.size), entry.by);
    else yield* restOfFile(entry, fd, { buffer, ...entry.by });
  } finally {
    if (own !== null) fs.closeSync(own);
  }
}
