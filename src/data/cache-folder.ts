/**
 * Copies of datasets on a local disk: a folder each, named by checksum, with a JSON file beside it that appears only when the
 * copy is whole and verified; until it is on the disk too, that file holds for this boot of the machine alone. Everything in here may be deleted at any time while no run reads it. One folder a machine. Who
 * touches it is copy-store.ts, here or in a child process.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { syncFolder, writeDurable } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { bootId } from "../core/process-identity.ts";
import type { CopyRecord } from "../run/worker-facts.ts";

const fileName = (checksum: string) => checksum.replace(":", "-");
export const copyFolder = (cache: string, checksum: string) => join(cache, fileName(checksum));
export const partFolder = (cache: string, checksum: string) => `${copyFolder(cache, checksum)}.part`;
const recordFile = (cache: string, checksum: string) => `${copyFolder(cache, checksum)}.json`;

/** The name of a copy that is being removed. */
export const isGone = (name: string) => /\.gone-[0-9a-z]+$/.test(name);

/** Whole copies. Throws nothing. */
function readCopies(cache: string): CopyRecord[] {
  const found: CopyRecord[] = [];
  let names: string[] = [];
  try {
    names = fs.readdirSync(cache).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  } catch {
    return found;
  }
  for (const name of names) {
    const record = readJsonFile(join(cache, name)) as CopyRecord | null;
    if (typeof record?.checksum !== "string" || fileName(record.checksum) !== name.slice(0, -5)) continue;
    // The power went before all of it was on the disk.
    if (record.unsettled_boot !== undefined && record.unsettled_boot !== bootId()) continue;
    if (fs.existsSync(copyFolder(cache, record.checksum))) found.push(record);
  }
  return found;
}

/** Throws system errors. */
function writeCopy(cache: string, record: CopyRecord, { sync = false } = {}): void {
  writeDurable(recordFile(cache, record.checksum), `${JSON.stringify(record, null, 2)}\n`, { sync });
}

/** What was copied becomes a whole copy: first its name, then the record that speaks for it. Throws system errors. */
function completeCopy(cache: string, record: CopyRecord): void {
  const part = partFolder(cache, record.checksum);
  fs.rmSync(copyFolder(cache, record.checksum), { recursive: true, force: true });
  fs.renameSync(part, copyFolder(cache, record.checksum));
  fault("copy/before-record");
  writeCopy(cache, record);
  fs.rmSync(`${part}.done`, { force: true });
}

/** All of it is on the disk: its record holds for ever. False where it was removed meanwhile. Throws system errors. */
function settleRecord(cache: string, record: CopyRecord): boolean {
  if (!fs.existsSync(copyFolder(cache, record.checksum))) return false;
  syncFolder(cache);
  writeCopy(cache, record, { sync: true });
  return true;
}

/** The record goes first: what a cut leaves is no copy. Throws nothing: what stays is swept by the next copy. */
function removeCopy(cache: string, checksum: string): void {
  try {
    fs.rmSync(recordFile(cache, checksum), { force: true });
    fs.renameSync(copyFolder(cache, checksum), `${copyFolder(cache, checksum)}.gone-${Date.now().toString(36)}`);
  } catch {
    // It was not there.
  }
}

/** False where it is not there. Throws nothing: the note only says when it was last used. */
function useCopy(cache: string, record: CopyRecord): boolean {
  if (!fs.existsSync(copyFolder(cache, record.checksum))) return false;
  try {
    writeCopy(cache, record);
  } catch {
    // The disk is full.
  }
  return true;
}

/** Throws system errors. */
function roomIn(cache: string): { freeBytes: number; totalBytes: number } {
  fs.mkdirSync(cache, { recursive: true, mode: 0o755 });
  const { bavail, blocks, bsize } = fs.statfsSync(cache);
  return { freeBytes: bavail * bsize, totalBytes: blocks * bsize };
}

/** One touch of the folder. */
export type CacheAct =
  | { do: "read" }
  | { do: "use"; record: CopyRecord }
  | { do: "complete"; record: CopyRecord }
  | { do: "settle"; record: CopyRecord }
  | { do: "remove"; checksum: string }
  | { do: "room" };

export interface CacheOutcomes {
  read: CopyRecord[];
  use: boolean;
  complete: null;
  settle: boolean;
  remove: null;
  room: { freeBytes: number; totalBytes: number };
}

export interface CacheJob {
  kind: "cache";
  folder: string;
  act: CacheAct;
}

/** Throws system errors. */
export function workOnCache({ folder, act }: CacheJob): CacheOutcomes[CacheAct["do"]] {
  if (act.do === "read") return readCopies(folder);
  if (act.do === "room") return roomIn(folder);
  if (act.do === "use") return useCopy(folder, act.record);
  if (act.do === "settle") return settleRecord(folder, act.record);
  if (act.do === "complete") completeCopy(folder, act.record);
  else removeCopy(folder, act.checksum);
  return null;
}
