/**
 * `datasets/<name>.json`: a registered dataset with its versions, and beside it `datasets/<name>/<version>.tsv`, the list of
 * files of each. Plain files that stay readable without us; the server writes them, workers read.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { MlError } from "../core/error.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { nearest } from "../core/nearest.ts";
import type { BasePaths } from "./paths.ts";

export interface DatasetVersion {
  version: string;
  /** The folder that was read, on the server's machine. */
  path: string;
  /** `sha256:…`; `quick-sha256:…` where only a sample of the contents was read. */
  checksum: string;
  num_files: number;
  size_bytes: number;
  /** As a person said it; null where nobody did. */
  num_samples: number | null;
  quick: boolean;
  /** Where the network mount that it lay on came from, `nas:/export`; null for a local disk, absent where nobody looked. */
  mounted_from?: string | null;
  registered_at: string;
  registered_by: string;
  /** Paths that are no part of it, with the reason. */
  left_out: string[];
  /** The last look at it; null before there was one after the registration. */
  last_check: DatasetCheck | null;
}

export interface DatasetCheck {
  at: string;
  /** What it was then; null where it could not be read. */
  checksum: string | null;
  /** How it differs from what was registered; null where it does not. */
  drift: DatasetDrift | null;
  /** Why nobody knows; null where it was read. */
  problem: string | null;
}

export interface DatasetDrift {
  added: number;
  removed: number;
  changed: number;
  /** The first of them: `+`, `-` or `~`, and the path. */
  files: string[];
}

export interface DatasetRecord {
  schema_version: 1;
  name: string;
  owner: string;
  added_at: string;
  /** The version that a run gets where it names none. */
  current: string;
  versions: DatasetVersion[];
}

/** One sentence where `text` cannot name a dataset or a version; else null. */
export function badDatasetWord(text: string): string | null {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(text))
    return "use letters, digits, dots, dashes and underscores, 100 at most";
  return text.endsWith(".json") ? "it would be taken for a file" : null;
}

export const datasetFile = (base: BasePaths, name: string) => join(base.datasets, `${name}.json`);
export const datasetList = (base: BasePaths, name: string, version: string) =>
  join(base.datasets, name, `${version}.tsv`);

export function readDataset(base: BasePaths, name: string): DatasetRecord | null {
  if (badDatasetWord(name) !== null) return null;
  const found = readJsonFile(datasetFile(base, name)) as Partial<DatasetRecord> | null;
  return Array.isArray(found?.versions) && found.versions.length > 0 ? (found as DatasetRecord) : null;
}

/** By name. A file that cannot be read is passed over. */
export function listDatasets(base: BasePaths): DatasetRecord[] {
  let names: string[] = [];
  try {
    names = fs.readdirSync(base.datasets).filter((name) => name.endsWith(".json") && !name.startsWith("."));
  } catch {
    return [];
  }
  return names.sort().flatMap((name) => readDataset(base, name.slice(0, -5)) ?? []);
}

/** Throws system errors. */
export function writeDataset(base: BasePaths, record: DatasetRecord): void {
  fs.mkdirSync(base.datasets, { recursive: true, mode: 0o700 });
  writeDurable(datasetFile(base, record.name), `${JSON.stringify(record, null, 2)}\n`);
}

/** What a look found, kept with the version that was looked at. Throws system errors. */
export function keepCheck(base: BasePaths, name: string, of: { version: string; check: DatasetCheck }): void {
  const record = readDataset(base, name);
  if (record === null) return;
  const versions = record.versions.map((one) => (one.version === of.version ? { ...one, last_check: of.check } : one));
  writeDataset(base, { ...record, versions });
}

/** Throws `not_found`, naming what is near. */
export function requireDataset(base: BasePaths, name: string): DatasetRecord {
  const record = readDataset(base, name);
  if (record !== null) return record;
  const near = nearest(
    name,
    listDatasets(base).map((one) => one.name),
  );
  throw new MlError("not_found", `no dataset \`${name}\` is registered`, {
    hint: near === null ? `\`ml dataset add ${name} PATH\` registers one` : `did you mean \`${near}\`?`,
  });
}

/** The named version, or the current one. Throws `not_found`. */
export function requireVersion(record: DatasetRecord, version: string | null): DatasetVersion {
  const wanted = version ?? record.current;
  const found = record.versions.find((one) => one.version === wanted);
  if (found !== undefined) return found;
  const known = record.versions.map((one) => one.version).join(", ");
  throw new MlError("not_found", `dataset \`${record.name}\` has no version \`${wanted}\``, {
    hint: `it has ${known}`,
  });
}

/** `NAME` or `NAME=VERSION`. Throws `usage`. */
export function readDatasetWish(text: string): { name: string; version: string | null } {
  const at = text.indexOf("=");
  const name = at < 0 ? text : text.slice(0, at);
  const version = at < 0 ? null : text.slice(at + 1);
  const bad = badDatasetWord(name) ?? (version === null ? null : badDatasetWord(version));
  if (bad !== null)
    throw new MlError("usage", `\`${text}\` names no dataset: ${bad}`, { hint: "write NAME or NAME=VERSION" });
  return { name, version };
}

/** What stands for a dataset's folder in the arguments of a run. */
const dataWord = /\{data:([^{}]*)\}/g;

/** The names of the datasets that a word of a command mentions. */
export const datasetsIn = (word: string) => [...word.matchAll(dataWord)].map((match) => match[1] ?? "");

/** With every `{data:NAME}` filled in as far as `folderOf` knows it. */
export const withDatasets = (word: string, folderOf: (name: string) => string | null) =>
  word.includes("{data:") ? word.replaceAll(dataWord, (whole, name: string) => folderOf(name) ?? whole) : word;

/** `ML_DATA_IMAGENET_TRAIN` for `imagenet-train`. */
export const datasetVariable = (name: string) => `ML_DATA_${name.toUpperCase().replaceAll(/[^A-Z0-9]/g, "_")}`;
