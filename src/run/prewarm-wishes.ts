/**
 * `prewarm.json` in the base: datasets that people want on the local disk, and images of containers at the engine, whether or not
 * a run waits for them; and environments that are to stay. The server writes it, workers read it when it has changed.
 */
import * as fs from "node:fs";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";

export interface PrewarmWish {
  name: string;
  version: string;
  checksum: string;
  by: string;
  at: string;
  /** It is never evicted. */
  pinned: boolean;
  /**
   * An image, not a dataset: the engine that is to have it; null for the first that the worker has. `name` is then the repository,
   * `version` the tag or the digest, and `checksum` what `imageWishSum` makes of both.
   */
  engine?: string | null;
}

/** An environment that is there already, by its key: `name` is its lock, `version` how pages name it, and it is always pinned. */
const venvMark = "venv:";
export const venvWishSum = (key: string) => `${venvMark}${key}`;

/** The key of the environment that a wish keeps; null for all others. */
export const wishedVenv = ({ checksum }: Pick<PrewarmWish, "checksum">): string | null =>
  checksum.startsWith(venvMark) ? checksum.slice(venvMark.length) : null;

const imageMark = "image:";
export const imageWishSum = (image: string) => `${imageMark}${image}`;

/** The image of a wish; null for that of a dataset. */
export const wishedImage = ({ checksum }: Pick<PrewarmWish, "checksum">): string | null =>
  checksum.startsWith(imageMark) ? checksum.slice(imageMark.length) : null;

export const mostWishes = 200;

const read = new Map<string, { stamp: string; wishes: PrewarmWish[] }>();

/** Throws nothing: a file that makes no sense is no wish. */
export function readWishes(path: string): readonly PrewarmWish[] {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return [];
  const stamp = `${stat.mtimeMs}:${stat.ino}:${stat.size}`;
  const known = read.get(path);
  if (known?.stamp === stamp) return known.wishes;
  const found = readJsonFile(path) as { wishes?: unknown } | null;
  const wishes = Array.isArray(found?.wishes)
    ? (found.wishes as PrewarmWish[]).filter(
        (wish) => typeof wish?.checksum === "string" && typeof wish.name === "string",
      )
    : [];
  read.set(path, { stamp, wishes });
  return wishes;
}

/** The checksums of what is never to be removed. */
export const pinnedSums = (path: string): ReadonlySet<string> =>
  new Set(readWishes(path).flatMap(({ pinned, checksum }) => (pinned ? [checksum] : [])));

/** Throws system errors. */
export function writeWishes(path: string, wishes: readonly PrewarmWish[]): void {
  writeDurable(path, `${JSON.stringify({ version: 1, wishes }, null, 2)}\n`, { mode: 0o600 });
}
