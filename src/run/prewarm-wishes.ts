/**
 * `prewarm.json` in the base: datasets that people want on the local disk whether or not a run waits for them. The server
 * writes it, workers read it when it has changed.
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
}

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

/** Throws system errors. */
export function writeWishes(path: string, wishes: readonly PrewarmWish[]): void {
  writeDurable(path, `${JSON.stringify({ version: 1, wishes }, null, 2)}\n`, { mode: 0o600 });
}
