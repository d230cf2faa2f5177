/**
 * A file of a run that was cut on its way to another server goes on where it stopped: the receiver names what it has of it
 * by path, length and sha256; where the file here begins with just that, only the rest of it travels. Invariant: the sums of
 * the bundle are of whole files.
 */
import * as fs from "node:fs";
import { breathe } from "../core/breathe.ts";
import type { ArrivedPart } from "../protocol/bundle.ts";
import { openInside } from "../transfer/open-inside.ts";
import type { BundleEntry, Composed } from "./compose.ts";
import { files, type ResumedFile } from "./layout.ts";

const chunkBytes = 1024 * 1024;

/** By what a receiver calls the file of which it has a part: no path of it need be known to anybody else. */
export const partKey = (path: string): string => new Bun.CryptoHasher("sha256").update(path).digest("hex");

/** The sum of the first `sizeBytes` of a file, to be gone on with; null where it has not as many. */
async function sumOfBeginning(root: string, inside: string, sizeBytes: number): Promise<Bun.CryptoHasher | null> {
  const { fd } = openInside(root, inside);
  try {
    const sum = new Bun.CryptoHasher("sha256");
    const buffer = Buffer.allocUnsafe(chunkBytes);
    for (let at = 0; at < sizeBytes; ) {
      const count = fs.readSync(fd, buffer, 0, Math.min(chunkBytes, sizeBytes - at), at);
      if (count === 0) return null;
      sum.update(buffer.subarray(0, count));
      at += count;
      await breathe();
    }
    return sum;
  } finally {
    fs.closeSync(fd);
  }
}

/** The same bundle; files of which the receiver has the beginning bring only the rest, and its record says so. */
export async function resumeParts(composed: Composed, parts: readonly ArrivedPart[]): Promise<Composed> {
  const named = new Map(parts.map((part) => [part.of, part]));
  const resumed: ResumedFile[] = [];
  const entries: BundleEntry[] = [];
  for (const entry of composed.entries) {
    const { path, from } = entry;
    const part = "root" in from ? named.get(partKey(path)) : undefined;
    entries.push(entry);
    if (part === undefined || !("root" in from) || part.size_bytes > from.sizeBytes) continue;
    const sum = await sumOfBeginning(from.root, from.inside, part.size_bytes);
    if (sum?.copy().digest("hex") !== part.sha256) continue;
    entries[entries.length - 1] = { ...entry, from: { ...from, there: { sizeBytes: part.size_bytes, sum } } };
    resumed.push({ path, from_bytes: part.size_bytes, sha256: part.sha256 });
  }
  if (resumed.length === 0) return composed;
  const record = { ...composed.record, resumed };
  const text = `${JSON.stringify(record, null, 2)}\n`;
  const told = entries.map((entry) => (entry.path === files.record ? { ...entry, from: { text } } : entry));
  return { ...composed, record, entries: told };
}
