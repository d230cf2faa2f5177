/**
 * Finding a text in a log of any size: forward or backward from a byte, block by block, in bounded memory and for a
 * bounded stretch a call; who wants more asks on from where it ended. A text in lower case finds both cases of ASCII
 * letters, one with capitals only itself. Nothing but regular files is read.
 */
import * as fs from "node:fs";

const blockBytes = 1024 * 1024;
/** Bytes looked at in one call: about a quarter of a second. */
const stretchBytes = 128 * 1024 * 1024;
/** A line's start and end are looked for no further than this from the hit. */
const lineReachBytes = 64 * 1024;

export interface LogSearch {
  text: string;
  /** Forward: hits that begin here or later. Backward: hits that begin before. */
  from: number;
  direction: "forward" | "backward";
}

export interface LogHit {
  /** Where the line with the hit begins and ends; null where there was none in this stretch. */
  line_offset: number | null;
  line_end: number | null;
  /** Where to ask on; null where there is nothing left to look at, or a hit was found. */
  next: number | null;
  size: number;
}

/** First hit in a block, and the last that begins at `lastStart` or before; -1 for none. */
type Finder = (block: Buffer, lastStart: number) => { first: number; last: number };

function finderOf(text: string): Finder {
  const needle = Buffer.from(text, "utf8");
  if (text !== text.toLowerCase() || !/^[\x20-\x7e]*$/.test(text))
    return (block, lastStart) => ({ first: block.indexOf(needle), last: block.lastIndexOf(needle, lastStart) });
  return (block, lastStart) => {
    // One character a byte, and lower case keeps their number in Latin-1: places in the text are places in the block.
    const folded = block.toString("latin1").toLowerCase();
    return { first: folded.indexOf(text), last: folded.lastIndexOf(text, lastStart) };
  };
}

async function readBlock(handle: fs.promises.FileHandle, from: number, to: number): Promise<Buffer> {
  const block = Buffer.alloc(Math.max(0, to - from));
  const { bytesRead } = await handle.read(block, 0, block.length, from);
  return block.subarray(0, bytesRead);
}

async function lineAround(handle: fs.promises.FileHandle, at: number, size: number): Promise<[number, number]> {
  const from = Math.max(0, at - lineReachBytes);
  const before = await readBlock(handle, from, at);
  const after = await readBlock(handle, at, Math.min(size, at + lineReachBytes));
  const end = after.indexOf(10);
  return [from + before.lastIndexOf(10) + 1, at + (end < 0 ? after.length : end + 1)];
}

async function searchIn(handle: fs.promises.FileHandle, search: LogSearch, size: number): Promise<LogHit> {
  const find = finderOf(search.text);
  const overlap = Buffer.byteLength(search.text) - 1;
  const found = async (at: number): Promise<LogHit> => {
    const [lineOffset, lineEnd] = await lineAround(handle, at, size);
    return { line_offset: lineOffset, line_end: lineEnd, next: null, size };
  };
  const none = { line_offset: null, line_end: null, size };
  const begin = Math.min(search.from, size);
  if (search.direction === "forward") {
    for (let at = begin; at < size; at += blockBytes) {
      if (at - begin >= stretchBytes) return { ...none, next: at };
      const { first } = find(await readBlock(handle, at, Math.min(size, at + blockBytes + overlap)), 0);
      if (first >= 0) return found(at + first);
    }
    return { ...none, next: null };
  }
  for (let end = begin; end > 0; end -= blockBytes) {
    if (begin - end >= stretchBytes) return { ...none, next: end };
    const start = Math.max(0, end - blockBytes);
    const { last } = find(await readBlock(handle, start, Math.min(size, end + overlap)), end - start - 1);
    if (last >= 0) return found(start + last);
  }
  return { ...none, next: null };
}

/** Throws system errors other than a missing file, which holds nothing. */
export async function searchLog(path: string, search: LogSearch): Promise<LogHit> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = fs.constants;
  const handle = await fs.promises.open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(() => null);
  const nothing: LogHit = { line_offset: null, line_end: null, next: null, size: 0 };
  if (handle === null) return nothing;
  try {
    const stat = await handle.stat();
    return stat.isFile() ? await searchIn(handle, search, stat.size) : nothing;
  } finally {
    await handle.close();
  }
}
