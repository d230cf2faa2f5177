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
import { isoTime } from "../core/clock.ts";
import { syncFolder } from "../core/durable.ts";
import { MlError, messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { tryLock } from "../core/file-lock.ts";
import { bootId, isSameProcess, type ProcessIdentity } from "../core/process-identity.ts";
import {
  type ExitRecord,
  type ProcessRecord,
  quarantineRecord,
  readExitRecord,
  readProcessRecord,
  readStartedMark,
} from "../execute/records.ts";
import { processesOf } from "../execute/stragglers.ts";
import type { Verdict } from "../execute/verdict.ts";
import type { Manifest } from "../run/manifest.ts";
import { changeManifest, requireManifest } from "../run/store.ts";
import { beginCapture } from "./capturing.ts";
import { type Ending, finishRun } from "./finish.ts";
import { noteEvent } from "./run-events.ts";
import { type LiveRun, letGo, type Shop, settleClaim } from "./shop.ts";
import { actOnStop } from "./stop-request.ts";

/** What a watcher is told of the supervisor that it has started itself; null for an adopted run. */
export interface OwnSupervisor {
  ended: Promise<void>;
}

function watchFolder(run: LiveRun): () => void {
  try {
    const watcher = fs.watch(run.paths.private, { persistent: false }, () => run.bell.ring());
    watcher.on("error", () => watcher.close());
    return () => watcher.close();
  } catch {
    return () => {};
  }
}

/** A record that is whole, or null; one that stays damaged is kept aside and counts as missing. */
async function settledRecord<T>(
  shop: Shop,
  run: LiveRun,
  read: {
    path: string;
    once: () => { kind: "ok"; record: T } | { kind: "missing" } | { kind: "damaged"; reason: string };
  },
): Promise<T | null> {
  for (let attempt = 1; ; attempt += 1) {
    const found = read.once();
    if (found.kind === "ok") return found.record;
    if (found.kind === "missing") return null;
    if (attempt < 5) {
      await Bun.sleep(20);
      continue;
    }
    const kept = quarantineRecord(run.paths, read.path, shop.clock.nowMs());
    noteEvent(run.paths, shop.clock.nowMs(), { event: `${found.reason}; kept as \`${kept}\`` });
    return null;
  }
}

const exitOf = (shop: Shop, run: LiveRun) =>
  settledRecord<ExitRecord>(shop, run, { path: run.paths.exitRecord, once: () => readExitRecord(run.paths) });
const processOf = (shop: Shop, run: LiveRun) =>
  settledRecord<ProcessRecord>(shop, run, { path: run.paths.processRecord, once: () => readProcessRecord(run.paths) });

interface Started {
  record: ProcessRecord | null;
  /** Who the supervisor is, from either record; null where neither says. */
  supervisor: ProcessIdentity | null;
}

/** Waits until the script has a process, or never will have one. */
async function waitForProcess(shop: Shop, run: LiveRun, own: OwnSupervisor | null): Promise<Started> {
  let ended = own === null;
  void own?.ended.then(() => {
    ended = true;
    run.bell.ring();
  });
  for (;;) {
    const over = ended;
    const mark = readStartedMark(run.paths);
    const supervisor = mark.kind === "ok" ? mark.record.supervisor : null;
    const record = await processOf(shop, run);
    if (record !== null) return { record, supervisor: record.supervisor };
    if (shop.closing || fs.existsSync(run.paths.exitRecord)) return { record: null, supervisor };
    if (over && (supervisor === null || !isSameProcess(supervisor))) {
      return { record: await processOf(shop, run), supervisor };
    }
    await run.bell.wait(Math.min(shop.pollMs, 250));
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

/** The moment of the last sign of life, for a run whose end nobody saw. */
function lastSignMs(run: LiveRun, startedAtMs: number): number {
  const times = [run.paths.outputLog, run.paths.stdoutLog, run.paths.stderrLog, run.paths.metrics].map(
    (path) => fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.max(startedAtMs, ...times);
}

interface Attended {
  manifest: Manifest;
  started: Started;
  /** When the script started, as well as it is known. */
  startedAtMs: number;
}

/** Waits for the exit record; null where there will be none, because supervisor and script are gone. */
async function waitForExit(shop: Shop, run: LiveRun, attended: Attended): Promise<ExitRecord | null> {
  const { manifest, started } = attended;
  const graceSeconds = manifest.launch.grace_seconds;
  const limitMs = (manifest.resources.requested.max_runtime_hours ?? 0) * 3_600_000;
  let orphan = false;
  while (!shop.closing) {
    const lives = started.supervisor !== null && isSameProcess(started.supervisor);
    const exit = await exitOf(shop, run);
    if (exit !== null) return exit;
    const overTime = !lives && limitMs > 0 && shop.clock.nowMs() - attended.startedAtMs > limitMs;
    actOnStop(shop, run, { graceSeconds, scriptRuns: true, overTime });
    if (!lives) {
      if (processesOf(run.runId, run.script).length === 0) return await exitOf(shop, run);
      if (!orphan) {
        orphan = true;
        noteEvent(run.paths, shop.clock.nowMs(), { event: "orphan: the supervisor is gone, the script lives" });
        shop.problems.set(
          run.runId,
          `the supervisor of run \`${run.runId}\` was killed; its exit code will not be known`,
        );
        shop.changed(run.runId);
      }
    }
    await run.bell.wait(shop.pollMs);
  }
  return null;
}

/** Waits until nobody of the run is left: until then it keeps what it holds, and its output may still grow. */
async function waitForStragglers(shop: Shop, run: LiveRun, attended: Attended & { timeLimit: boolean }): Promise<void> {
  const graceSeconds = attended.manifest.launch.grace_seconds;
  let told = false;
  for (let pauseMs = 5; !shop.closing; pauseMs = Math.min(pauseMs * 2, shop.pollMs)) {
    const left = processesOf(run.runId, run.script);
    if (left.length === 0) return;
    actOnStop(shop, run, { graceSeconds, scriptRuns: false, overTime: attended.timeLimit });
    if (!told && pauseMs > 50) {
      told = true;
      const names = left.map((each) => `${each.name} (${each.pid})`).join(", ");
      const sentence = `the script ended and left ${left.length} processes behind: ${names}`;
      noteEvent(run.paths, shop.clock.nowMs(), { event: sentence });
      shop.problems.set(run.runId, `run \`${run.runId}\`: ${sentence}; it keeps what it holds until they end`);
      shop.changed(run.runId);
    }
    await run.bell.wait(pauseMs);
  }
}

function lostSentence(started: Started, script: ProcessIdentity | null): string {
  const identity = script ?? started.supervisor;
  if (started.record === null) return "its supervisor ended before it could say that the script had started";
  if (identity !== null && identity.boot !== bootId())
    return "the machine was restarted while it ran; its exit code is not known";
  return "its supervisor was killed, so nobody saw how the script ended; its exit code is not known";
}

/** Nothing was ever started: the supervisor could not leave its first record, or its script could not. */
function startFailure(exit: ExitRecord | null): Verdict {
  const message =
    exit === null
      ? "the supervisor ended before the script was started"
      : "the supervisor could not open the log or write its record: is the disk full or read-only?";
  const failure = {
    kind: "start_failed" as const,
    message,
    hint: "see `ml doctor`, then queue it again",
    traceback: null,
  };
  return { status: "failed", exit_code: null, signal: null, failure };
}

function freeBytes(folder: string): number | null {
  try {
    const { bavail, bsize } = fs.statfsSync(folder);
    return bavail * bsize;
  } catch {
    return null;
  }
}

async function ending(shop: Shop, run: LiveRun, attended: Attended): Promise<Ending | null> {
  const exit = await waitForExit(shop, run, attended);
  if (shop.closing && exit === null) return null;
  await waitForStragglers(shop, run, { ...attended, timeLimit: exit?.timeLimit ?? false });
  if (shop.closing) return null;
  await run.stopping?.gone;
  const { started, startedAtMs } = attended;
  const endedAtMs = exit?.endedAtMs ?? lastSignMs(run, startedAtMs);
  const diskFreeBytes = freeBytes(run.paths.folder);
  if (started.record === null && !fs.existsSync(run.paths.startedMark) && exit === null) {
    return {
      exit,
      lost: null,
      startedAtMs: null,
      endedAtMs: shop.clock.nowMs(),
      diskFreeBytes,
      verdict: startFailure(exit),
    };
  }
  if (started.record === null && exit !== null && !hasOutput(run)) {
    return { exit, lost: null, startedAtMs: null, endedAtMs, diskFreeBytes, verdict: startFailure(exit) };
  }
  return {
    exit,
    lost: exit === null ? lostSentence(started, run.script) : null,
    startedAtMs,
    endedAtMs,
    diskFreeBytes,
  };
}

function hasOutput(run: LiveRun): boolean {
  return [run.paths.outputLog, run.paths.stdoutLog].some(
    (path) => (fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0,
  );
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
      if (cause instanceof MlError && cause.code !== "no_space" && cause.code !== "try_later") return;
      await run.bell.wait(5000);
      if (shop.closing) return;
    }
  }
}

/** What is free now is given to the next run first; the record of this one can wait for a moment. */
async function letOthersStart(shop: Shop): Promise<void> {
  const isPreparing = () => [...shop.live.values()].some((run) => run.phase === "preparing");
  await new Promise((resolve) => setImmediate(resolve));
  const deadline = performance.now() + 20;
  while (isPreparing() && performance.now() < deadline) await Bun.sleep(1);
}

async function attendLocked(shop: Shop, run: LiveRun, own: OwnSupervisor | null): Promise<void> {
  const started = await waitForProcess(shop, run, own);
  if (shop.closing && started.record === null) return;
  const manifest = requireManifest(run.paths);
  run.phase = "running";
  run.script = started.record?.script ?? null;
  const startedAtMs = started.record?.atMs ?? Date.parse(manifest.started_at ?? isoTime(shop.clock.nowMs()));
  run.capturing = beginCapture(shop, run, manifest);
  // A run that is over already goes from `starting` to its end in one write.
  if (started.record !== null && !fs.existsSync(run.paths.exitRecord)) markRunning(shop, run, started.record);
  await settleClaim(shop, run);
  fault("worker/after-settle");
  const end = await ending(shop, run, { manifest, started, startedAtMs });
  if (end === null) return;
  run.holding = false;
  shop.lookSoon();
  await letOthersStart(shop);
  await finishStubbornly(shop, run, end);
}

/**
 * Attends a started run to its end, or until the worker closes. False where another worker attends it. One run's trouble
 * is written to the problems and never leaves this function.
 */
export async function attendRun(shop: Shop, run: LiveRun, own: OwnSupervisor | null): Promise<boolean> {
  const unwatch = watchFolder(run);
  const lock = tryLock(join(run.paths.private, "attend.lock"));
  try {
    if (lock === null) return false;
    await attendLocked(shop, run, own);
    if (!shop.closing) letGo(shop, run);
  } catch (cause) {
    shop.problems.set(run.runId, `run \`${run.runId}\` cannot be attended: ${messageOf(cause)}`);
    run.holding = processesOf(run.runId, run.script).length > 0;
    if (!run.holding) shop.live.delete(run.runId);
    shop.changed(run.runId);
  } finally {
    unwatch();
    run.stopping?.abandon();
    run.capturing?.abort();
    lock?.release();
  }
  return true;
}
