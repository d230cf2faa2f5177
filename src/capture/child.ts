/**
 * Asks a program one question: started without a shell, in a session of its own, with cwd "/" and nothing of Bun in
 * its environment. After the limit its whole group is killed and not waited for: a process stuck in the kernel (a hung
 * driver or mount) must not hold us.
 */
import { messageOf } from "../core/error.ts";

export interface AskOptions {
  env: Readonly<Record<string, string | undefined>>;
  timeoutMs: number;
  signal?: AbortSignal;
  /** Most bytes of output; what prints more is killed. Default 1 MiB. */
  maxBytes?: number;
}

export type Answer =
  | { kind: "exited"; exitCode: number; stdout: string; stderr: string }
  /** Could not be started, was killed by a signal, or printed too much; `reason` is a short phrase. */
  | { kind: "failed"; reason: string }
  /** Killed after the limit, or on abort. `gone` resolves when it really has ended, which may be never. */
  | { kind: "hung"; reason: string; gone: Promise<unknown> };

/** An environment without the variables that would make a Bun executable behave as something else. */
export function withoutBun(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith("BUN_"),
    ),
  );
}

/** Runs `command` (an absolute path first) to its end or its limit. Never throws. */
export async function ask(command: readonly string[], options: AskOptions): Promise<Answer> {
  const start = () =>
    Bun.spawn([...command], {
      cwd: "/",
      env: withoutBun(options.env),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      detached: true,
      maxBuffer: options.maxBytes ?? 1024 * 1024,
    });
  let child: ReturnType<typeof start>;
  try {
    child = start();
  } catch (cause) {
    return { kind: "failed", reason: `cannot be started: ${messageOf(cause)}` };
  }
  child.unref();
  const finished = Promise.all([child.exited, new Response(child.stdout).text(), new Response(child.stderr).text()]);
  const stopped = waitForStop(options);
  const winner = await Promise.race([finished, stopped.reason]);
  stopped.clear();
  if (typeof winner === "string") {
    killGroup(child.pid);
    return { kind: "hung", reason: winner, gone: child.exited };
  }
  const [, stdout, stderr] = winner;
  if (child.exitCode === null) return { kind: "failed", reason: `was ended by ${child.signalCode ?? "a signal"}` };
  return { kind: "exited", exitCode: child.exitCode, stdout, stderr };
}

function waitForStop({ timeoutMs, signal }: AskOptions): { reason: Promise<string>; clear: () => void } {
  const { promise, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(`gave no answer in ${timeoutMs / 1000} s`), timeoutMs);
  const onAbort = () => resolve("had not answered when the run was sealed");
  if (signal?.aborted) onAbort();
  signal?.addEventListener("abort", onAbort, { once: true });
  const clear = () => {
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
  };
  return { reason: promise, clear };
}

/** The child was not reaped yet, so its pid, and with it the group's number, is still its own. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended meanwhile.
  }
}

/** The last line of what a program said on stderr or stdout, for a reason; at most 200 characters. */
export function lastWords(answer: { stdout: string; stderr: string }): string {
  const text = answer.stderr.trim() === "" ? answer.stdout : answer.stderr;
  return text.trim().split("\n").at(-1)?.slice(0, 200) || "it said nothing";
}
