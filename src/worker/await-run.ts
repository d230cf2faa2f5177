/**
 * Waiting, on what a run leaves in `.run/` and in /proc: for its process, for its exit record, for the last of its
 * processes. Nothing here writes to the run folder but events, and the names of damaged records that are kept aside.
 */
import * as fs from "node:fs";
import { dirname } from "node:path";
import { MlError, systemCode } from "../core/error.ts";
import { bootId, isSameProcess, type ProcessIdentity } from "../core/process-identity.ts";
import {
  type ExitRecord,
  type ProcessRecord,
  quarantineRecord,
  readExitRecord,
  readProcessRecord,
  readStartedMark,
} from "../execute/records.ts";
import { anybodyBears, nobodyIsLeft, processesOf } from "../execute/stragglers.ts";
import type { Verdict } from "../execute/verdict.ts";
import type { Manifest } from "../run/manifest.ts";
import type { Ending } from "./finish.ts";
import { noteEvent } from "./run-events.ts";
import type { LiveRun, Shop } from "./shop.ts";
import { actOnStop } from "./stop-request.ts";

/** What a watcher is told of the supervisor that it has started itself; null for an adopted run. */
export interface OwnSupervisor {
  ended: Promise<void>;
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

export interface Started {
  record: ProcessRecord | null;
  /** Who the supervisor is, from either record; null where neither says. */
  supervisor: ProcessIdentity | null;
}

/** Waits until the script has a process, or never will have one. */
export async function waitForProcess(shop: Shop, run: LiveRun, own: OwnSupervisor | null): Promise<Started> {
  let ended = own === null;
  void own?.ended.then(() => {
    ended = true;
    run.bell.ring();
  });
  for (;;) {
    const mark = readStartedMark(run.paths);
    const supervisor = mark.kind === "ok" ? mark.record.supervisor : null;
    // An adopted run without a mark may have a supervisor that is about to leave it.
    const over = ended && (own !== null || supervisor !== null || !anybodyBears(run.runId));
    const record = await processOf(shop, run);
    if (record !== null) return { record, supervisor: record.supervisor };
    if (shop.closing || fs.existsSync(run.paths.exitRecord)) return { record: null, supervisor };
    if (over && (supervisor === null || !isSameProcess(supervisor))) {
      return { record: await processOf(shop, run), supervisor };
    }
    await run.bell.wait(Math.min(shop.pollMs, 250));
  }
}

/** The moment of the last sign of life, for a run whose end nobody saw. */
function lastSignMs(run: LiveRun, startedAtMs: number): number {
  const times = [run.paths.outputLog, run.paths.stdoutLog, run.paths.stderrLog, run.paths.metrics].map(
    (path) => fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0,
  );
  return Math.max(startedAtMs, ...times);
}

/** A started run, as far as it is known. */
export interface Attended {
  manifest: Manifest;
  started: Started;
  /** When the script started, as well as it is known. */
  startedAtMs: number;
}

/** Somebody removed the folder of the run. False where a whole base is away, as an unmounted one is. */
export function isRemoved({ paths }: LiveRun): boolean {
  try {
    fs.lstatSync(paths.folder);
    return false;
  } catch (cause) {
    return systemCode(cause) === "ENOENT" && fs.existsSync(dirname(paths.folder));
  }
}

/** Waits for the exit record; null where there will be none, because supervisor and script are gone. */
async function waitForExit(shop: Shop, run: LiveRun, attended: Attended): Promise<ExitRecord | null> {
  const { manifest, started } = attended;
  const graceSeconds = manifest.launch.grace_seconds;
  const limitMs = (manifest.resources.requested.max_runtime_hours ?? 0) * 3_600_000;
  let orphan = false;
  while (!shop.closing) {
    if (isRemoved(run)) throw new MlError("not_found", "its folder was removed");
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
  if (run.startedHere && run.script !== null && run.stopping === null && nobodyIsLeft(run.runId, run.script)) return;
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
    evidence: [],
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

/** Waits for the end of the script and of all its processes; null where the worker closes first. */
export async function waitForEnding(shop: Shop, run: LiveRun, attended: Attended): Promise<Ending | null> {
  const exit = await waitForExit(shop, run, attended);
  if (shop.closing && exit === null) return null;
  await waitForStragglers(shop, run, { ...attended, timeLimit: exit?.timeLimit ?? false });
  if (shop.closing) return null;
  await run.stopping?.gone;
  const { started, startedAtMs } = attended;
  const endedAtMs = exit?.endedAtMs ?? lastSignMs(run, startedAtMs);
  // Told of the end itself; what we find may be the space that somebody has made since.
  const diskFreeBytes = exit?.diskFreeBytes ?? freeBytes(run.paths.folder);
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
  if (started.record === null && exit !== null && exit.rc !== 0 && !hasSignsOfLife(run)) {
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

/** Output, or a process record that was damaged later: the script did start. */
function hasSignsOfLife({ paths }: LiveRun): boolean {
  const logs = [paths.outputLog, paths.stdoutLog, paths.stderrLog];
  if (logs.some((path) => (fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0) > 0)) return true;
  return fs.readdirSync(paths.private).some((name) => name.startsWith("process.json.damaged"));
}
