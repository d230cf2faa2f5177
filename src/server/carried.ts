/**
 * Contents that a bundle need not bring, since they are here: blobs of code, files that came whole with a bundle that was
 * cut, kept for a day under staging/ by their sha256, the beginning of the one that was under way, and other files of the same
 * bundle. Whatever is taken from here is hashed again like all that arrives.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { bundleRecordOf } from "../bundle/check.ts";
import type { ThinFile } from "../bundle/layout.ts";
import type { ArchiveFacts, Beginning, ThinContent } from "../bundle/read-archive.ts";
import { partKey } from "../bundle/resume.ts";
import { MlError } from "../core/error.ts";
import type { ArrivedPart } from "../protocol/bundle.ts";
import { blobPieces, hasBlob, openBlob } from "../run/blobs.ts";
import type { BasePaths } from "../run/paths.ts";

const prefix = "carried-";
/** Smaller ones are sent again. */
const leastBytes = 4096;
/** So many are told of, and kept, at most: the largest. */
const mostKept = 5000;

const keptPath = (base: BasePaths, sha256: string) => join(base.staging, `${prefix}${sha256}`);

export interface ArrivedFile {
  /** Where it lies now. */
  path: string;
  /** What the bundle calls it. */
  inBundle: string;
  sizeBytes: number;
  sha256: string;
}

/** Puts whole files of a bundle that was cut where the next one finds them. Never throws: what cannot be kept is sent again. */
export function keepArrived(base: BasePaths, arrived: readonly ArrivedFile[]): void {
  const large = arrived.filter(({ sizeBytes }) => sizeBytes >= leastBytes).sort((a, b) => b.sizeBytes - a.sizeBytes);
  for (const { path, sha256 } of large.slice(0, mostKept)) {
    try {
      if (!hasBlob(base, sha256)) fs.renameSync(path, keptPath(base, sha256));
    } catch {
      return;
    }
  }
}

/** What is kept, by sha256. */
export function keptContents(base: BasePaths): string[] {
  const names = fs.existsSync(base.staging) ? fs.readdirSync(base.staging) : [];
  return names.flatMap((name) => /^carried-([0-9a-f]{64})$/.exec(name)?.[1] ?? []).slice(0, mostKept);
}

/** Less of a file is sent again. */
const leastPartBytes = 1024 * 1024;
/** So many are kept at most: the newest. */
const mostParts = 20;

interface KeptPart extends ArrivedPart {
  path: string;
  modifiedMs: number;
}

function partsIn(base: BasePaths): KeptPart[] {
  const names = fs.existsSync(base.staging) ? fs.readdirSync(base.staging) : [];
  return names.flatMap((name) => {
    const [, of, sha256] = /^carried-part-([0-9a-f]{64})-([0-9a-f]{64})$/.exec(name) ?? [];
    const path = join(base.staging, name);
    const stat = of === undefined ? undefined : fs.statSync(path, { throwIfNoEntry: false });
    if (of === undefined || sha256 === undefined || stat === undefined) return [];
    return [{ of, sha256, size_bytes: stat.size, path, modifiedMs: stat.mtimeMs }];
  });
}

/** What is kept of files that were under way. */
export function keptParts(base: BasePaths): ArrivedPart[] {
  return partsIn(base).map(({ of, size_bytes, sha256 }) => ({ of, size_bytes, sha256 }));
}

/** Puts the beginning of a file where the next bundle finds it, in place of a shorter one. Never throws. */
export function keepPart(base: BasePaths, { path, inBundle, sizeBytes, sha256 }: ArrivedFile): void {
  const of = partKey(inBundle);
  const kept = partsIn(base).sort((a, b) => b.modifiedMs - a.modifiedMs);
  const before = kept.filter((part) => part.of === of);
  if (sizeBytes < leastPartBytes || before.some(({ size_bytes }) => size_bytes >= sizeBytes)) return;
  try {
    if (fs.statSync(path).size !== sizeBytes) return;
    fs.renameSync(path, join(base.staging, `${prefix}part-${of}-${sha256}`));
    for (const old of [...before, ...kept.slice(mostParts - 1)]) fs.rmSync(old.path, { force: true });
  } catch {
    return;
  }
}

/** Its bytes, if it still has its sum; else it is gone, and whoever sends asks again what is here. */
async function* partBytes(path: string, sha256: string): AsyncGenerator<Uint8Array> {
  const sum = new Bun.CryptoHasher("sha256");
  for await (const chunk of Bun.file(path).stream() as unknown as AsyncIterable<Uint8Array>) {
    sum.update(chunk);
    yield chunk;
  }
  if (sum.digest("hex") === sha256) return;
  fs.rmSync(path, { force: true });
  throw goneError();
}

/** What is before the bytes of a file that a bundle brings from a byte on. Throws `try_later` where it is not here any more. */
export function beginnings(base: BasePaths): (facts: ArchiveFacts, path: string) => Beginning | null {
  return (facts, path) => {
    const { resumed } = path.startsWith("runs/") ? (bundleRecordOf(facts) ?? {}) : {};
    const file = Array.isArray(resumed) ? resumed.slice(0, mostParts).find((one) => one?.path === path) : undefined;
    if (file === undefined) return null;
    const of = partKey(path);
    const part = partsIn(base).find((kept) => kept.of === of && kept.sha256 === file.sha256);
    if (part === undefined || part.size_bytes !== file.from_bytes) throw goneError();
    return { sizeBytes: part.size_bytes, body: partBytes(part.path, part.sha256) };
  };
}

/** Once their run is in its place nobody needs them. */
export function dropKept(base: BasePaths, arrived: readonly ArrivedFile[]): void {
  const kept = new Set(keptContents(base));
  for (const { sha256 } of arrived) if (kept.has(sha256)) fs.rmSync(keptPath(base, sha256), { force: true });
  dropParts(base, arrived);
}

export function dropParts(base: BasePaths, ofThese: readonly ArrivedFile[]): void {
  const parts = partsIn(base);
  if (parts.length === 0) return;
  const keys = new Set(ofThese.map(({ inBundle }) => partKey(inBundle)));
  for (const { of, path } of parts) if (keys.has(of)) fs.rmSync(path, { force: true });
}

/** The files that a bundle names without bringing them, by its own record. Nothing of it is believed: `path` is judged by the reader. */
function thinFiles(facts: ArchiveFacts): ThinFile[] {
  const { thin } = bundleRecordOf(facts) ?? {};
  if (!Array.isArray(thin)) return [];
  const isHash = (text: unknown) => typeof text === "string" && /^[0-9a-f]{64}$/.test(text);
  return thin.filter((file) => typeof file?.path === "string" && isHash(file.sha256));
}

function fileContent(path: string): Pick<ThinContent, "sizeBytes" | "body"> {
  return { sizeBytes: fs.statSync(path).size, body: Bun.file(path).stream() as unknown as AsyncIterable<Uint8Array> };
}

function goneError(): MlError {
  return new MlError("try_later", "what the bundle builds upon is not here any more", {
    hint: "send it again: it then comes whole",
  });
}

function storedContent(base: BasePaths, sha256: string): Pick<ThinContent, "sizeBytes" | "body"> {
  const blob = openBlob(base, sha256);
  if (blob === null) throw goneError();
  blob.close();
  return { sizeBytes: blob.size, body: blobPieces(base, sha256) };
}

/** `arrived`: what the bundle has brought. Throws `try_later` where a content is not here any more: whoever sends asks again what is. */
export function* thinContents(
  base: BasePaths,
  facts: ArchiveFacts,
  arrived: readonly ArrivedFile[],
): Generator<ThinContent> {
  const brought = new Map(arrived.map((file) => [file.sha256, file.path]));
  for (const { path, sha256, executable } of thinFiles(facts)) {
    const places = [brought.get(sha256) ?? [], keptPath(base, sha256)].flat();
    const source = places.find((one) => fs.existsSync(one));
    const content = source === undefined ? storedContent(base, sha256) : fileContent(source);
    yield { path, isExecutable: executable === true, ...content };
  }
}
