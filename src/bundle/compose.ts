/**
 * Composes a bundle: the entries of the archive in order, each with its bytes or with where they are read when their turn
 * comes. Texts that are redacted are cleaned here, and the sums of their run made to fit.
 */
import * as fs from "node:fs";
import { isoTime } from "../core/clock.ts";
import { MlError } from "../core/error.ts";
import { isRunId } from "../core/ids.ts";
import { formatSize } from "../core/size.ts";
import { version } from "../core/version.ts";
import { blobBytes } from "../run/blobs.ts";
import { type Manifest, manifestText } from "../run/manifest.ts";
import { readSnapshot } from "../run/objects.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import { readSums } from "../run/seal.ts";
import { type Snapshot, snapshotText } from "../run/snapshot.ts";
import { isFinal } from "../run/status.ts";
import { isSealed, readManifest, requireManifest } from "../run/store.ts";
import { parseSumLine, sumLine } from "../run/sum-line.ts";
import { contentId, firstIdOf } from "./content-id.ts";
import { crateText } from "./crate.ts";
import { type GatheredFile, type GatherWish, gatherRun } from "./gather.ts";
import {
  type BundledRun,
  type BundleRecord,
  bundleFormat,
  bundleVersion,
  files,
  folders,
  type Relative,
  type ThinFile,
} from "./layout.ts";
import { relativeIds } from "./plan-import.ts";
import { readmeText } from "./readme.ts";
import { type Redaction, Redactor } from "./redact.ts";
import { reproduceScript } from "./reproduce-script.ts";

/** What the receiver has of a file since a cut, and its sum, which is never added to itself: it is copied. */
export interface SentBefore {
  sizeBytes: number;
  sum: Bun.CryptoHasher;
}

export interface BundleEntry {
  /** Without the top folder. */
  path: string;
  isExecutable: boolean;
  modifiedMs: number;
  /** Where it is known without reading the file: by a seal, or by the list of code. */
  sha256?: string | null;
  from:
    | { text: string }
    | { target: string }
    /** `root` and `inside` apart, so that it can be opened without leaving the root. */
    | { root: string; inside: string; sizeBytes: number; there?: SentBefore }
    /** A stored content, by its hash. */
    | { base: BasePaths; blob: string; sizeBytes: number };
}

export interface BundleWish extends GatherWish {
  runIds: readonly string[];
  redact: ReadonlySet<Redaction>;
  /** Curves as SVG, by run id. */
  figures: ReadonlyMap<string, string>;
  /** Contents (sha256) that the receiver has: they do not travel. Not together with `redact`. */
  have?: ReadonlySet<string>;
  /** A content that the bundle brings already does not travel again: code mostly lies in work/ too. Not together with `redact`. */
  once?: boolean;
  nowMs: number;
}

export interface Composed {
  top: string;
  record: BundleRecord;
  entries: BundleEntry[];
  thin: readonly ThinFile[];
}

/** A longer text is not redacted: it is left out. */
const redactedBytes = 64 * 1024 * 1024;
/** Longer code and artifacts are not looked at for what might be redacted. */
const seenBytes = 4 * 1024 * 1024;

const sha256 = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const isText = (path: string) => !/^(work|staged)\//.test(path) && path !== "SHA256SUMS";

/** The text that `bytes` are, or null where they are none. */
function textOf(bytes: Buffer): string | null {
  return bytes.includes(0) ? null : bytes.toString("utf8");
}

const readText = (path: string) => textOf(fs.readFileSync(path));

interface RunParts {
  entries: BundleEntry[];
  bundled: BundledRun;
  /** As the bundle has it. */
  manifest: Manifest;
}

function fileEntry(paths: RunPaths, file: GatheredFile, sha256: string | null): BundleEntry {
  const { path, sizeBytes, modifiedMs, isExecutable, target } = file;
  const from = target === null ? { root: paths.folder, inside: path, sizeBytes } : { target };
  return { path: `${folders.runs}/${paths.runId}/${path}`, isExecutable, modifiedMs, sha256, from };
}

/** The texts of a run without what was to go; a seal and a manifest that agree with them. */
function redactRun(paths: RunPaths, parts: RunParts, redactor: Redactor): void {
  const root = `${folders.runs}/${paths.runId}/`;
  const sums = new Map<string, string>();
  const kept: BundleEntry[] = [];
  for (const entry of parts.entries) {
    const inside = entry.path.slice(root.length);
    if (!("root" in entry.from) || inside === "run_manifest.json") {
      kept.push(entry);
      continue;
    }
    const { sizeBytes } = entry.from;
    if (!isText(inside)) {
      const text = sizeBytes <= seenBytes && inside !== "SHA256SUMS" ? readText(`${paths.folder}/${inside}`) : null;
      if (text !== null) redactor.see(entry.path, text);
      kept.push(entry);
      continue;
    }
    const text = sizeBytes > redactedBytes ? null : readText(`${paths.folder}/${inside}`);
    if (text === null) {
      const why = sizeBytes > redactedBytes ? `longer than ${formatSize(redactedBytes)}` : "no text";
      parts.bundled.left_out.push({ path: inside, size_bytes: sizeBytes, sha256: null, why: `not redacted: ${why}` });
      continue;
    }
    const clean = redactor.clean(entry.path, text);
    if (clean !== text) sums.set(inside, sha256(clean));
    kept.push({ ...entry, from: { text: clean } });
  }
  const known = parts.manifest.environment.files;
  for (const [path, sum] of sums) if (path in known) known[path] = sum;
  const cleaned = redactor.clean(`${root}run_manifest.json`, manifestText(parts.manifest));
  parts.manifest = JSON.parse(cleaned) as Manifest;
  for (const [index, entry] of kept.entries()) {
    if (entry.path === `${root}run_manifest.json`) kept[index] = { ...entry, from: { text: cleaned } };
    if (entry.path === `${root}SHA256SUMS`) kept[index] = { ...entry, from: { text: resummed(paths.sums, sums) } };
  }
  parts.entries = kept;
}

function resummed(path: string, changed: ReadonlyMap<string, string>): string {
  const lines = fs.readFileSync(path, "utf8").split("\n");
  return lines
    .flatMap((line) => parseSumLine(line) ?? [])
    .map((line) => sumLine(line.path, changed.get(line.path) ?? line.sha256))
    .join("");
}

function runParts(base: BasePaths, runId: string, wish: BundleWish): RunParts {
  const paths = base.run(runId);
  const manifest = requireManifest(paths);
  if (!isFinal(manifest.status)) {
    throw new MlError("conflict", `run \`${runId}\` cannot be exported: it is ${manifest.status}`, {
      hint: `wait for it: \`ml wait ${runId}\``,
    });
  }
  const { files: found, leftOut } = gatherRun(paths, wish);
  const { snapshot } = manifest.environment;
  const sums = readSums(paths);
  return {
    entries: found.map((file) => fileEntry(paths, file, sums?.get(file.path) ?? null)),
    bundled: {
      run_id: runId,
      name: manifest.name,
      snapshot: wish.level === "metadata" ? null : snapshot,
      left_out: leftOut,
    },
    manifest,
  };
}

function codeEntries(
  base: BasePaths,
  name: string,
  { redactor, nowMs }: { redactor: Redactor; nowMs: number },
): BundleEntry[] {
  const snapshot: Snapshot = readSnapshot(base, name);
  const list: BundleEntry = {
    ...{ path: `${folders.snapshots}/${name}.json`, isExecutable: false, modifiedMs: nowMs },
    from: { text: snapshotText(snapshot) },
  };
  const laidOut = snapshot.files.map((file): BundleEntry => {
    const path = `${folders.code}/${name}/${file.path}`;
    const common = { path, isExecutable: file.kind === "exec", modifiedMs: nowMs };
    if (file.kind === "link") return { ...common, from: { target: file.target ?? "" } };
    if (redactor.isNeeded && file.size <= seenBytes) {
      const text = textOf(blobBytes(base, file.hash) ?? Buffer.alloc(0));
      if (text !== null) redactor.see(path, text);
    }
    return { ...common, sha256: file.hash, from: { base, blob: file.hash, sizeBytes: file.size } };
  });
  return [list, ...laidOut];
}

/** Smaller contents travel again: to name them takes as much. */
const leastNamedBytes = 4096;

/** Parts what the receiver has from what must travel. */
function partThin(
  entries: readonly BundleEntry[],
  { have = new Set(), once = false }: Pick<BundleWish, "have" | "once">,
): { thin: ThinFile[]; body: BundleEntry[] } {
  const thin: ThinFile[] = [];
  const body: BundleEntry[] = [];
  const brought = new Set<string>();
  for (const entry of entries) {
    const { path, sha256, from, isExecutable } = entry;
    const known = sha256 != null && (have.has(sha256) || brought.has(sha256));
    if (!known || !("sizeBytes" in from)) body.push(entry);
    else thin.push({ path, size_bytes: from.sizeBytes, sha256, executable: isExecutable });
    if (once && sha256 != null && "sizeBytes" in from && from.sizeBytes >= leastNamedBytes) brought.add(sha256);
  }
  return { thin, body };
}

/** Runs that these name and that are here, ended and sealed, but do not travel. */
function relativesOf(base: BasePaths, manifests: readonly Manifest[]): Relative[] {
  const inside = new Set(manifests.map(({ run_id }) => run_id));
  const named = new Set(manifests.flatMap(relativeIds).filter((runId) => isRunId(runId) && !inside.has(runId)));
  return [...named].flatMap((runId) => {
    const paths = base.run(runId);
    const read = readManifest(paths.manifest);
    if (read.kind !== "ok" || !isSealed(paths)) return [];
    const { manifest } = read;
    const content = contentId(manifest, fs.readFileSync(paths.sums, "utf8"));
    return [{ run_id: runId, first_id: firstIdOf(manifest), queued_at: manifest.queued_at, content }];
  });
}

/** Throws `conflict` for a run that has not ended, and what reading its folder and its code throws. */
export function composeBundle(base: BasePaths, wish: BundleWish): Composed {
  const runs = wish.runIds.map((runId) => runParts(base, runId, wish));
  const redactor = new Redactor(wish.redact, { manifests: runs.map(({ manifest }) => manifest), base: base.base });
  if (redactor.isNeeded) for (const run of runs) redactRun(base.run(run.bundled.run_id), run, redactor);
  const record: BundleRecord = {
    format: bundleFormat,
    version: bundleVersion,
    created_at: isoTime(wish.nowMs),
    made_with: `ml ${version}`,
    level: wish.level,
    artifacts: [...wish.artifacts],
    redacted: [...wish.redact],
    runs: runs.map(({ bundled, manifest }) => ({ ...bundled, name: manifest.name })),
  };
  const manifests = runs.map(({ manifest }) => manifest);
  const snapshots = new Set(record.runs.flatMap((run) => run.snapshot ?? []));
  const all = [
    ...runs.flatMap(({ entries }) => entries),
    ...[...snapshots].flatMap((name) => codeEntries(base, name, { redactor, nowMs: wish.nowMs })),
  ];
  const { thin, body } = partThin(all, wish);
  if (thin.length > 0) record.thin = thin;
  const relatives = relativesOf(base, manifests);
  if (relatives.length > 0) record.relatives = relatives;
  const made = (path: string, text: string, isExecutable = false): BundleEntry => ({
    ...{ path, isExecutable, modifiedMs: wish.nowMs },
    from: { text: redactor.clean(path, text) },
  });
  const drawn = [...wish.figures].filter(([runId]) => wish.runIds.includes(runId));
  // A drawing has no words of people in it but the names of metrics.
  const figures = drawn.map(
    ([runId, svg]): BundleEntry => ({ ...made(`${folders.figures}/${runId}.svg`, ""), from: { text: svg } }),
  );
  const present = new Set(all.map(({ path }) => path));
  const head = [
    made(files.readme, readmeText({ record, manifests, figures: new Set(drawn.map(([runId]) => runId)) })),
    ...(wish.level === "metadata" ? [] : [made(files.reproduce, reproduceScript(manifests), true)]),
    made(files.crate, crateText({ record, manifests, present })),
    // Not cleaned: what it says was left out must have the names that the seals have.
    { ...made(files.record, ""), from: { text: `${JSON.stringify(record, null, 2)}\n` } },
  ];
  if (redactor.isNeeded) head.push({ ...made(files.redacted, ""), from: { text: redactor.report() } });
  const [first = ""] = wish.runIds;
  const top = runs.length === 1 ? first : `${runs.length}-runs-${first}`;
  return { top, record, entries: [...head, ...figures, ...body], thin };
}
