/**
 * Asking git a question about somebody's checkout without trusting it: no program that the checkout configures is run
 * (fsmonitor, hooks, filters, external diffs, text conversions, fetching), no lock is taken, no terminal is asked, and
 * nothing takes longer than its time. Every failure is an answer (`problem`), because git must never block queueing.
 */

export interface GitAnswer {
  /** What git printed; cut at `maxBytes`. Empty where there is a problem. */
  stdout: Uint8Array;
  cut: boolean;
  /** Null where git answered; else one sentence. */
  problem: string | null;
}

export interface GitCall {
  cwd: string;
  timeoutMs?: number;
  /** More than this is cut off. */
  maxBytes?: number;
  /** Further `-c key=value` settings. */
  config?: readonly string[];
}

const safety = [
  "core.fsmonitor=false",
  "core.hooksPath=/dev/null",
  "core.pager=cat",
  "core.quotePath=false",
  "diff.external=",
  "submodule.recurse=false",
];

/** The environment for git: ours, without what points it at another repository or makes Bun or git run programs. */
function gitEnvironment(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    if (value === undefined || name.startsWith("BUN_")) continue;
    if (name.startsWith("GIT_") && !name.startsWith("GIT_CONFIG_")) continue;
    kept[name] = value;
  }
  return {
    ...kept,
    GIT_OPTIONAL_LOCKS: "0",
    GIT_TERMINAL_PROMPT: "0",
    GIT_PAGER: "cat",
    GIT_NO_LAZY_FETCH: "1",
    GIT_ALLOW_PROTOCOL: "none",
    LC_ALL: "C",
  };
}

async function readUpTo(
  stream: ReadableStream<Uint8Array>,
  maxBytes: number,
): Promise<{ bytes: Buffer; cut: boolean }> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of stream) {
    if (size + chunk.length > maxBytes) {
      chunks.push(chunk.subarray(0, maxBytes - size));
      return { bytes: Buffer.concat(chunks), cut: true };
    }
    chunks.push(chunk);
    size += chunk.length;
  }
  return { bytes: Buffer.concat(chunks), cut: false };
}

/** Runs `git` with these arguments in `cwd`. Throws nothing. */
export async function callGit(args: readonly string[], call: GitCall): Promise<GitAnswer> {
  const failed = (problem: string): GitAnswer => ({ stdout: new Uint8Array(), cut: false, problem });
  const timeoutMs = call.timeoutMs ?? 5000;
  const argv = ["git", "--no-pager", ...[...safety, ...(call.config ?? [])].flatMap((setting) => ["-c", setting])];
  const env = gitEnvironment();
  if (Bun.which("git", { PATH: env.PATH ?? "" }) === null) return failed("git is not installed");
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([...argv, ...args], { cwd: call.cwd, env, stdio: ["ignore", "pipe", "pipe"] });
  } catch (cause) {
    return failed(`git could not be started: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
  const late = Promise.withResolvers<"late">();
  const timer = setTimeout(() => late.resolve("late"), timeoutMs);
  try {
    const said = Promise.all([readUpTo(child.stdout, call.maxBytes ?? 256e6), readUpTo(child.stderr, 16_384)]);
    const answer = await Promise.race([said, late.promise]);
    if (answer === "late") return failed(`git did not answer within ${timeoutMs} ms`);
    const [out, err] = answer;
    if (out.cut) return { stdout: out.bytes, cut: true, problem: null };
    const code = await Promise.race([child.exited, late.promise]);
    if (code === "late") return failed(`git did not end within ${timeoutMs} ms`);
    if (code !== 0) return failed(firstSentence(new TextDecoder().decode(err.bytes)) || `git ended with ${code}`);
    return { stdout: out.bytes, cut: false, problem: null };
  } finally {
    clearTimeout(timer);
    if (child.exitCode === null) child.kill("SIGKILL");
    child.unref();
  }
}

/** What git complains about, without its prefix: the first line. */
function firstSentence(text: string): string {
  return (text.split("\n").find((line) => line.trim() !== "") ?? "").replace(/^(fatal|error): /, "").trim();
}
