/**
 * A program that goes on printing lines, as a child that may hang: silent for longer than its patience it is killed,
 * never waited for, and missed. In a session of its own, cwd "/", nothing of Bun in its environment.
 */
import { withoutBun } from "../capture/child.ts";

export interface LineChildOptions {
  env: Readonly<Record<string, string | undefined>>;
  /** Silence after which it counts as hung; null: silence is fine. */
  patienceMs: number | null;
  onLine(line: string): void;
  /** Once, unless `stop` was called: it ended by itself (`exitCode`), or hung (null). `words` is the last line that it printed. */
  onEnd(how: { exitCode: number | null; words: string }): void;
}

export interface LineChild {
  /** Ends it; nothing is called afterwards. */
  stop(): void;
  /** Resolves when the process is really gone: never, where it is stuck in the kernel. */
  gone: Promise<unknown>;
}

/** Throws where the program cannot be started. */
export function startLineChild(command: readonly string[], options: LineChildOptions): LineChild {
  const child = Bun.spawn([...command], {
    cwd: "/",
    env: withoutBun(options.env),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    detached: true,
  });
  child.unref();
  let over = false;
  let words = "";
  let heardMs = performance.now();
  const end = (exitCode: number | null) => {
    if (over) return;
    over = true;
    clearInterval(timer);
    options.onEnd({ exitCode, words });
  };
  const timer = setInterval(() => {
    if (options.patienceMs === null || performance.now() - heardMs < options.patienceMs) return;
    killGroup(child.pid);
    end(null);
  }, 1000);
  const read = async (stream: ReadableStream<Uint8Array>, each: (line: string) => void) => {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of stream) {
      heardMs = performance.now();
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = (lines.pop() ?? "").slice(-65_536);
      for (const line of lines) if (!over && line.trim() !== "") each(line);
    }
    if (rest.trim() !== "" && !over) each(rest);
  };
  const note = (line: string) => {
    words = line.trim().slice(0, 300);
  };
  const out = read(child.stdout, (line) => {
    note(line);
    options.onLine(line);
  });
  void Promise.all([child.exited, out, read(child.stderr, note)]).then(
    () => end(child.exitCode ?? -1),
    () => end(-1),
  );
  return {
    stop() {
      if (!over && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
      over = true;
      clearInterval(timer);
    },
    gone: child.exited,
  };
}

/** Called only for a child that was not reaped, so that the number is still its own. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}
