/**
 * Is a bundle what it says? Named checks over what was read of it: pure, the same for `ml verify` and before an import keeps
 * anything. Where a claim of the bundle can be compared with its bytes, the bytes count.
 */
import type { RunCheck } from "../protocol/keep.ts";
import { checkSnapshot, type Snapshot, snapshotText } from "../run/snapshot.ts";
import { parseSums } from "../run/sum-line.ts";
import {
  type BundledRun,
  type BundleRecord,
  bundleFormat,
  bundleVersion,
  files,
  folders,
  type Relative,
} from "./layout.ts";
import type { ArchiveFacts } from "./read-archive.ts";

type Finding = Pick<RunCheck, "state"> & Partial<Pick<RunCheck, "expected" | "actual" | "evidence" | "cure">>;

const shownEvidence = 20;
const ended: ReadonlySet<unknown> = new Set(["completed", "failed", "cancelled"]);
const plural = (count: number, word: string) => `${count} ${word}${count === 1 ? "" : "s"}`;

function parsed(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    return null;
  }
}

/** The record of the bundle, or null where it is none of a version that we know. */
interface KnownRecord {
  text: string | undefined;
  record: BundleRecord | null;
  runs: Map<string, BundledRun>;
}

/** Records that were read, with their texts: every run of a bundle asks for its own. */
const records = new WeakMap<ArchiveFacts, KnownRecord>();

function knownRecord(facts: ArchiveFacts): KnownRecord {
  const text = facts.texts.get(files.record);
  let found = records.get(facts);
  if (found === undefined || found.text !== text) {
    const record = soundRecord(text);
    found = { text, record, runs: new Map(record?.runs.map((run) => [run.run_id, run])) };
    records.set(facts, found);
  }
  return found;
}

/** What the record says of one run. */
export const bundledRunOf = (facts: ArchiveFacts, runId: string): BundledRun | undefined =>
  knownRecord(facts).runs.get(runId);

export const bundleRecordOf = (facts: ArchiveFacts): BundleRecord | null => knownRecord(facts).record;

function soundRecord(text: string | undefined): BundleRecord | null {
  const record = parsed(text) as BundleRecord | null;
  const isOurs = record?.format === bundleFormat && record.version === bundleVersion && Array.isArray(record.runs);
  const sound = isOurs && record.runs.every((run) => typeof run?.run_id === "string" && Array.isArray(run.left_out));
  return sound ? record : null;
}

/** Paths in each run folder, by its id: looked for once, however many runs there are. */
export function filesByRun(facts: ArchiveFacts): Map<string, string[]> {
  const found = new Map<string, string[]>();
  for (const path of facts.files.keys()) {
    if (!path.startsWith("runs/")) continue;
    const slash = path.indexOf("/", "runs/".length);
    const runId = path.slice("runs/".length, slash);
    const inside = path.slice(slash + 1);
    const known = found.get(runId);
    if (known === undefined) found.set(runId, [inside]);
    else known.push(inside);
  }
  return found;
}

const mostRelatives = 10_000;

/** What the record says of runs that are named and not in the bundle; what is malformed is passed over. */
export function relativesOf(facts: ArchiveFacts): Relative[] {
  const given = bundleRecordOf(facts)?.relatives;
  const isText = (value: unknown) => typeof value === "string" && value.length <= 64;
  return (Array.isArray(given) ? given.slice(0, mostRelatives) : []).filter(
    (one) => isText(one?.run_id) && isText(one.first_id) && isText(one.queued_at) && isText(one.content),
  );
}

/** Ids of the run folders that are really there. */
export function runIdsOf(facts: ArchiveFacts): string[] {
  const ids = new Set<string>();
  for (const path of facts.files.keys()) if (path.startsWith("runs/")) ids.add(path.split("/")[1] ?? "");
  return [...ids].sort();
}

function formatCheck(facts: ArchiveFacts): Finding {
  const record = parsed(facts.texts.get(files.record)) as Partial<BundleRecord> | null;
  const expected = `${files.record} of ${bundleFormat} ${bundleVersion}`;
  const actual =
    record === null
      ? `no readable ${files.record}`
      : `${String(record.format)} ${String(record.version)}`.slice(0, 100);
  if (bundleRecordOf(facts) !== null) return { state: "ok", expected, actual };
  const newer = record?.format === bundleFormat && Number(record.version) > bundleVersion;
  return { state: "failed", expected, actual, ...(newer ? { cure: "use the newer `ml` that it was made for" } : {}) };
}

function sumsCheck(facts: ArchiveFacts): Finding {
  const text = facts.texts.get(files.sums);
  if (text === undefined) return { state: "failed", expected: files.sums, actual: "no such file" };
  const sums = parseSums(text);
  const evidence: string[] = [];
  for (const [path, sha256] of sums) {
    const found = facts.files.get(path);
    if (found === undefined) evidence.push(`${path}: missing`);
    else if (found.sha256 !== sha256)
      evidence.push(`${path}: expected ${sha256.slice(0, 12)}…, found ${found.sha256.slice(0, 12)}…`);
  }
  for (const path of facts.files.keys())
    if (path !== files.sums && !sums.has(path)) evidence.push(`${path}: is not listed`);
  const same = `${plural(sums.size, "file")} listed, ${plural(evidence.length, "difference")}`;
  return {
    state: evidence.length === 0 ? "ok" : "failed",
    expected: "every file listed, with its sum",
    actual: same,
    evidence,
  };
}

function runsCheck(facts: ArchiveFacts): Finding {
  const found = runIdsOf(facts);
  const named = (bundleRecordOf(facts)?.runs ?? []).map((run) => run.run_id);
  const [isThere, isNamed] = [new Set(found), new Set(named)];
  const evidence: string[] = [];
  for (const runId of found) {
    const manifest = parsed(facts.texts.get(`${folders.runs}/${runId}/run_manifest.json`)) as Record<
      string,
      unknown
    > | null;
    if (manifest === null || typeof manifest !== "object") evidence.push(`${runId}: has no readable run_manifest.json`);
    else if (manifest.run_id !== runId) evidence.push(`${runId}: its manifest is of another run`);
    else if (!ended.has(manifest.status)) evidence.push(`${runId}: has not ended`);
    if (!isNamed.has(runId)) evidence.push(`${runId}: is not named in ${files.record}`);
  }
  for (const runId of named) if (!isThere.has(runId)) evidence.push(`${runId.slice(0, 64)}: is named and not there`);
  const good = evidence.length === 0 && found.length > 0;
  return {
    state: good ? "ok" : "failed",
    expected: "ended runs, each as named",
    actual: plural(found.length, "run"),
    evidence,
  };
}

/** Paths that may be missing from a run folder: left out of this bundle, or pruned before. */
function excusedOf(facts: ArchiveFacts, runId: string): Set<string> {
  const run = bundledRunOf(facts, runId);
  const excused = new Set<string>((run?.left_out ?? []).map((file) => String(file?.path)));
  for (const line of (facts.texts.get(`${folders.runs}/${runId}/history.jsonl`) ?? "").split("\n")) {
    const entry = parsed(line) as { field?: unknown; value?: { files?: { path?: unknown }[] } } | null;
    if (entry?.field !== "artifacts.pruned" || !Array.isArray(entry.value?.files)) continue;
    for (const file of entry.value.files) excused.add(String(file?.path));
  }
  return excused;
}

/** Each run against its own SHA256SUMS: what is there has its sum, and what is missing was left out by name. */
function sealsCheck(facts: ArchiveFacts): Finding {
  const evidence: string[] = [];
  const count = { same: 0, leftOut: 0, unsealed: 0 };
  const byRun = filesByRun(facts);
  for (const runId of runIdsOf(facts)) {
    const root = `${folders.runs}/${runId}/`;
    const text = facts.texts.get(`${root}SHA256SUMS`);
    if (text === undefined) {
      count.unsealed += 1;
      continue;
    }
    const excused = excusedOf(facts, runId);
    const sums = parseSums(text);
    for (const [path, sha256] of sums) {
      const found = facts.files.get(root + path);
      if (found?.sha256 === sha256) count.same += 1;
      else if (found === undefined && excused.has(path)) count.leftOut += 1;
      else evidence.push(`${runId}/${path}: ${found === undefined ? "missing" : "not as it was sealed"}`);
    }
    for (const path of byRun.get(runId) ?? []) {
      if (path.startsWith("work/") && !sums.has(path)) evidence.push(`${runId}/${path}: is not in the seal`);
    }
  }
  const parts = [
    `${plural(count.same, "file")} as sealed`,
    ...(count.leftOut > 0 ? [`${count.leftOut} left out by name`] : []),
    ...(count.unsealed > 0 ? [`${plural(count.unsealed, "run")} without a seal`] : []),
  ];
  return {
    state: evidence.length === 0 ? "ok" : "failed",
    expected: "each run as it was sealed",
    actual: parts.join(", "),
    evidence,
  };
}

/** Null where the list of files is named by its hash and can be laid out. */
function snapshotOf(text: string, name: string): Snapshot | null {
  try {
    const snapshot = checkSnapshot(JSON.parse(text));
    const hash = new Bun.CryptoHasher("sha256").update(snapshotText(snapshot)).digest("hex");
    return hash === name && snapshotText(snapshot) === text ? snapshot : null;
  } catch {
    return null;
  }
}

/** The snapshots of a bundle that are what their names say, by name. */
export function snapshotsOf(facts: ArchiveFacts): Map<string, Snapshot | null> {
  const found = new Map<string, Snapshot | null>();
  for (const [path, text] of facts.texts) {
    const name = /^snapshots\/([0-9a-f]{64})\.json$/.exec(path)?.[1];
    if (name !== undefined) found.set(name, snapshotOf(text, name));
  }
  return found;
}

function codeCheck(facts: ArchiveFacts): Finding {
  const evidence: string[] = [];
  const expectedFiles = new Set<string>();
  const snapshots = snapshotsOf(facts);
  for (const [name, snapshot] of snapshots) {
    if (snapshot === null) evidence.push(`snapshots/${name.slice(0, 12)}….json: its name is not its hash`);
    for (const file of snapshot?.files ?? []) {
      const path = `${folders.code}/${name}/${file.path}`;
      expectedFiles.add(path);
      if (file.kind === "link" ? facts.links.get(path) === file.target : facts.files.get(path)?.sha256 === file.hash)
        continue;
      evidence.push(`${path}: missing or not as it ran`);
    }
  }
  for (const path of [...facts.files.keys(), ...facts.links.keys()])
    if (path.startsWith("code/") && !expectedFiles.has(path)) evidence.push(`${path}: is in no list of code`);
  for (const { run_id, snapshot } of bundleRecordOf(facts)?.runs ?? [])
    if (snapshot !== null && !snapshots.has(String(snapshot))) evidence.push(`${run_id}: its code is not there`);
  const actual = `${plural(snapshots.size, "snapshot")}, ${plural(expectedFiles.size, "file")}`;
  if (snapshots.size === 0 && evidence.length === 0) return { state: "skipped", actual: "no code in it" };
  return { state: evidence.length === 0 ? "ok" : "failed", expected: "the code as it ran", actual, evidence };
}

const checks: readonly [string, (facts: ArchiveFacts) => Finding][] = [
  ["format", formatCheck],
  ["sums", sumsCheck],
  ["runs", runsCheck],
  ["seals", sealsCheck],
  ["code", codeCheck],
];

export function checkBundle(facts: ArchiveFacts): RunCheck[] {
  return checks.map(([name, look]) => {
    const { state, expected = null, actual = null, evidence = [], cure = null } = look(facts);
    const shown = evidence.slice(0, shownEvidence);
    if (evidence.length > shownEvidence) shown.push(`and ${evidence.length - shownEvidence} more`);
    return { name, level: "basic", state, expected, actual, evidence: shown, cure };
  });
}
