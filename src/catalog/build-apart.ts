/** Starts the process that makes an index (build-main.ts) and waits for it; it gives way to the server. */
import { dirname } from "node:path";
import { MlError } from "../core/error.ts";
import { gently, ownCommand, ownEnvironment } from "../core/own-command.ts";
import type { BasePaths } from "../run/paths.ts";

interface Told {
  read?: number;
  runs?: number;
  failed?: string;
}

/** Behind the server, but not behind everything: somebody waits for it. At 10 it got a twentieth of a busy machine. */
const niceness = 3;

export interface BuildApartOptions {
  /** Runs that have been read. */
  onProgress?(runs: number): void;
  /** Ends it; then this throws. */
  signal?: AbortSignal;
}

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
  try {
    const decoder = new TextDecoder();
    let pending = "";
    for await (const bytes of child.stdout) {
      pending += decoder.decode(bytes, { stream: true });
      for (let end = pending.indexOf("\n"); end >= 0; end = pending.indexOf("\n")) {
        const told = JSON.parse(pending.slice(0, end)) as Told;
        pending = pending.slice(end + 1);
        if (told.read !== undefined) options.onProgress?.(told.read);
        if (told.failed !== undefined) throw new MlError("failed", `making the index failed: ${told.failed}`);
        if (told.runs !== undefined) return told.runs;
      }
    }
    throw new MlError("failed", "making the index failed: the process that made it has ended early");
  } finally {
    options.signal?.removeEventListener("abort", stop);
    stop();
  }
}
