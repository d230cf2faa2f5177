/**
 * Starts the process that makes an index (build-main.ts) and waits for it; it gives way to the server. One that was killed is
 * noticed at once, one that is stuck (stopped, or in a disk that does not answer) after a few seconds in which it neither said
 * nor did anything; however long it takes, one that works is waited for.
 */
import { dirname } from "node:path";
import { MlError } from "../core/error.ts";
import { gently, ownCommand, ownEnvironment } from "../core/own-command.ts";
import { familyOf, stuckIn, type Work } from "../core/process-work.ts";
import type { BasePaths } from "../run/paths.ts";

interface Told {
  read?: number;
  runs?: number;
  failed?: string;
}

/** Behind the server, but not behind everything: somebody waits for it. At 10 it got a twentieth of a busy machine. */
const niceness = 3;
/** Reading cold folders takes the processor a tick (10 ms) every few; nothing that works does nothing for so long. */
const stuckMs = 10_000;
const looksAtStuck = 5;

export interface BuildApartOptions {
  /** Runs that have been read. */
  onProgress?(runs: number): void;
  /** Ends it; then this throws. */
  signal?: AbortSignal;
  /** Without a sign of life for so long it is stuck. */
  stuckMs?: number;
}

/** Resolves with who is stuck once there was no sign of life for `afterMs`: nothing was `said`, nothing done. `stop` ends the watch. */
function watchForStuck(pid: number, { afterMs, said }: { afterMs: number; said(): number }) {
  const { promise, resolve } = Promise.withResolvers<string>();
  let looks: Work[][] = [];
  let heard = said();
  const timer = setInterval(() => {
    if (heard !== said()) looks = [];
    heard = said();
    looks = [...looks.slice(-looksAtStuck), familyOf(pid)];
    const stuck = looks.length > looksAtStuck ? stuckIn(looks) : null;
    if (stuck === null) return;
    for (const one of familyOf(pid)) kill(one.pid);
    resolve(`${stuck} for ${Math.round(afterMs / 1000)} s`);
  }, afterMs / looksAtStuck);
  timer.unref();
  return { stuck: promise, stop: () => clearInterval(timer) };
}

/** One of its own that it can no longer stop itself. */
function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // Gone.
  }
}

const failed = (why: string) =>
  new MlError("failed", `making the index failed: ${why}`, {
    hint: "the one that was there still answers; `ml reindex` tries again",
  });

/** Throws MlError `failed` where no index came of it. */
export async function buildApart(base: BasePaths, path: string, options: BuildApartOptions = {}): Promise<number> {
  const child = Bun.spawn(gently([...ownCommand("__index"), "build", base.base, path], niceness), {
    cwd: "/",
    // What is too large to sort in memory is sorted beside the index, not where space may be short.
    env: { ...ownEnvironment(), SQLITE_TMPDIR: dirname(path) },
    ...{ stdin: "ignore", stdout: "pipe", stderr: "ignore" },
  });
  child.unref();
  const stop = () => child.kill("SIGKILL");
  options.signal?.addEventListener("abort", stop, { once: true });
  if (options.signal?.aborted) stop();
  let lines = 0;
  const watch = watchForStuck(child.pid, { afterMs: options.stuckMs ?? stuckMs, said: () => lines });
  const listen = async () => {
    const decoder = new TextDecoder();
    let pending = "";
    for await (const bytes of child.stdout) {
      pending += decoder.decode(bytes, { stream: true });
      for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
        const told = JSON.parse(pending.slice(0, end)) as Told;
        pending = pending.slice(end + 1);
        lines += 1;
        if (told.read !== undefined) options.onProgress?.(told.read);
        if (told.failed !== undefined) throw failed(told.failed);
        if (told.runs !== undefined) return told.runs;
      }
    }
    throw failed("the process that made it has ended early");
  };
  try {
    const ended = await Promise.race([listen(), watch.stuck]);
    if (typeof ended === "string") throw failed(ended);
    return ended;
  } finally {
    watch.stop();
    options.signal?.removeEventListener("abort", stop);
    stop();
  }
}
