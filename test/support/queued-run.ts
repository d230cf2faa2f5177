/** Builders for tests of execution: a base with queue and worker, and runs that wait in it, made without a server. */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { newRunId } from "../../src/core/ids.ts";
import { quoteCommand } from "../../src/core/shell-quote.ts";
import { readProcessRecord } from "../../src/execute/records.ts";
import { processesOf, signalAll } from "../../src/execute/stragglers.ts";
import { entryFromManifest } from "../../src/queue/entry.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { openSqliteQueue } from "../../src/queue/sqlite.ts";
import { makeRunFolder } from "../../src/run/intake.ts";
import { type Manifest, type NewManifest, newManifest } from "../../src/run/manifest.ts";
import { storeBlob, storeSnapshot } from "../../src/run/objects.ts";
import { type BasePaths, basePaths, type RunPaths, type StatePaths, statePaths } from "../../src/run/paths.ts";
import type { SnapshotFile } from "../../src/run/snapshot.ts";
import { listRunIds, prepareBase, requireManifest } from "../../src/run/store.ts";
import { startWorker, type Worker, type WorkerOptions } from "../../src/worker/worker.ts";
import { patienceMs, tempFolder, until } from "./temp.ts";

export interface QueuedRunOptions {
  argv: readonly string[];
  /** Files of the code, path → text; a text that begins with `#!` is executable. */
  files?: Record<string, string>;
  /** Anything else of the manifest. */
  manifest?: Partial<NewManifest>;
}

/** Makes the folder of a queued run, and its snapshot where there are files; the queue is the caller's. */
export async function makeQueuedRun(base: BasePaths, options: QueuedRunOptions): Promise<Manifest> {
  prepareBase(base);
  const nowMs = Date.now();
  const given = { environment: { snapshot: await store(base, options.files) }, ...options.manifest };
  const manifest = newManifest({
    run_id: newRunId(nowMs),
    name: "test",
    user: "ana",
    command: quoteCommand(options.argv),
    argv: [...options.argv],
    queued_at: new Date(nowMs).toISOString(),
    ...given,
  } as Parameters<typeof newManifest>[0]);
  makeRunFolder(base, manifest);
  return manifest;
}

async function store(base: BasePaths, files: Record<string, string> | undefined): Promise<string | null> {
  if (files === undefined) return null;
  const entries: SnapshotFile[] = [];
  for (const [path, text] of Object.entries(files)) {
    const bytes = new TextEncoder().encode(text);
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    await storeBlob(base, bytes, hash);
    entries.push({ path, kind: text.startsWith("#!") ? "exec" : "file", size: bytes.length, hash });
  }
  return storeSnapshot(base, { version: 1, files: entries.sort((a, b) => (a.path < b.path ? -1 : 1)) });
}

export interface Bench {
  base: BasePaths;
  state: StatePaths;
  queue: QueueBackend;
  /** A worker without capture, unless told otherwise; call `close` in the test. */
  work(options?: Partial<WorkerOptions>): Promise<Worker>;
  /** Makes a run and puts it into the line. */
  submit(options: QueuedRunOptions): Promise<RunPaths>;
  /** Waits for the seal and returns the manifest. */
  sealed(paths: RunPaths, timeoutMs?: number): Promise<Manifest>;
  manifest(paths: RunPaths): Manifest;
  close(): Promise<void>;
}

/** A temporary base (or one at `folder`, its state elsewhere) with an SQLite queue, and whatever workers are started in it. */
export function openBench(folder?: string): Bench {
  const base = basePaths(folder ?? tempFolder("ml-worker-"));
  const state = statePaths(folder === undefined ? base.base : tempFolder("ml-state-"));
  prepareBase(base);
  fs.mkdirSync(state.stateDir, { recursive: true });
  const queue = openSqliteQueue(state.queueDatabase, { clock: systemClock });
  const workers: Worker[] = [];
  const manifest = (paths: RunPaths) => requireManifest(paths);
  return {
    base,
    state,
    queue,
    async work(options = {}) {
      const capacity = { slots: 4, cpuCores: 64, ramGb: 64, diskGb: null, cards: [] };
      const worker = await startWorker({ base, state, queue, name: "w1", capacity, capture: null, ...options });
      workers.push(worker);
      return worker;
    },
    async submit(options) {
      const made = await makeQueuedRun(base, options);
      await queue.add([entryFromManifest(made)]);
      return base.run(made.run_id);
    },
    async sealed(paths, timeoutMs = patienceMs) {
      await until(`the seal of ${paths.runId}`, () => fs.existsSync(paths.sums), timeoutMs);
      return manifest(paths);
    },
    manifest,
    async close() {
      for (const worker of workers.splice(0)) await worker.stop();
      await queue.close();
      // What a failed test left running.
      for (const runId of listRunIds(base)) {
        const found = readProcessRecord(base.run(runId));
        signalAll(processesOf(runId, found.kind === "ok" ? found.record.script : null), "SIGKILL");
      }
    },
  };
}

/** Puts a file somewhere, folders and all. */
export function put(path: string, text: string): void {
  fs.mkdirSync(dirname(path), { recursive: true });
  fs.writeFileSync(path, text);
}

/** What `.run/stop.json` says, as the server writes it. */
export function askToStop(paths: RunPaths, more: Record<string, unknown> = {}): void {
  const request = { by: "ana", at: new Date().toISOString(), now: false, reason: null, grace_seconds: null, ...more };
  const temporary = join(paths.private, ".stop.json.tmp");
  fs.writeFileSync(temporary, JSON.stringify(request));
  fs.renameSync(temporary, paths.stopRequest);
}
