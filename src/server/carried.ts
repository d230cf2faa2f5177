/**
 * Contents that a bundle need not bring, since they are here: blobs of code, files that came whole with a bundle that was
 * cut, kept for a day under staging/ by their sha256, and other files of the same bundle. Whatever is taken from here is hashed again like all that arrives.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { bundleRecordOf } from "../bundle/check.ts";
import type { ThinFile } from "../bundle/layout.ts";
import type { ArchiveFacts, ThinContent } from "../bundle/read-archive.ts";
import { MlError } from "../core/error.ts";
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

/** Once their run is in its place nobody needs them. */
export function dropKept(base: BasePaths, arrived: readonly ArrivedFile[]): void {
  const kept = new Set(keptContents(base));
  for (const { sha256 } of arrived) if (kept.has(sha256)) fs.rmSync(keptPath(base, sha256), { force: true });
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

function storedContent(base: BasePaths, sha256: string): Pick<ThinContent, "sizeBytes" | "body"> {
  const blob = openBlob(base, sha256);
  if (blob === null)
    throw new MlError("try_later", "what the bundle builds upon is not here any more", {
      hint: "send it again: it then comes whole",
    });
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
