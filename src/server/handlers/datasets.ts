/** Datasets: registered after they were read, looked at again, listed, shown, forgotten. The files of them are never touched. */
import * as fs from "node:fs";
import { isAbsolute, join, normalize } from "node:path";
import { isoTime } from "../../core/clock.ts";
import { MlError } from "../../core/error.ts";
import type { Scanned } from "../../data/scan.ts";
import type { DataOutcome, RunReads } from "../../protocol/data-requests.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import {
  badDatasetWord,
  type DatasetCheck,
  type DatasetRecord,
  type DatasetVersion,
  datasetFile,
  datasetList,
  keepCheck,
  listDatasets,
  readDataset,
  readDatasetWish,
  requireDataset,
  requireVersion,
  writeDataset,
} from "../../run/dataset-record.ts";
import type { Manifest } from "../../run/manifest.ts";
import { readManifest } from "../../run/store.ts";
import { searchedRuns } from "../chosen-runs.ts";
import type { Context } from "../context.ts";
import { watchedMounts } from "../data-checks.ts";
import { summarise } from "../summary.ts";

const mostRuns = 1000;
const mostVersions = 1000;

function requireWord(text: string, what: string): void {
  const bad = badDatasetWord(text);
  if (bad !== null) throw new MlError("usage", `\`${text}\` cannot name a ${what}: ${bad}`);
}

function requireOwner({ asker }: Context, { name, owner }: DatasetRecord): void {
  if (asker.role === "admin" || asker.user === owner) return;
  throw new MlError("not_allowed", `dataset \`${name}\` is ${owner}'s`, { hint: `ask ${owner}, or an administrator` });
}

/** The first whole number that no version has. */
function nextVersion(record: DatasetRecord | null): string {
  const taken = new Set(record?.versions.map(({ version }) => version));
  for (let number = 1; ; number += 1) if (!taken.has(String(number))) return String(number);
}

function outcomeOf(
  scanned: Scanned,
  of: {
    record: DatasetRecord;
    version: DatasetVersion;
    added: boolean;
    check: DatasetCheck | null;
    tookSeconds: number;
  },
): DataOutcome {
  const { record, version, added, check, tookSeconds } = of;
  return {
    ...{ name: record.name, version: version.version, added, checksum: version.checksum },
    ...{ num_files: scanned.files, size_bytes: scanned.sizeBytes },
    ...{ read_files: scanned.readFiles, remembered_files: scanned.rememberedFiles },
    ...{ unstable: scanned.unstable, left_out: scanned.leftOut, check, took_seconds: tookSeconds },
  };
}

interface Registering {
  body: ParsedBody<"dataset.add">;
  path: string;
  listPath: string;
}

/** Between the last look at the record and its writing nothing is awaited. */
function register(context: Context, given: Registering, read: { scanned: Scanned; tookSeconds: number }): DataOutcome {
  const { body, path, listPath } = given;
  const { scanned, tookSeconds } = read;
  const { base, asker, clock } = context;
  const before = readDataset(base, body.name);
  if (before !== null) requireOwner(context, before);
  if (scanned.files === 0) throw new MlError("refused", `\`${path}\` has no files`, { hint: "is it mounted?" });
  const known = before?.versions.find(
    (one) => one.checksum === scanned.checksum && one.path === path && (body.version ?? one.version) === one.version,
  );
  if (before !== null && known !== undefined) {
    if (before.current !== known.version) writeDataset(base, { ...before, current: known.version });
    return outcomeOf(scanned, { record: before, version: known, added: false, check: null, tookSeconds });
  }
  const version = body.version ?? nextVersion(before);
  if (before?.versions.some((one) => one.version === version)) {
    throw new MlError(
      "conflict",
      `dataset \`${body.name}\` has a version \`${version}\` already, and it is other data`,
      {
        hint: `\`ml dataset verify ${body.name}=${version}\` says how it differs; or choose another \`--version\``,
      },
    );
  }
  if ((before?.versions.length ?? 0) >= mostVersions)
    throw new MlError("refused", `${mostVersions} versions are the limit`);
  const now = isoTime(clock.nowMs());
  const made: DatasetVersion = {
    ...{
      version,
      path,
      mounted_from: scanned.mountedFrom,
      checksum: scanned.checksum,
      num_files: scanned.files,
      size_bytes: scanned.sizeBytes,
    },
    ...{ num_samples: body.samples ?? null, quick: body.quick, registered_at: now, registered_by: asker.user },
    ...{ left_out: scanned.leftOut.slice(0, 100), last_check: null },
  };
  const first: DatasetRecord = {
    ...{ schema_version: 1, name: body.name, owner: asker.user, added_at: now, current: version, versions: [] },
  };
  const record = { ...(before ?? first), current: version, versions: [...(before?.versions ?? []), made] };
  const list = datasetList(base, body.name, version);
  fs.mkdirSync(join(base.datasets, body.name), { recursive: true, mode: 0o700 });
  fs.renameSync(listPath, list);
  writeDataset(base, record);
  context.audit.note(asker, { action: "dataset.add", detail: `${body.name}=${version} ${path}` });
  return outcomeOf(scanned, { record, version: made, added: true, check: null, tookSeconds });
}

export function datasetAdd(context: Context, body: ParsedBody<"dataset.add">): Reply<"dataset.add"> {
  const { base, datasets } = context;
  requireWord(body.name, "dataset");
  if (body.version != null) requireWord(body.version, "version");
  if (!isAbsolute(body.path) || body.path.includes("\0"))
    throw new MlError("usage", `\`${body.path}\` is no absolute path`, {
      hint: "name a folder on the server's machine",
    });
  const path = normalize(body.path).replace(/(.)\/+$/, "$1");
  if (path === base.base || base.base.startsWith(`${path}/`) || path.startsWith(`${base.runs}/`))
    throw new MlError("refused", `\`${path}\` holds what \`ml\` itself writes, which changes all the time`);
  const before = readDataset(base, body.name);
  if (before !== null) requireOwner(context, before);
  context.disk.requireRoom("registering a dataset");
  fs.mkdirSync(base.staging, { recursive: true, mode: 0o700 });
  const listPath = join(base.staging, `dataset-${crypto.randomUUID().slice(0, 8)}.tsv`);
  const mode = body.quick ? "quick" : "cached";
  const reading = {
    kind: "add" as const,
    name: body.name,
    root: path,
    mode: mode as "quick" | "cached",
    listPath,
    compare: null,
  };
  return datasets.begin(reading, (scanned, tookSeconds) => {
    try {
      if (scanned instanceof MlError) throw scanned;
      return register(context, { body, path, listPath }, { scanned, tookSeconds });
    } finally {
      fs.rmSync(listPath, { force: true });
    }
  });
}

export function datasetVerify(context: Context, body: ParsedBody<"dataset.verify">): Reply<"dataset.verify"> {
  const { base, clock } = context;
  const record = requireDataset(base, body.name);
  const version = requireVersion(record, body.version ?? null);
  const mode = version.quick ? "quick" : body.full ? "full" : "cached";
  const compare = { listPath: datasetList(base, record.name, version.version), checksum: version.checksum };
  const reading = {
    kind: "verify" as const,
    name: body.name,
    root: version.path,
    mode,
    listPath: null,
    compare,
  } as const;
  return context.datasets.begin(reading, (scanned, tookSeconds) => {
    const at = isoTime(clock.nowMs());
    const check: DatasetCheck =
      scanned instanceof MlError
        ? { at, checksum: null, drift: null, problem: scanned.message }
        : { at, checksum: scanned.checksum, drift: scanned.changes, problem: null };
    keepCheck(base, record.name, { version: version.version, check });
    if (scanned instanceof MlError) throw scanned;
    return outcomeOf(scanned, { record, version, added: false, check, tookSeconds });
  });
}

export function datasetJob({ datasets }: Context, body: ParsedBody<"dataset.job">): Promise<Reply<"dataset.job">> {
  return datasets.wait(body.job_id, body.wait_ms);
}

export async function datasetLooks(
  { base, queueLooks }: Context,
  { datasets, wait_ms: waitMs }: ParsedBody<"dataset.looks">,
): Promise<Reply<"dataset.looks">> {
  const asked = datasets.flatMap((text) => {
    const { name, version } = readDatasetWish(text);
    const record = readDataset(base, name);
    return record === null ? [] : [{ name, version: version ?? record.current }];
  });
  const going = await queueLooks.settled(asked, waitMs);
  const looks = asked.flatMap((one) => {
    const found = readDataset(base, one.name)?.versions.find(({ version }) => version === one.version);
    return found === undefined
      ? []
      : [{ ...one, path: found.path, going_on: going.includes(one), check: found.last_check }];
  });
  return { looks };
}

export function datasetsList({ base }: Context): Reply<"dataset.list"> {
  return { datasets: listDatasets(base) };
}

function readsOf({ reads }: Manifest, name: string): { version: string | null; reads: RunReads } | null {
  const found = reads?.datasets.find((one) => one.name === name);
  if (reads == null || found === undefined) return null;
  const { version, files, named } = found;
  return { version, reads: { how: reads.how, files, named } };
}

/** A copy is of all datasets with the same contents, whatever the one that it was made for is called. */
function storesOf({ workers }: Context, { name, versions }: DatasetRecord): Reply<"dataset.show">["stores"] {
  const ofIt = <T extends { name: string }>(list: readonly T[]) => list.filter((one) => one.name === name);
  const sums = new Set(versions.map(({ checksum }) => checksum));
  const alive = workers.states().filter((state) => state.alive);
  return alive.flatMap(({ worker, data }) => {
    if (data === null) return [];
    const { copies, copying, failed, evicted } = data;
    return [
      {
        worker,
        copies: copies.filter(({ checksum }) => sums.has(checksum)),
        copying: ofIt(copying),
        failed: ofIt(failed),
        evicted: ofIt(evicted),
      },
    ];
  });
}

export function datasetShow(context: Context, { name, limit }: ParsedBody<"dataset.show">): Reply<"dataset.show"> {
  const dataset = requireDataset(context.base, name);
  const { runs: records } = searchedRuns(context, { where: `dataset:${name}` }, mostRuns);
  const summary = { ...context, nowMs: context.clock.nowMs };
  const runs = records.slice(0, limit).map((record) => {
    const read = readManifest(context.base.run(record.run_id).manifest);
    const use = read.kind === "ok" ? read.manifest.datasets.find((one) => one.name === name) : undefined;
    const [version, via] = [use?.version ?? null, use?.fetched_via ?? null];
    const seen = read.kind === "ok" ? readsOf(read.manifest, name) : null;
    return {
      ...{ run: summarise(record, summary), version: version ?? seen?.version ?? null, fetched_via: via },
      ...{ time_saved_seconds: use?.time_saved_seconds ?? null },
      ...{ drift: use?.drift != null, reads: seen?.reads ?? null },
    };
  });
  const mounts = watchedMounts(context).filter(({ datasets }) => datasets.includes(name));
  return { dataset, runs, more: records.length > limit, stores: storesOf(context, dataset), mounts };
}

export function datasetRemove(context: Context, body: ParsedBody<"dataset.remove">): Reply<"dataset.remove"> {
  const { base, asker } = context;
  const record = requireDataset(base, body.name);
  requireOwner(context, record);
  const gone = body.version == null ? record.versions : [requireVersion(record, body.version)];
  const left = record.versions.filter((one) => !gone.includes(one));
  const newest = left.at(-1);
  if (newest === undefined) {
    fs.rmSync(datasetFile(base, record.name), { force: true });
    fs.rmSync(join(base.datasets, record.name), { recursive: true, force: true });
  } else {
    const current = left.some((one) => one.version === record.current) ? record.current : newest.version;
    writeDataset(base, { ...record, current, versions: left });
    for (const { version } of gone) fs.rmSync(datasetList(base, record.name, version), { force: true });
  }
  const versions = gone.map(({ version }) => version);
  context.audit.note(asker, { action: "dataset.remove", detail: `${record.name}: ${versions.join(", ")}` });
  return { name: record.name, versions };
}
