/**
 * Starts a piece of work on data in a child process and waits for its outcome as long as it gets on. A child that gives no
 * sign for `stallMs` is killed with its hands and left to the kernel: a process stuck on a dead mount may never go, and
 * nobody here waits for it. As long as it has not gone, nobody is sent after it (stuck.ts).
 */
import { dirname } from "node:path";
import { isoTime } from "../core/clock.ts";
import { asMlError, MlError } from "../core/error.ts";
import { hangingMountOf } from "../core/mount-table.ts";
import { gently, ownCommand, ownEnvironment } from "../core/own-command.ts";
import type { CacheJob } from "./cache-folder.ts";
import type { Copied, CopyJob, SettleJob } from "./copy.ts";
import type { Probed, ProbeJob } from "./probe.ts";
import type { ScanJob, Scanned, ScanProgress } from "./scan.ts";
import { leaveStuck, silentSince } from "./stuck.ts";

export type Job = ScanJob | CopyJob | SettleJob | ProbeJob | CacheJob;
export interface Outcomes {
  scan: Scanned;
  copy: Copied;
  settle: null;
  probe: Probed;
  cache: unknown;
}

export interface JobOptions {
  /** Without a sign of life for so long it counts as hung. */
  stallMs: number;
  signal?: AbortSignal;
  onProgress?(progress: ScanProgress): void;
  /** As which process it runs; for tests that stop it. */
  onPid?(pid: number): void;
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

interface Told {
  progress?: ScanProgress;
  done?: unknown;
  failed?: { code: string | null; message: string };
}

/** What the job is about. */
const placeOf = (job: Job) =>
  job.kind === "probe" ? job.path : job.kind === "cache" || job.kind === "settle" ? job.folder : job.root;

/** Where else it may hang: a copy at its other end. */
function otherEndOf(job: Job): string | null {
  const end = job.kind === "copy" ? dirname(job.target) : null;
  return end !== null && hangingMountOf(end) !== null ? end : null;
}

const endMs = 2000;

/** Of a copy that hangs one of the two ends does: both are asked. */
async function hangingEndOf(place: string, other: string): Promise<string> {
  const isSilent = (path: string) =>
    runJob({ kind: "probe", path, toList: false }, { stallMs: endMs }).then(
      () => false,
      (cause) => asMlError(cause).code === "try_later",
    );
  const [atPlace, atOther] = await Promise.all([isSilent(place), isSilent(other)]);
  return atOther && !atPlace ? other : place;
}

function failureOf(job: Job, failed: NonNullable<Told["failed"]>): MlError {
  const place = placeOf(job);
  if (failed.code === "ENOENT") return new MlError("not_found", `\`${place}\` is not there`, { cause: failed.message });
  if (failed.code === "EMPTY") return new MlError("not_found", `\`${place}\` ${failed.message}`);
  if (failed.code === "EACCES" || failed.code === "EPERM")
    return new MlError("not_allowed", `\`${place}\` cannot be read`, { cause: failed.message });
  return new MlError("failed", `reading \`${place}\` failed: ${failed.message}`);
}

const healthHint = "is the mount it lies on alive? `ml doctor` looks";

function requireAnswering(place: string): void {
  const since = silentSince(place);
  if (since === null) return;
  const at = `${isoTime(since.getTime()).slice(0, 19)}Z`;
  throw new MlError("try_later", `\`${place}\` gives no answer since ${at}`, { hint: healthHint });
}

/** A job that was stopped has a moment to go; then its mount holds it. */
const goingMs = 1000;

/** Throws MlError: `try_later` where it hung or was stopped, `not_found`, `not_allowed`, `failed`. */
export async function runJob<J extends Job>(job: J, options: JobOptions): Promise<Outcomes[J["kind"]]> {
  const { stallMs, signal, onProgress, onPid } = options;
  requireAnswering(placeOf(job));
  const other = otherEndOf(job);
  if (other !== null) requireAnswering(other);
  const child = Bun.spawn(gently([...ownCommand("__data"), JSON.stringify(job)]), {
    cwd: "/",
    env: ownEnvironment(),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "ignore",
    detached: true,
  });
  child.unref();
  onPid?.(child.pid);
  let signOf = new Date();
  const leave = () => {
    const left = { group: child.pid, since: signOf };
    if (other === null) leaveStuck(placeOf(job), left);
    else void hangingEndOf(placeOf(job), other).then((place) => leaveStuck(place, left));
  };
  const gaveUp = Promise.withResolvers<never>();
  gaveUp.promise.catch(() => {});
  const stop = (message: string, hint?: string) => {
    killGroup(child.pid);
    gaveUp.reject(new MlError("try_later", message, { hint }));
  };
  const hung = () => {
    stop(
      `\`${placeOf(job)}\`${other === null ? "" : `, or \`${other}\`,`} gave no answer in ${stallMs / 1000} s`,
      healthHint,
    );
    leave();
  };
  let timer = setTimeout(hung, stallMs);
  const onAbort = () => {
    stop(`reading \`${placeOf(job)}\` was stopped`);
    setTimeout(leave, goingMs).unref();
  };
  signal?.addEventListener("abort", onAbort, { once: true });
  if (signal?.aborted) onAbort();
  const read = async (): Promise<Outcomes[J["kind"]]> => {
    const decoder = new TextDecoder();
    let pending = "";
    for await (const chunk of child.stdout) {
      pending += decoder.decode(chunk, { stream: true });
      clearTimeout(timer);
      timer = setTimeout(hung, stallMs);
      signOf = new Date();
      for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
        const told = JSON.parse(pending.slice(0, end)) as Told;
        pending = pending.slice(end + 1);
        if (told.progress !== undefined) onProgress?.(told.progress);
        if (told.failed !== undefined) throw failureOf(job, told.failed);
        if (told.done !== undefined) return told.done as Outcomes[J["kind"]];
      }
    }
    throw new MlError("failed", `the process that read \`${placeOf(job)}\` ended early`);
  };
  const reading = read();
  reading.catch(() => {});
  try {
    return await Promise.race([reading, gaveUp.promise]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  }
}
