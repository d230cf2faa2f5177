/**
 * The form of objects/packs/<name>.tar: many small contents in one plain tar. Members are called `ab/cdef…`, as their
 * files under objects/ would be, so `tar xf` there turns a pack into such files. The last member, `index`, says where
 * each content lies; where it is damaged the headers are walked. Knows no folder and checks no content.
 */
import * as fs from "node:fs";

export const blockBytes = 512;
/** A row of the index: sha256, offset of the content as u64, its size as u32; little endian. */
export const rowBytes = 44;
const hashBytes = 32;
/** Magic, number of rows, sha256 of the rows; at the end of the index. */
const footerBytes = 48;
const magic = Buffer.from("ml-pack1");
export const indexName = "index";
/** The index with the rest of its last block, then two empty blocks: what `tar` wants at the end. */
const endBytes = 2 * blockBytes;
/** More contents in one pack than anybody writes. */
const mostRows = 1_000_000;
/** Larger contents are files of their own: those can be cloned and linked, and a file more is little beside their bytes. */
export const mostPackedBytes = 256 * 1024;

export const padded = (size: number) => Math.ceil(size / blockBytes) * blockBytes;
export const memberName = (hash: string) => `${hash.slice(0, 2)}/${hash.slice(2)}`;

/** Writes the header of a member into the first 512 bytes of `into`, a ustar one. */
export function writeHeader(into: Buffer, { name, size, mtimeMs }: { name: string; size: number; mtimeMs: number }) {
  into.fill(0, 0, blockBytes);
  into.write(name, 0, "latin1");
  into.write("0000444\x000000000\x000000000\0", 100, "latin1");
  into.write(`${size.toString(8).padStart(11, "0")}\0`, 124, "latin1");
  into.write(
    `${Math.floor(mtimeMs / 1000)
      .toString(8)
      .padStart(11, "0")}\0`,
    136,
    "latin1",
  );
  into.write("        0", 148, "latin1");
  into.write("ustar\x0000", 257, "latin1");
  into.write(`${sumOf(into).toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

function sumOf(header: Buffer): number {
  let sum = 0;
  for (let at = 0; at < blockBytes; at += 1) sum += at >= 148 && at < 156 ? 32 : (header[at] ?? 0);
  return sum;
}

/** What stands after the last content, from its header on. */
export function packEnd(rows: Buffer, mtimeMs: number): Buffer {
  const size = padded(rows.length + footerBytes);
  const end = Buffer.alloc(blockBytes + size + endBytes);
  writeHeader(end, { name: indexName, size, mtimeMs });
  rows.copy(end, blockBytes);
  const footer = blockBytes + size - footerBytes;
  magic.copy(end, footer);
  end.writeUInt32LE(rows.length / rowBytes, footer + 8);
  new Bun.CryptoHasher("sha256").update(rows).digest(end.subarray(footer + 16));
  return end;
}

export function writeRow(into: Buffer, at: number, row: { hash: string; offset: number; size: number }): void {
  into.write(row.hash, at, "hex");
  into.writeBigUInt64LE(BigInt(row.offset), at + hashBytes);
  into.writeUInt32LE(row.size, at + hashBytes + 8);
}

export interface PackRow {
  hash: string;
  offset: number;
  size: number;
}

export function readRow(rows: Buffer, at: number): PackRow {
  return {
    hash: rows.toString("hex", at, at + hashBytes),
    offset: Number(rows.readBigUInt64LE(at + hashBytes)),
    size: rows.readUInt32LE(at + hashBytes + 8),
  };
}

function readAt(fd: number, at: number, length: number): Buffer | null {
  const bytes = Buffer.allocUnsafe(length);
  let used = 0;
  for (let count = -1; count !== 0 && used < length; used += count)
    count = fs.readSync(fd, bytes, used, length - used, at + used);
  return used === length ? bytes : null;
}

/** The rows by the index; null where it is not whole. */
function indexedRows(fd: number, fileBytes: number): Buffer | null {
  const footerAt = fileBytes - endBytes - footerBytes;
  const footer = footerAt < blockBytes ? null : readAt(fd, footerAt, footerBytes);
  if (footer === null || !footer.subarray(0, magic.length).equals(magic)) return null;
  const count = footer.readUInt32LE(8);
  const from = fileBytes - endBytes - padded(count * rowBytes + footerBytes);
  if (count > mostRows || from < blockBytes) return null;
  const rows = readAt(fd, from, count * rowBytes);
  if (rows === null) return null;
  const sum = new Bun.CryptoHasher("sha256").update(rows).digest();
  return footer.subarray(16).equals(sum) && allBefore(rows, from) ? rows : null;
}

/** Whether all contents lie before `end` and are small, as this tar's own are. */
function allBefore(rows: Buffer, end: number): boolean {
  for (let at = hashBytes; at < rows.length; at += rowBytes) {
    const size = rows.readUInt32LE(at + 8);
    if (size > mostPackedBytes || Number(rows.readBigUInt64LE(at)) + size > end) return false;
  }
  return true;
}

/**
 * The size of the member whose header this is, and its hash where it is a content; null where it is no header. What people
 * put there by hand may have links and folders in it, and large files, which nobody would look for in a pack.
 */
function readHeader(header: Buffer): { hash: string | null; size: number } | null {
  const text = (from: number, to: number) => header.toString("latin1", from, to).replace(/[\0 ].*$/s, "");
  if (header.toString("latin1", 257, 262) !== "ustar" || Number.parseInt(text(148, 156), 8) !== sumOf(header))
    return null;
  const name = text(0, 100);
  const size = Number.parseInt(text(124, 136), 8);
  if (!Number.isSafeInteger(size) || size < 0) return null;
  const isFile = (header[156] === 0 || header[156] === 0x30) && header[345] === 0;
  const isContent = isFile && size <= mostPackedBytes && /^[0-9a-f]{2}\/[0-9a-f]{62}$/.test(name);
  return { hash: isContent ? name.replace("/", "") : null, size };
}

/** The rows by the headers, up to the first that is damaged; a content that is cut off is not among them. */
function walkedRows(fd: number, fileBytes: number): Buffer {
  const rows: PackRow[] = [];
  for (let at = 0; at + blockBytes <= fileBytes && rows.length < mostRows; ) {
    const bytes = readAt(fd, at, blockBytes);
    const member = bytes === null ? null : readHeader(bytes);
    if (member === null || at + blockBytes + member.size > fileBytes) break;
    if (member.hash !== null) rows.push({ hash: member.hash, offset: at + blockBytes, size: member.size });
    at += blockBytes + padded(member.size);
  }
  const packed = Buffer.alloc(rows.length * rowBytes);
  for (const [index, row] of rows.entries()) writeRow(packed, index * rowBytes, row);
  return packed;
}

/** Where the contents of a pack lie. Throws system errors. */
export function readPackRows(path: string): Buffer {
  const fd = fs.openSync(path, fs.constants.O_RDONLY | fs.constants.O_NOFOLLOW);
  try {
    const { size } = fs.fstatSync(fd);
    return indexedRows(fd, size) ?? walkedRows(fd, size);
  } finally {
    fs.closeSync(fd);
  }
}
