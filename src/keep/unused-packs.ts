/**
 * Freeing what nobody needs of packs of code: a pack of which nothing is needed is removed; one of which most is unused is
 * written anew without it, and only then removed. Any other stays as it is: to write 100 MB again for a few is no gain.
 *
 * What is needed can be found at every moment and after every crash: the new pack is durable under its name before the
 * old one goes, and what then stands in both counts as unused in the older one the next time.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { fileOps, syncFolder } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { freshPackName } from "../run/blob-batch.ts";
import { type Pack, packsFolder, packsOf, removePack, rowsOf } from "../run/object-packs.ts";
import { PackWriter } from "../run/pack-writer.ts";
import type { BasePaths } from "../run/paths.ts";
import { blockBytes, type PackRow, padded } from "../run/tar-pack.ts";

export interface PackWaste {
  pack: Pack;
  /** What goes of it. */
  unused: { hash: string; sizeBytes: number }[];
  kept: PackRow[];
  /** What goes of it and is needed: it stands in a newer pack as well. */
  twice: string[];
}

const memberBytes = (size: number) => blockBytes + padded(size);

/** Splits what is needed of a pack from what is not, was damaged, or stands in `newer` as well; null where it stays as it is. */
function wasteOf(pack: Pack, needed: ReadonlySet<string>, newer: ReadonlySet<string>): PackWaste | null {
  const waste: PackWaste = { pack, unused: [], kept: [], twice: [] };
  let unusedBytes = 0;
  let keptBytes = 0;
  for (const row of rowsOf(pack)) {
    if (needed.has(row.hash) && !pack.damaged.has(row.hash) && !newer.has(row.hash)) {
      waste.kept.push(row);
      keptBytes += memberBytes(row.size);
      continue;
    }
    if (needed.has(row.hash) && !pack.damaged.has(row.hash)) waste.twice.push(row.hash);
    waste.unused.push({ hash: row.hash, sizeBytes: row.size });
    unusedBytes += memberBytes(row.size);
  }
  return waste.unused.length === 0 || unusedBytes < keptBytes ? null : waste;
}

export interface LookOptions {
  needed: ReadonlySet<string>;
  /** Whether a pack has been here for long enough. */
  isOld: (stat: fs.Stats) => boolean;
  breathe: () => Promise<void>;
}

export async function findWaste(base: BasePaths, { needed, isOld, breathe }: LookOptions): Promise<PackWaste[]> {
  const newer = new Set<string>();
  const found: PackWaste[] = [];
  // Names begin with the time: from the newest on.
  for (const pack of packsOf(base)
    .all()
    .sort((a, b) => (a.name < b.name ? 1 : -1))) {
    await breathe();
    const stat = fs.lstatSync(pack.path, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    const waste = isOld(stat) ? wasteOf(pack, needed, newer) : null;
    if (waste !== null) found.push(waste);
    for (const { hash } of rowsOf(pack)) if (!pack.damaged.has(hash)) newer.add(hash);
  }
  return found;
}

function contentAt(fd: number, { offset, size }: Pick<PackRow, "offset" | "size">): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  return bytes.subarray(0, fs.readSync(fd, bytes, 0, size, offset));
}

/** Whether a content is whole in another pack: only then may it go from this one. */
function isWholeBeside(base: BasePaths, hash: string, pack: Pack): boolean {
  const place = packsOf(base).find(hash, pack);
  if (place === null) return false;
  const fd = fs.openSync(place.pack.path, "r");
  try {
    return new Bun.CryptoHasher("sha256").update(contentAt(fd, place)).digest("hex") === hash;
  } finally {
    fs.closeSync(fd);
  }
}

/** Copies what is kept to a pack at `path`, each content checked; null where one is damaged: whoever reads it deals with that. */
async function rewrite({ pack, kept }: PackWaste, path: string, breathe: () => Promise<void>): Promise<Buffer | null> {
  const writer = new PackWriter(path);
  const fd = fs.openSync(pack.path, "r");
  try {
    for (const row of kept) {
      await breathe();
      writer.begin();
      writer.write(contentAt(fd, row));
      if (!writer.end(row.hash)) return null;
    }
    return await writer.finish();
  } finally {
    fs.closeSync(fd);
    writer.discard();
  }
}

let counter = 0;

/**
 * Frees it, unless somebody relies by now on something that would go, or it is the only good copy: false, and the pack
 * stays. Throws system errors; done again it goes on.
 */
export async function freeWaste(
  base: BasePaths,
  waste: PackWaste,
  { relied, breathe }: { relied: ReadonlySet<string>; breathe: () => Promise<void> },
): Promise<boolean> {
  const { pack, unused, kept, twice } = waste;
  const packs = packsOf(base);
  const folder = packsFolder(base);
  for (const hash of twice) {
    await breathe();
    if (!isWholeBeside(base, hash, pack)) return false;
  }
  counter += 1;
  const making = join(base.staging, `pack-${Date.now().toString(36)}-${process.pid}-${counter}`);
  const rows = kept.length === 0 ? null : await rewrite(waste, making, breathe);
  // From here on in one turn, so that nobody is told of a content between the last look and its end.
  if ((kept.length > 0 && rows === null) || unused.some(({ hash }) => relied.has(hash))) {
    fs.rmSync(making, { force: true });
    return false;
  }
  if (rows !== null) {
    const name = freshPackName();
    fileOps.rename(making, join(folder, `${name}.tar`));
    syncFolder(folder);
    packs.add(name, rows);
    fault("keep/pack-rewritten");
  }
  removePack(pack);
  packs.forget([pack.name]);
  syncFolder(folder);
  fault("keep/pack-removed");
  return true;
}
