/**
 * The intake journal: submissions made durable by one append and one fsync for a whole batch, before their folders
 * exist. Folders are then made without an fsync each, and synced in the background; once all are on disk the journal
 * is emptied. At start it is replayed: a run whose folder is missing or torn is made again from its record.
 *
 * Invariant: at every moment each acknowledged run is in the journal, or its folder is durable, or both.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { appendDurable, writeDurable } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { isRunId } from "../core/ids.ts";
import { readJsonLines } from "../core/json-lines.ts";
import { blobBytes } from "./blobs.ts";
import { type Manifest, manifestSchema, manifestText } from "./manifest.ts";
import type { BasePaths, StatePaths } from "./paths.ts";
import { readManifest } from "./store.ts";

type Line = { run: unknown } | { gone: string };

/**
 * Makes the folder of a new run, without fsync and with few system calls: they are what a submission costs. A crash in
 * the middle leaves a torn folder, which the journal mends. Throws EEXIST where there is such a folder.
 */
function makeFreshFolder(base: BasePaths, manifest: Manifest): void {
  const paths = base.run(manifest.run_id);
  fs.mkdirSync(paths.folder, { mode: 0o700 });
  try {
    layOutDiff(base, manifest);
    fs.writeFileSync(paths.manifest, manifestText(manifest), { mode: 0o644, flag: "wx" });
  } catch (cause) {
    fs.rmSync(paths.folder, { recursive: true, force: true });
    throw cause;
  }
}

/** Makes the folder of a queued run, or completes what is there of it. */
export function makeRunFolder(base: BasePaths, manifest: Manifest): void {
  const paths = base.run(manifest.run_id);
  fs.mkdirSync(paths.private, { recursive: true, mode: 0o700 });
  layOutDiff(base, manifest);
  writeDurable(paths.manifest, manifestText(manifest), { mode: 0o644 });
}

/** The diffs against the commit and against the upstream, for people, into env/ of the run's folder, or of one in the making. */
export function layOutDiff(base: BasePaths, manifest: Manifest, folder = base.run(manifest.run_id).folder): void {
  const env = join(folder, "env");
  const { git_diff: diff, git_upstream_diff: upstream } = manifest.launch;
  for (const [hash, name] of [
    [diff, "git.diff"],
    [upstream, "git.upstream.diff"],
  ] as const) {
    if (hash === null) continue;
    const bytes = blobBytes(base, hash);
    if (bytes === null) continue;
    fs.mkdirSync(env, { recursive: true, mode: 0o755 });
    fs.writeFileSync(join(env, name), bytes, { mode: 0o444 });
  }
}

export interface Replayed {
  /** Runs whose folder had to be made again. */
  restored: string[];
  /** All runs of the journal that are not deleted: their folders may not have reached the disk yet. */
  found: string[];
  /** Records that could not be understood. */
  skipped: number;
}

/** Brings every run of the journal into a whole folder. Throws system errors of making folders. */
export function replayIntake(base: BasePaths, state: StatePaths): Replayed {
  const { records, skipped } = readJsonLines<Line>(state.intake);
  const gone = new Set(records.flatMap((line) => ("gone" in line ? [line.gone] : [])));
  const result: Replayed = { restored: [], found: [], skipped };
  for (const line of records) {
    if (!("run" in line)) continue;
    const parsed = manifestSchema.safeParse(line.run);
    if (!parsed.success || !isRunId(parsed.data.run_id)) {
      result.skipped += 1;
      continue;
    }
    if (gone.has(parsed.data.run_id)) continue;
    result.found.push(parsed.data.run_id);
    if (readManifest(base.run(parsed.data.run_id).manifest).kind === "ok") continue;
    makeRunFolder(base, parsed.data);
    result.restored.push(parsed.data.run_id);
  }
  return result;
}

async function syncPath(path: string): Promise<void> {
  const handle = await fs.promises.open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncRun(base: BasePaths, runId: string): Promise<void> {
  const paths = base.run(runId);
  try {
    await syncPath(paths.manifest);
    const diff = join(paths.env, "git.diff");
    if (fs.existsSync(diff)) await syncPath(diff);
    await syncPath(paths.folder);
  } catch (cause) {
    if (fs.existsSync(paths.folder)) throw cause;
  }
}

const quietMs = 200;
const longestMs = 5000;
const mostUnsynced = 20_000;

/** The journal with its lifetime: one per server. */
export class Intake {
  private readonly unsynced = new Set<string>();
  private round: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;
  private armedAtMs = 0;

  constructor(
    private readonly base: BasePaths,
    private readonly state: StatePaths,
    private readonly onProblem: (cause: unknown) => void = () => {},
  ) {}

  /**
   * Journals a batch, makes its folders, and does what else must be done for it to count (`also`): durable when it
   * returns. Throws system errors and what `also` throws, and then has taken nothing.
   */
  take(manifests: readonly Manifest[], also: () => void = () => {}): void {
    const before = fs.statSync(this.state.intake, { throwIfNoEntry: false })?.size ?? 0;
    const made: string[] = [];
    try {
      appendDurable(this.state.intake, manifests.map((run) => `${JSON.stringify({ run })}\n`).join(""), {
        mode: 0o600,
      });
      fault("server/after-intake");
      for (const manifest of manifests) {
        makeFreshFolder(this.base, manifest);
        made.push(manifest.run_id);
      }
      fault("server/after-folders");
      also();
    } catch (cause) {
      for (const runId of made) fs.rmSync(this.base.run(runId).folder, { recursive: true, force: true });
      this.cutBack(before);
      throw cause;
    }
    for (const manifest of manifests) this.unsynced.add(manifest.run_id);
    this.syncSoon();
  }

  private cutBack(sizeBytes: number): void {
    try {
      if (fs.existsSync(this.state.intake)) fs.truncateSync(this.state.intake, sizeBytes);
    } catch (cause) {
      this.onProblem(cause);
    }
  }

  /** A run is about to be deleted: a replay must not bring it back. */
  forget(runId: string): void {
    if (!fs.existsSync(this.state.intake)) return;
    if (fs.statSync(this.state.intake).size === 0) return;
    appendDurable(this.state.intake, JSON.stringify({ gone: runId }), { mode: 0o600 });
    this.unsynced.delete(runId);
  }

  /** Adopts what a replay restored or found, so that it is synced and the journal emptied. */
  adopt(runIds: readonly string[]): void {
    for (const runId of runIds) this.unsynced.add(runId);
    if (fs.existsSync(this.state.intake)) this.syncSoon();
  }

  /** Waits for a pause in the submissions, so that syncing does not slow them down, but not for ever. */
  private syncSoon(): void {
    if (this.round !== null || this.closed) return;
    if (this.timer !== null) {
      if (performance.now() - this.armedAtMs > longestMs || this.unsynced.size > mostUnsynced) return;
      clearTimeout(this.timer);
    } else this.armedAtMs = performance.now();
    this.timer = setTimeout(() => {
      this.timer = null;
      this.round = this.syncAll().finally(() => {
        this.round = null;
        if (this.unsynced.size > 0) this.syncSoon();
      });
    }, quietMs);
  }

  private async syncAll(): Promise<void> {
    try {
      while (this.unsynced.size > 0) {
        const batch = [...this.unsynced].slice(0, 64);
        await Promise.all(batch.map((runId) => syncRun(this.base, runId)));
        for (const runId of batch) this.unsynced.delete(runId);
      }
      await syncPath(this.base.runs);
      if (this.unsynced.size === 0 && fs.existsSync(this.state.intake)) fs.truncateSync(this.state.intake, 0);
    } catch (cause) {
      this.onProblem(cause);
      if (!this.closed) await Bun.sleep(5000);
    }
  }

  /** Waits until all folders are on disk and the journal is empty, as far as the disk allows. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    if (this.round !== null) await this.round;
    else await this.syncAll();
  }
}
