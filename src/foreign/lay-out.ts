/**
 * Runs of other trackers as a bundle of run folders, sealed like any other, so that they come in by the same door and through the
 * same checks as runs of ours. Metrics are written below a folder of the caller's; artifacts stay where they are until they are sent.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { BundleEntry, Composed } from "../bundle/compose.ts";
import { contentId, firstIdOf } from "../bundle/content-id.ts";
import { type BundledRun, type BundleRecord, bundleFormat, bundleVersion, files, folders } from "../bundle/layout.ts";
import type { RunIdentity } from "../bundle/plan-import.ts";
import { isoTime } from "../core/clock.ts";
import { unknownUser } from "../core/foreign-origin.ts";
import { runIdFrom } from "../core/ids.ts";
import { isCredentialName } from "../core/secrets.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import { formatSize } from "../core/size.ts";
import { version } from "../core/version.ts";
import { hashFile } from "../run/artifacts.ts";
import { type Artifact, type Manifest, manifestText, newManifest } from "../run/manifest.ts";
import { encodeMetricValue } from "../run/metric-value.ts";
import { summarizeMetrics } from "../run/metrics.ts";
import { sumLine } from "../run/sum-line.ts";
import { type ForeignFile, type ForeignRun, foreignLimits, tooMany, unreadable } from "./foreign-run.ts";
import { narrativeFrom } from "./mlflow-words.ts";

/** The id of a run in the bundle: the same for the same run there. */
const bundledId = ({ system, originId, madeMs }: ForeignRun) => runIdFrom(JSON.stringify([system, originId]), madeMs);

const flushBytes = 1024 * 1024;

/** Writes a point a line; returns the file's hash and size. A run without points has no file. */
async function writeMetrics(run: ForeignRun, path: string): Promise<{ sha256: string; sizeBytes: number } | null> {
  const sum = new Bun.CryptoHasher("sha256");
  const fd = fs.openSync(path, "wx", 0o600);
  let lines = "";
  let sizeBytes = 0;
  const flush = () => {
    const bytes = Buffer.from(lines);
    lines = "";
    sum.update(bytes);
    sizeBytes += bytes.length;
    for (let at = 0; at < bytes.length; ) at += fs.writeSync(fd, bytes, at);
    if (sizeBytes > foreignLimits.totalBytes) throw tooMany(`the metrics of \`${run.originId}\` are too many`);
  };
  try {
    await run.points(({ name, value, step, t }) => {
      lines += `${JSON.stringify({ name, value: encodeMetricValue(value), step, t })}\n`;
      if (lines.length > flushBytes) flush();
    });
    flush();
  } finally {
    fs.closeSync(fd);
  }
  return sizeBytes === 0 ? null : { sha256: sum.digest("hex"), sizeBytes };
}

async function artifactOf({
  root,
  inside,
  as,
  sizeBytes,
  modifiedMs,
}: ForeignFile): Promise<Artifact & { sha256: string }> {
  const hashed = await hashFile(join(root, inside));
  if (hashed === null || hashed.changedWhileReading)
    throw unreadable(join(root, inside), "it cannot be read, or changes while it is read");
  return { path: as, size_bytes: sizeBytes, modified: isoTime(modifiedMs), sha256: hashed.sha256 };
}

const plainTag = /^[^\0-\x1f\x7f-\x9f]{1,100}$/;

/** Labels that people made there, as words to find a run by; what MLflow says of itself stays in `lineage.origin.tags`. */
function wordsOf(tags: Readonly<Record<string, string>>): string[] {
  return Object.entries(tags)
    .filter(([name]) => !/^(mlflow|ml)\./.test(name) && !isCredentialName(name))
    .map(([name, value]) => (value === "" || value.toLowerCase() === "true" ? name : `${name}=${value}`))
    .filter((word) => plainTag.test(word))
    .slice(0, 100);
}

const timeOf = (ms: number | null) => (ms === null ? null : isoTime(ms));

export interface Known {
  /** Id there → id in the bundle. */
  ids: ReadonlyMap<string, string>;
  nowMs: number;
}

/** The record: what is not known there is null here. */
export function manifestOf(run: ForeignRun, { ids, nowMs }: Known): Manifest {
  const argv = [run.script ?? "unknown"];
  const user = run.user ?? unknownUser;
  const own = narrativeFrom(run.tags);
  const fresh = newManifest({
    run_id: ids.get(run.originId) ?? bundledId(run),
    name: run.name.slice(0, 200),
    user,
    command: quoteCommand(argv),
    argv,
    queued_at: isoTime(Math.min(run.madeMs, nowMs)),
    metadata: { note: run.note },
    narrative: {
      ...own,
      experiment_group: run.experiment,
      parent_run: run.parentId === null ? null : (ids.get(run.parentId) ?? null),
      tags: own.tags ?? wordsOf(run.tags),
    },
    environment: { git_commit: run.gitCommit },
    lineage: {
      kind: "import",
      origin: {
        ...{ run_id: run.originId, user, host: null, from: run.system, experiment: run.experiment },
        ...{
          parameters: run.parameters,
          tags: run.tags,
          imported_at: null,
          imported_by: null,
          updated_at: null,
          updated_by: null,
        },
      },
    },
  });
  return {
    ...fresh,
    status: run.status,
    remarks: run.remarks,
    started_at: timeOf(run.startedMs),
    ended_at: timeOf(run.endedMs),
  };
}

interface Laid {
  bundled: BundledRun;
  /** By which a server knows it again. */
  identity: RunIdentity;
  entries: BundleEntry[];
  sizeBytes: number;
}

async function layOut(run: ForeignRun, folder: string, known: Known): Promise<Laid> {
  const manifest = manifestOf(run, known);
  const runId = manifest.run_id;
  const measured = await writeMetrics(run, join(folder, `${runId}.jsonl`));
  const artifacts: (Artifact & { sha256: string })[] = [];
  for (const file of run.files) artifacts.push(await artifactOf(file));
  manifest.metrics = measured === null ? {} : await summarizeMetrics(join(folder, `${runId}.jsonl`));
  const artifactBytes = artifacts.reduce((sum, one) => sum + one.size_bytes, 0);
  manifest.artifacts = {
    discovery_time: isoTime(known.nowMs),
    files: artifacts.slice(0, 10_000),
    total_size_bytes: artifactBytes,
    not_listed: Math.max(0, artifacts.length - 10_000),
  };
  const emptySum = new Bun.CryptoHasher("sha256").update("").digest("hex");
  const sums = [
    sumLine("output.log", emptySum),
    ...(measured === null ? [] : [sumLine("metrics.jsonl", measured.sha256)]),
    ...artifacts.map(({ path, sha256 }) => sumLine(`work/${path}`, sha256)),
  ];
  const entry = (path: string, from: BundleEntry["from"], modifiedMs = run.madeMs): BundleEntry => ({
    ...{ path: `${folders.runs}/${runId}/${path}`, isExecutable: false, modifiedMs, from },
  });
  return {
    bundled: { run_id: runId, name: manifest.name, snapshot: null, left_out: [] },
    identity: {
      ...{ content: contentId(manifest, sums.join("")), firstId: firstIdOf(manifest), queuedAt: manifest.queued_at },
    },
    sizeBytes: artifactBytes + (measured?.sizeBytes ?? 0),
    entries: [
      entry("run_manifest.json", { text: manifestText(manifest) }),
      entry("output.log", { text: "" }),
      ...(measured === null
        ? []
        : [entry("metrics.jsonl", { root: folder, inside: `${runId}.jsonl`, sizeBytes: measured.sizeBytes })]),
      ...run.files.map(({ root, inside, as, sizeBytes, modifiedMs }) =>
        entry(`work/${as}`, { root, inside, sizeBytes }, modifiedMs),
      ),
      entry("SHA256SUMS", { text: sums.join("") }),
    ],
  };
}

export interface LayOptions {
  /** An empty folder of the caller's. */
  folder: string;
  nowMs: number;
  onRun?: (done: number) => void;
}

/** Throws `refused` for what cannot be read, `too_large` beyond what a server takes at once. */
export async function layOutAll(
  runs: readonly ForeignRun[],
  { folder, nowMs, onRun }: LayOptions,
): Promise<Composed & { identities: RunIdentity[] }> {
  const ids = new Map(runs.map((run) => [run.originId, bundledId(run)]));
  const laid: Laid[] = [];
  let sizeBytes = 0;
  for (const run of runs) {
    const one = await layOut(run, folder, { ids, nowMs });
    sizeBytes += one.sizeBytes;
    if (sizeBytes > foreignLimits.totalBytes)
      throw tooMany(`the runs have more than ${formatSize(foreignLimits.totalBytes)} of files and metrics`);
    laid.push(one);
    onRun?.(laid.length);
  }
  const record: BundleRecord = {
    format: bundleFormat,
    version: bundleVersion,
    created_at: isoTime(nowMs),
    made_with: `ml ${version}`,
    level: "all",
    artifacts: [],
    redacted: [],
    runs: laid.map(({ bundled }) => bundled),
  };
  const head: BundleEntry = {
    ...{ path: files.record, isExecutable: false, modifiedMs: nowMs },
    from: { text: `${JSON.stringify(record, null, 2)}\n` },
  };
  return {
    ...{ top: "imported", record, entries: [head, ...laid.flatMap(({ entries }) => entries)], thin: [] },
    identities: laid.map(({ identity }) => identity),
  };
}
