/**
 * `PUT /bundles`: a bundle from somewhere else. It is unpacked into a folder of its own under staging/ while it arrives, judged
 * entry by entry and checked as a whole; only then are its runs given their places. Whatever goes wrong before, nothing is
 * kept. A server that dies between two runs of one bundle has the first of them; importing again brings the rest.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { bundledRunOf, checkBundle, filesByRun, relativesOf, runIdsOf, snapshotsOf } from "../bundle/check.ts";
import { contentId } from "../bundle/content-id.ts";
import type { Place } from "../bundle/layout.ts";
import { arrivedManifest, type GivenRun, type PlannedRun, planImport, renamings } from "../bundle/plan-import.ts";
import { type ArchiveFacts, type FileSink, readArchive } from "../bundle/read-archive.ts";
import { isoTime } from "../core/clock.ts";
import { syncFolder } from "../core/durable.ts";
import { MlError, systemCode } from "../core/error.ts";
import { syncFiles } from "../core/sync-batch.ts";
import type { ImportedRun } from "../protocol/bundle.ts";
import { BlobBatch } from "../run/blob-batch.ts";
import { hasBlob } from "../run/blobs.ts";
import { manifestSchema, manifestText } from "../run/manifest.ts";
import { scanMetrics } from "../run/metrics.ts";
import { storeSnapshot } from "../run/objects.ts";
import type { BasePaths } from "../run/paths.ts";
import { prunedField } from "../run/pruned.ts";
import { whileRelying } from "../run/reliance.ts";
import { readManifest } from "../run/store.ts";
import type { Asker } from "./asker.ts";
import { sumsText } from "./bundle-out.ts";
import { type ArrivedFile, beginnings, dropKept, dropParts, keepArrived, keepPart, thinContents } from "./carried.ts";
import type { Services } from "./context.ts";
import { applyUpdate, type Judged, judgeUpdates, type OnContradiction, type Update } from "./import-update.ts";
import { takeApart } from "./removal.ts";

/** After so many bytes it is asked again whether the disk has room. */
const roomBytes = 64 * 1024 * 1024;

/** Files under staging as they come. One is open at a time; `close` also serves where reading ended in the middle of it. */
class StagedTree {
  #fd = -1;
  #sinceRoom = 0;
  /** Those that came whole. */
  readonly arrived: ArrivedFile[] = [];
  /** The one that was under way when the bundle was cut. */
  part: ArrivedFile | null = null;

  constructor(
    readonly folder: string,
    private readonly requireRoom: () => void,
  ) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  begin(path: string, place: Place, isExecutable: boolean): FileSink | null {
    if (place.kind !== "run" && place.kind !== "code") return null;
    const full = join(this.folder, path);
    fs.mkdirSync(dirname(full), { recursive: true, mode: 0o755 });
    this.#fd = fs.openSync(full, "wx", isExecutable ? 0o755 : 0o644);
    let sizeBytes = 0;
    return {
      write: (bytes) => {
        sizeBytes += bytes.length;
        for (let done = 0; done < bytes.length; ) done += fs.writeSync(this.#fd, bytes, done);
        this.#sinceRoom += bytes.length;
        if (this.#sinceRoom < roomBytes) return;
        this.#sinceRoom = 0;
        this.requireRoom();
      },
      end: (sha256) => {
        this.close();
        this.arrived.push({ path: full, inBundle: path, sizeBytes, sha256 });
      },
      cut: (sha256) => {
        this.close();
        if (place.kind === "run") this.part = { path: full, inBundle: path, sizeBytes, sha256 };
      },
    };
  }

  close(): void {
    if (this.#fd >= 0) fs.closeSync(this.#fd);
    this.#fd = -1;
  }
}

function requireGood(facts: ArchiveFacts): void {
  const failed = checkBundle(facts).filter(({ state }) => state === "failed");
  const [first] = failed;
  if (first === undefined) return;
  const evidence = first.evidence[0] ?? first.actual ?? "it does not fit";
  throw new MlError("refused", `the bundle was refused: the check \`${first.name}\` failed: ${evidence}`, {
    hint: "nothing of it was kept; `ml verify FILE` shows every check",
    data: { checks: failed },
  });
}

/** The runs of the bundle with their manifests as our schema reads them; status and id have been checked. */
function givenRuns(facts: ArchiveFacts): GivenRun[] {
  return runIdsOf(facts).map((runId) => {
    const text = facts.texts.get(`runs/${runId}/run_manifest.json`) ?? "";
    const parsed = manifestSchema.safeParse(JSON.parse(text));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new MlError(
        "refused",
        `the bundle was refused: the manifest of \`${runId}\` does not fit: ${issue?.path.join(".")}: ${issue?.message}`,
        {
          hint: "nothing of it was kept",
        },
      );
    }
    return { manifest: parsed.data, sums: facts.texts.get(`runs/${runId}/SHA256SUMS`) ?? "" };
  });
}

export function standingIn(base: BasePaths) {
  return (runId: string): string | null => {
    const paths = base.run(runId);
    if (!fs.existsSync(paths.folder)) return null;
    const read = readManifest(paths.manifest);
    if (read.kind !== "ok") return "damaged";
    return contentId(read.manifest, sumsText(paths));
  };
}

/** The code of the bundle becomes blobs and snapshots, which harm nobody if the import ends here. */
async function keepCode(base: BasePaths, folder: string, facts: ArchiveFacts): Promise<void> {
  const batch = new BlobBatch(base);
  try {
    for (const [name, snapshot] of snapshotsOf(facts)) {
      const begun = new Set<string>();
      for (const { path, kind, hash, size } of snapshot?.files ?? []) {
        if (kind === "link" || begun.has(hash) || hasBlob(base, hash)) continue;
        begun.add(hash);
        const writer = batch.begin(hash, size);
        for await (const chunk of Bun.file(join(folder, "code", name, path)).stream()) writer.write(chunk);
        if (!writer.end()) throw new MlError("failed", "the code of the bundle has changed while it was kept");
      }
      await batch.publish();
      if (snapshot !== null) storeSnapshot(base, snapshot);
    }
  } finally {
    batch.discard();
  }
}

/** What the bundle says it lacks, as a line of history: then whoever checks the run can tell it from damage. */
function leftOutLine(facts: ArchiveFacts, bundledId: string, { at, by }: { at: string; by: string }): string | null {
  const run = bundledRunOf(facts, bundledId);
  const files = (run?.left_out ?? []).flatMap(({ path, size_bytes, sha256 }) =>
    typeof path === "string"
      ? [{ path, size_bytes: Number(size_bytes) || 0, sha256: typeof sha256 === "string" ? sha256 : null }]
      : [],
  );
  if (files.length === 0) return null;
  return `${JSON.stringify({ at, by, field: prunedField, value: { files, reason: "left out of the bundle that it was imported from" } })}\n`;
}

const sealedMode = (mode: number) => mode & 0o7777 & ~0o222;

/** Gives a staged run folder its links, its manifest and its modes; returns the files to be made durable. */
function finishFolder(
  folder: string,
  facts: ArchiveFacts,
  run: { runId: string; written: readonly string[] },
): string[] {
  const { written } = run;
  const root = `runs/${run.runId}/`;
  for (const [path, target] of facts.links) {
    if (!path.startsWith(root)) continue;
    const full = join(folder, path.slice(root.length));
    fs.mkdirSync(dirname(full), { recursive: true, mode: 0o755 });
    fs.symlinkSync(target, full);
  }
  for (const path of written) {
    if (!/^(work|env)\/|^[^/]*(\.log|metrics.*\.jsonl|samples\.tsv|SHA256SUMS)$/.test(path)) continue;
    const full = join(folder, path);
    fs.chmodSync(full, sealedMode(fs.lstatSync(full).mode));
  }
  for (const name of ["work", "env", ".run"]) fs.mkdirSync(join(folder, name), { recursive: true, mode: 0o755 });
  fs.chmodSync(join(folder, ".run"), 0o700);
  fs.chmodSync(folder, 0o700);
  return written.map((path) => join(folder, path));
}

interface Importing {
  services: Services;
  asker: Asker;
  staging: string;
  facts: ArchiveFacts;
}

async function place({ services, asker, staging, facts }: Importing, planned: readonly PlannedRun[]): Promise<void> {
  const { base, catalog } = services;
  const at = isoTime(Date.now());
  const renamed = renamings(planned, relativesOf(facts), { standing: standingIn(base), nowMs: Date.now() });
  const coming = planned.filter(({ isHere }) => !isHere);
  const folders = new Map(coming.map((run) => [run.runId, join(staging, "runs", run.manifest.run_id)]));
  const byRun = filesByRun(facts);
  /** Of all runs: together they are durable in a moment, and one after the other a thousand take minutes on a busy disk. */
  const written: string[] = [];
  for (const run of coming) {
    const folder = folders.get(run.runId) ?? "";
    const sequence = Math.min(Date.parse(run.manifest.queued_at) || Date.now(), Date.now());
    const arrived = arrivedManifest(run, { user: asker.user, at, from: "bundle", sequence, renamed });
    const files = finishFolder(folder, facts, {
      runId: run.manifest.run_id,
      written: byRun.get(run.manifest.run_id) ?? [],
    });
    const history = join(folder, "history.jsonl");
    const line = leftOutLine(facts, run.manifest.run_id, { at, by: asker.user });
    if (line !== null) fs.appendFileSync(history, line);
    // What it had elsewhere is in its manifest as it is to be here: other ids, and nobody's names where they were taken out.
    arrived.history_bytes = fs.statSync(history, { throwIfNoEntry: false })?.size ?? 0;
    fs.writeFileSync(join(folder, "run_manifest.json"), manifestText(arrived));
    written.push(...files, ...(line === null ? [] : [history]));
    // Others are answered between two of many.
    await Bun.sleep(0);
  }
  await syncFiles(written);
  const placed: string[] = [];
  try {
    for (const [runId, folder] of folders) {
      if (fs.existsSync(base.run(runId).folder))
        throw new MlError("conflict", `run \`${runId}\` appeared while it was imported`, {
          hint: "import the bundle again",
        });
      fs.renameSync(folder, base.run(runId).folder);
      placed.push(runId);
    }
  } catch (cause) {
    for (const runId of placed) fs.renameSync(base.run(runId).folder, folders.get(runId) ?? "");
    throw cause;
  }
  syncFolder(base.runs);
  for (const runId of placed) {
    catalog.apply(runId);
    services.hub.changed(runId);
  }
  services.quota.forget(asker.user);
}

/** How many points a run has more in a folder than here. */
async function newPoints(base: BasePaths, runId: string, folder: string): Promise<number> {
  const count = async (path: string) => {
    let points = 0;
    await scanMetrics(path, { onPoint: () => points++ });
    return points;
  };
  return Math.max(0, (await count(join(folder, "metrics.jsonl"))) - (await count(base.run(runId).metrics)));
}

async function placeUpdates({ services, asker, staging, facts }: Importing, updates: readonly Update[]): Promise<void> {
  const at = isoTime(Date.now());
  const stagedOf = ({ run }: Update) => join(staging, "runs", run.manifest.run_id);
  const written: string[] = [];
  for (const update of updates) {
    const staged = { runId: update.run.manifest.run_id, written: update.files };
    written.push(...finishFolder(stagedOf(update), facts, staged));
    await Bun.sleep(0);
  }
  await syncFiles(written);
  for (const update of updates) {
    applyUpdate(services, update, { staged: stagedOf(update), user: asker.user, at });
    await Bun.sleep(0);
  }
  if (updates.length > 0) services.quota.forget(asker.user);
}

async function becameOf(
  base: BasePaths,
  staging: string,
  { run, judged }: { run: PlannedRun; judged: Judged | null },
): Promise<ImportedRun> {
  const { manifest, runId, isHere, isOther } = run;
  const about = { run_id: runId, bundled_as: manifest.run_id, name: manifest.name, status: manifest.status };
  const update = judged?.updates.find((one) => one.run === run);
  if (update !== undefined) return { ...about, state: "updated", new_points: update.newPoints, changes: update.words };
  const contradictions = judged?.contradictions.get(runId);
  if (!isOther && contradictions === undefined) return { ...about, state: isHere ? "here_already" : "imported" };
  // Nothing there is new: it has less than what is here, such as no files where they were left out.
  if (judged !== null && contradictions === undefined) return { ...about, state: "here_already" };
  const fresh = await newPoints(base, runId, join(staging, "runs", manifest.run_id));
  return { ...about, state: "grown", new_points: fresh, ...(contradictions === undefined ? {} : { contradictions }) };
}

/** Reads to the end. Where the sender says that it will come again, what came before a cut is kept for a day. */
async function readStaged(
  services: Services,
  tree: StagedTree,
  { request, resumable }: { request: Request; resumable: boolean },
): Promise<ArchiveFacts> {
  try {
    return await readArchive(request.body as unknown as AsyncIterable<Uint8Array>, {
      begin: (path, where, isExecutable) => tree.begin(path, where, isExecutable),
      beginning: beginnings(services.base),
      fill: (facts) => thinContents(services.base, facts, [...tree.arrived]),
    });
  } catch (cause) {
    const full = systemCode(cause) === "ENOSPC" || (cause instanceof MlError && cause.code === "no_space");
    // A part takes room twice while it is built upon: where there is none, the next bundle has to do without it.
    if (full && tree.part !== null) dropParts(services.base, [tree.part]);
    if (resumable && !full) {
      keepArrived(services.base, tree.arrived);
      if (tree.part !== null) keepPart(services.base, tree.part);
    }
    throw cause;
  }
}

/**
 * Throws `refused`, `too_large`, `not_allowed`, `no_space`, …; then none of the runs is kept. `try_later`: what it builds upon
 * is gone from here.
 */
export async function receiveBundle(
  services: Services,
  asker: Asker,
  { request, resumable, update }: { request: Request; resumable: boolean; update: OnContradiction | null },
): Promise<Response> {
  if (asker.role === "viewer") throw new MlError("not_allowed", "importing runs needs the role user");
  services.disk.requireRoom("importing");
  if (request.body === null) throw new MlError("usage", "the bundle is empty");
  const { base } = services;
  const staging = join(base.staging, `import-${crypto.randomUUID()}`);
  const tree = new StagedTree(staging, () => services.disk.requireRoom("importing"));
  try {
    const facts = await readStaged(services, tree, { request, resumable });
    requireGood(facts);
    const planned = planImport(givenRuns(facts), { standing: standingIn(base), nowMs: Date.now() });
    const judged =
      update === null
        ? null
        : await judgeUpdates(services, planned, {
            ...{ asker, staging, byRun: filesByRun(facts), onContradiction: update },
          });
    await whileRelying(async () => {
      await keepCode(base, staging, facts);
      await place({ services, asker, staging, facts }, planned);
    });
    if (judged !== null) await placeUpdates({ services, asker, staging, facts }, judged.updates);
    const runs: ImportedRun[] = [];
    for (const run of planned) runs.push(await becameOf(base, staging, { run, judged }));
    const idsThat = (became: ImportedRun["state"]) =>
      runs.filter(({ state }) => state === became).map(({ run_id }) => run_id);
    dropKept(base, tree.arrived);
    services.audit.note(asker, { action: "import", runs: idsThat("imported"), detail: `bundle of ${runs.length}` });
    const updated = idsThat("updated");
    if (updated.length > 0) services.audit.note(asker, { action: "import.update", runs: updated });
    return Response.json({ reply: { runs, files: facts.files.size, size_bytes: facts.unpackedBytes } });
  } finally {
    tree.close();
    await takeApart(staging);
  }
}
