/**
 * What a server tells of the contents that it is offered: which it lacks, what arrived of them before a cut, and for
 * contents that a changed file can be told by, their block sums where the client has not kept them.
 */
import * as fs from "node:fs";
import { breathe } from "../core/breathe.ts";
import { systemCode } from "../core/error.ts";
import { arrivedPath } from "../run/blob-batch.ts";
import { hasBlob, openBlob } from "../run/blobs.ts";
import type { BasePaths } from "../run/paths.ts";
import { encodeSums, sumBlocks } from "./block-sums.ts";
import { fileSource } from "./byte-source.ts";

/** The content that stood before in the place of one that is offered. */
export interface OfferedBase {
  /** Which one that is, counted among the hashes of the same question. */
  at: number;
  base: string;
  /** True where the client has not kept the sums of the base. */
  sums: boolean;
}

/** Of an offered base: its sums in base64, empty where they were not asked for; null where it is of no use. */
export type KnownBase = string | null;

export interface Arrived {
  hash: string;
  bytes: number;
  /** sha256 of those bytes. */
  sha256: string;
}

/** Bytes for which one offer makes sums; the rest is sent whole. */
const summedBytes = 2 * 2 ** 30;
const pieceBytes = 1024 * 1024;

/** Opens `path`, or null where it is gone; closed when `act` is done. */
async function withFile<T>(path: string, act: (fd: number, size: number) => Promise<T>): Promise<T | null> {
  let fd: number;
  try {
    fd = fs.openSync(path, "r");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return null;
    throw cause;
  }
  try {
    return await act(fd, fs.fstatSync(fd).size);
  } finally {
    fs.closeSync(fd);
  }
}

async function sumsOf(base: BasePaths, hash: string, mostBytes: number): Promise<{ text: KnownBase; size: number }> {
  const blob = openBlob(base, hash);
  if (blob === null) return { text: null, size: 0 };
  const { fd, offset, size } = blob;
  try {
    if (size > mostBytes) return { text: null, size: 0 };
    const steps = sumBlocks(fileSource(fd, size, { offset }));
    for (;;) {
      const step = steps.next();
      if (step.done === true) return { text: Buffer.from(encodeSums(step.value)).toString("base64"), size };
      await breathe();
    }
  } finally {
    blob.close();
  }
}

/** For each of `offered`, in order: whether it is here and helps with something that is missing, and by which sums. */
export async function knownBases(
  base: BasePaths,
  {
    hashes,
    offered,
    missing,
  }: { hashes: readonly string[]; offered: readonly OfferedBase[]; missing: ReadonlySet<string> },
): Promise<KnownBase[]> {
  const known: KnownBase[] = [];
  let left = summedBytes;
  for (const given of offered) {
    if (!missing.has(hashes[given.at] ?? "") || !hasBlob(base, given.base)) known.push(null);
    else if (!given.sums) known.push("");
    else {
      const { text, size } = await sumsOf(base, given.base, left);
      left -= size;
      known.push(text);
    }
  }
  return known;
}

/** What is here of `missing` from uploads that were cut. */
export async function arrivedOf(base: BasePaths, missing: readonly string[]): Promise<Arrived[]> {
  const wanted = new Set(missing);
  const arrived: Arrived[] = [];
  for (const name of fs.existsSync(base.staging) ? fs.readdirSync(base.staging) : []) {
    const hash = name.slice("arrived-".length);
    if (!name.startsWith("arrived-") || !wanted.has(hash)) continue;
    const found = await withFile(arrivedPath(base, hash), async (fd, size) => {
      const sum = new Bun.CryptoHasher("sha256");
      const source = fileSource(fd, size);
      for (let at = 0; at < size; at += pieceBytes) {
        sum.update(source.bytes(at, Math.min(pieceBytes, size - at)));
        await breathe();
      }
      return { hash, bytes: size, sha256: sum.digest("hex") };
    });
    if (found !== null) arrived.push(found);
  }
  return arrived;
}
