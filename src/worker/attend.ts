/**
 * Attends one started run until none of its processes is left, then has it finished. The same for a run that we started
 * a moment ago and for one that an earlier worker started: all that counts is in `.run/` and in /proc.
 *
 *     supervisor lives ──────────── exit.json ──► stragglers? wait ──► finish
 *          └─► gone, script lives: orphan, watched ──► gone ──► finish, exit code unknown
 *
 * Attending is exclusive: a kernel-held lock on `.run/attend.lock`, freed when we die, keeps two workers from attending
 * one run. Woken by inotify on `.run/`, by poke, and by a poll.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { breathe } from "../core/breathe.ts";
import { isoTime } from "../core/clock.ts";
import { syncFolder } from "../core/durable.ts";
import { MlError, messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { tryLock } from "../core/file-lock.ts";
import type { ProcessRecord } from "../execute/records.ts";
import { processesOf, type RunProcess } from "../execute/stragglers.ts";
import { changeManifest, requireManifest } from "../run/store.ts";
import { isRemoved, type OwnSupervisor, waitForEnding, waitForProcess } from "./await-run.ts";
import { beginCapture } from "./capturing.ts";
import { endContainer } from "./container-end.ts";
import { beginDataLooks } from "./data-use.ts";
import { type Ending, finishRun, snapshotOf } from "./finish.ts";
import { beginHarvest } from "./harvesting.ts";
import { isPassing } from "./passing.ts";
import { beginReads } from "./reads.ts";
import { freeResources, type LiveRun, letGo, type Shop, settleClaim } from "./shop.ts";
import { keepVenv } from "./venv-use.ts";

/** The files in `.run/` that somebody waits for. */
const telling = new Set(["started", "process.json", "exit.json", "stop.json"]);
/** After trouble it is tried again so soon, or when somebody pokes. */
const againMs = 5000;
/** A run that is over within this goes from `starting` to its end in one write. */
const briefMs = 20;

function watchFolder(run: LiveRun): () => void {
  try {
    const watcher = fs.watch(run.paths.private, { persistent: false }, (_, name) => {
      if (name === null || telling.has(name)) run.bell.ring();
    });
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}

function markRunning(shop: Shop, run: LiveRun, record: ProcessRecord): void {
  fault("worker/before-running");
  // One sync makes the started mark and the process record durable before the manifest says `running`.
  syncFolder(run.paths.private);
  const manifest = changeManifest(run.paths, (now) => {
    if (now.status !== "starting" && now.status !== "queued") return false;
    now.status = "running";
    now.started_at = isoTime(record.atMs);
    return true;
  });
  fault("worker/after-running");
  if (manifest.status === "running") shop.changed(run.runId);
}

/** Finishes, and tries again for as long as the disk does not take it: the exit record waits. */
async function finishStubbornly(shop: Shop, run: LiveRun, end: Ending): Promise<void> {
  for (;;) {
    try {
      await finishRun(shop, run, end);
      return;
    } catch (cause) {
      shop.problems.set(
        run.runId,
        `run \`${run.runId}\` has ended, but recording it failed: ${messageOf(cause)}; it is tried again`,
      );
      shop.changed(run.runId);
      if (cause instanceof MlError && !isPassing(cause)) throw cause;
      await run.bell.wait(againMs);
      if (shop.closing) return;
    }
  }
}

/** What is free now is given to the next run first; the record of this one can wait for a moment. */
async function letOthersStart(shop: Shop): Promise<void> {
  const isPreparing = () => [...shop.live.values()].some((run) => run.phase === "preparing");
  await breathe();
  const deadline = performance.now() + 20;
  while (isPreparing() && performance.now() < deadline) await Bun.sleep(1);
}

/** Waits for a moment whether the run is over at once. */
async function isBrief(shop: Shop, run: LiveRun): Promise<boolean> {
  const { exitRecord, stopRequest } = run.paths;
  const deadline = performance.now() + briefMs;
  for (;;) {
    if (fs.existsSync(exitRecord)) return true;
    const leftMs = deadline - performance.now();
    if (leftMs <= 0 || shop.closing || !run.startedHere || fs.existsSync(stopRequest)) return false;
    await run.bell.wait(leftMs);
  }
}

async function attendLocked(shop: Shop, run: LiveRun, own: OwnSupervisor | null): Promise<void> {
  const started = await waitForProcess(shop, run, own);
  if (shop.closing && started.record === null) return;
  const manifest = requireManifest(run.paths);
  run.phase = "running";
  run.sinceMs = shop.clock.monotonicMs();
  run.script = started.record?.script ?? null;
  const startedAtMs = started.record?.atMs ?? Date.parse(manifest.started_at ?? isoTime(shop.clock.nowMs()));
  run.capturing = beginCapture(shop, run, manifest);
  run.dataLooks = beginDataLooks(shop, run, manifest);
  run.reads = beginReads(run, manifest);
  keepVenv(shop, run, manifest);
  if (started.record !== null && !(await isBrief(shop, run))) markRunning(shop, run, started.record);
  run.harvesting = beginHarvest(shop, run, { manifest, snapshot: snapshotOf(shop, manifest) });
  await settleClaim(shop, run);
  fault("worker/after-settle");
  const end = await waitForEnding(shop, run, { manifest, started, startedAtMs });
  if (end === null) return;
  const remarks = await endContainer(shop, run, { manifest, end });
  freeResources(shop, run);
  await letOthersStart(shop);
  await finishStubbornly(shop, run, { ...end, remarks });
}

/** One try at attending; what it throws is the caller's to judge. False where another worker attends the run. */
async function tryToAttend(shop: Shop, run: LiveRun, own: OwnSupervisor | null): Promise<boolean> {
  const lock = tryLock(join(run.paths.private, "attend.lock"));
  if (lock === null) return false;
  const unwatch = watchFolder(run);
  try {
    await attendLocked(shop, run, own);
    if (!shop.closing) letGo(shop, run);
    return true;
  } finally {
    unwatch();
    run.stopping?.abandon();
    run.capturing?.abort();
    await run.harvesting?.stop();
    lock.release();
  }
}

/** Nobody can ask for its end any more, as no run of that name is known: the command is the kernel's. */
function unrecorded({ runId }: LiveRun, left: readonly RunProcess[]): string {
  const names = left.map(({ name, pid }) => `${name} (${pid})`).join(", ");
  const command = `kill ${left.map(({ pid }) => pid).join(" ")}`;
  return `the folder of run \`${runId}\` was removed while it runs: nothing is recorded any more, and it keeps what it holds until its processes end: ${names}; \`${command}\` ends them`;
}

/**
 * Attends a started run to its end, or until the worker closes. False where another worker attends it. One run's trouble
 * is written to the problems and never leaves this function; it is tried again while it may pass or a process lives.
 */
export async function attendRun(shop: Shop, run: LiveRun, own: OwnSupervisor | null): Promise<boolean> {
  while (!shop.closing) {
    try {
      return await tryToAttend(shop, run, own);
    } catch (cause) {
      const left = processesOf(run.runId, run.script);
      if (!isRemoved(run)) shop.problems.set(run.runId, `run \`${run.runId}\` cannot be attended: ${messageOf(cause)}`);
      else if (left.length > 0) shop.problems.set(run.runId, unrecorded(run, left));
      else shop.problems.delete(run.runId);
      run.stopping = null;
      run.holding = left.length > 0;
      shop.changed(run.runId);
      if (!run.holding && !isPassing(cause)) {
        shop.live.delete(run.runId);
        shop.lookSoon();
        return true;
      }
      // What rang until now was heard by the try that failed.
      run.bell.hush();
      await run.bell.wait(againMs);
    }
  }
  return true;
}
