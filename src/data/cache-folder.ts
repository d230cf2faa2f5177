/**
 * Copies of datasets on a local disk: a folder each, named by checksum, with a JSON file beside it that appears only when the
 * copy is whole and verified. Everything in here may be deleted at any time while no run reads it. One folder a machine.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { CopyRecord } from "../run/worker-facts.ts";

const fileName = (checksum: string) => checksum.replace(":", "-");
export const copyFolder = (cache: string, checksum: string) => join(cache, fileName(checksum));
export const partFolder = (cache: string, checksum: string) => `${copyFolder(cache, checksum)}.part`;
const recordFile = (cache: string, checksum: string) => `${copyFolder(cache, checksum)}.json`;

/** The name of a copy that is being removed. */
export const isGone = (name: string) => /\.gone-[0-9a-z]+$/.test(name);

/** Whole copies. Throws nothing. */
export function readCopies(cache: string): Map<string, CopyRecord> {
  const found = new Map<string, CopyRecord>();
  let names: string[] = [];
  try {
    names = fs.readdirSync(cache).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  } catch {
    return found;
  }
  for (const name of names) {
    const record = readJsonFile(join(cache, name)) as CopyRecord | null;
    if (typeof record?.checksum !== "string" || fileName(record.checksum) !== name.slice(0, -5)) continue;
    if (fs.existsSync(copyFolder(cache, record.checksum))) found.set(record.checksum, record);
  }
  return found;
}

/** Throws system errors. */
export function writeCopy(cache: string, record: CopyRecord): void {
  writeDurable(recordFile(cache, record.checksum), `${JSON.stringify(record, null, 2)}\n`, { sync: false });
}

/** What was copied becomes a whole copy. Throws system errors. */
export function completeCopy(cache: string, record: CopyRecord): void {
  const part = partFolder(cache, record.checksum);
  fs.rmSync(copyFolder(cache, record.checksum), { recursive: true, force: true });
  fs.renameSync(part, copyFolder(cache, record.checksum));
  fs.rmSync(`${part}.done`, { force: true });
  writeCopy(cache, record);
}

/** The record goes first: what a cut leaves is no copy. Never rejects. */
export async function removeCopy(cache: string, checksum: string): Promise<void> {
  fs.rmSync(recordFile(cache, checksum), { force: true });
  const going = `${copyFolder(cache, checksum)}.gone-${Date.now().toString(36)}`;
  try {
    fs.renameSync(copyFolder(cache, checksum), going);
    await fs.promises.rm(going, { recursive: true, force: true });
  } catch {
    // Swept by the next copy.
  }
}
