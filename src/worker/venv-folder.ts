/**
 * Built environments on disk: a folder each, named by key, with `<key>.json` beside it that appears when it is whole, `<key>.log` with
 * what its build printed, and `<key>.pid` while it is built. Everything is made anew where a part is missing.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { isSameProcess, type ProcessIdentity } from "../core/process-identity.ts";
import type { VenvRecord } from "../run/worker-facts.ts";

export const venvFolder = (folder: string, key: string) => join(folder, key);
export const venvLog = (folder: string, key: string) => join(folder, `${key}.log`);
export const venvMark = (folder: string, key: string) => join(folder, `${key}.built`);
export const venvPid = (folder: string, key: string) => join(folder, `${key}.pid`);
/** The files of the lock, laid out for the build. */
export const venvSource = (folder: string, key: string) => join(folder, `${key}.src`);
const recordFile = (folder: string, key: string) => join(folder, `${key}.json`);

export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** Ends what an earlier worker, killed in the midst, left building. */
export function endLeftOver(path: string): void {
  const left = readJsonFile(path) as ProcessIdentity | null;
  if (typeof left?.pid === "number" && isSameProcess(left)) killGroup(left.pid);
  fs.rmSync(path, { force: true });
}

/** Takes away what a killed worker left half made. Never rejects. */
export async function sweepVenvs(folder: string, known: ReadonlySet<string>): Promise<void> {
  let names: string[] = [];
  try {
    names = fs.readdirSync(folder);
  } catch {
    return;
  }
  for (const name of names) if (name.endsWith(".pid")) endLeftOver(join(folder, name));
  // A log alone is small, and says what became of a build.
  const isLeft = (name: string) => !/\.(?:json|log|pid|built)$/.test(name) && !known.has(name);
  for (const name of names.filter(isLeft)) await removeTree(join(folder, name));
}

/** Whole environments. Throws nothing. */
export function readVenvs(folder: string): Map<string, VenvRecord> {
  const found = new Map<string, VenvRecord>();
  let names: string[] = [];
  try {
    names = fs.readdirSync(folder).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  } catch {
    return found;
  }
  for (const name of names) {
    const record = readJsonFile(join(folder, name)) as VenvRecord | null;
    if (typeof record?.key !== "string" || `${record.key}.json` !== name || typeof record.size_bytes !== "number")
      continue;
    if (fs.existsSync(join(venvFolder(folder, record.key), "bin/python"))) found.set(record.key, record);
  }
  return found;
}

/** Throws system errors. */
export function writeVenv(folder: string, record: VenvRecord): void {
  writeDurable(recordFile(folder, record.key), `${JSON.stringify(record, null, 2)}\n`, { sync: false });
}

/** The record goes first: what a cut leaves is no environment. Never rejects. */
export async function removeVenv(folder: string, key: string): Promise<void> {
  for (const path of [recordFile(folder, key), venvMark(folder, key)]) fs.rmSync(path, { force: true });
  await removeTree(venvFolder(folder, key));
  for (const path of [venvLog(folder, key), venvPid(folder, key)]) fs.rmSync(path, { force: true });
}

/** Read-only folders are no obstacle. */
export async function removeTree(path: string): Promise<void> {
  const going = `${path}.gone-${Date.now().toString(36)}`;
  try {
    fs.renameSync(path, going);
    const child = Bun.spawn(["/bin/sh", "-c", 'chmod -R u+w "$1"; rm -rf "$1"', "sh", going], {
      stdio: ["ignore", "ignore", "ignore"],
    });
    await child.exited;
  } catch {
    // It was not there.
  }
}
