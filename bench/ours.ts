/** A server of ours for one row: the compiled executable, a home of its own, nothing left behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { plainEnv, type Spawned, timed, waitUntil } from "./measure.ts";
import type { BenchContext } from "./table.ts";

/** Builds the executable from the sources as they are, into a folder outside of the repository. */
export function buildMl(root: string, folder: string): string {
  const outfile = join(folder, "ml");
  timed([process.execPath, "scripts/build.ts", "--outfile", relative(root, outfile)], { cwd: root });
  return outfile;
}

export interface Ours {
  home: string;
  base: string;
  env: Record<string, string>;
  /** A folder with a small project in it; commands are typed here. */
  project: string;
  pid: number;
  /** Runs `ml …` in the project to its end; throws where it fails. */
  ml(...args: string[]): Spawned;
  /** Queues a command and gives the id of the run. */
  queue(command: readonly string[], flags?: readonly string[]): { runId: string; ms: number };
  folderOf(runId: string): string;
  /** Ends what runs, then the server; also done when the row is over. */
  stop(): Promise<void>;
}

export interface OursOptions {
  slots?: number;
  name?: string;
  /** Called with the base before the server starts. */
  prepare?: (base: string) => void;
}

/** Starts a server and waits until it answers. */
export async function startOurs(context: BenchContext, options: OursOptions = {}): Promise<Ours> {
  const home = join(context.folder, options.name ?? "home");
  const project = makeProject(context, 40);
  const base = join(home, "data");
  mkdirSync(base, { recursive: true, mode: 0o700 });
  options.prepare?.(base);
  const env = { ...plainEnv(), HOME: home, ML_HOME: home };
  const command = [context.ml, "server", "--listen", "127.0.0.1:0", "--slots", String(options.slots ?? 1)];
  command.push("--log-file", join(home, "server.log"));
  const server = Bun.spawn(command, {
    env,
    cwd: "/",
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    detached: true,
  });
  sharePriority(server.pid);
  const ml = (...args: string[]) => timed([context.ml, ...args], { env, cwd: project });
  const stop = once(async () => {
    endRuns(base);
    server.kill("SIGTERM");
    const killer = setTimeout(() => server.kill("SIGKILL"), 10_000);
    await server.exited;
    clearTimeout(killer);
    endRuns(base);
  });
  context.after(stop);
  await waitUntil(
    "the server's record",
    () => existsSync(join(base, "server.json")) || server.exitCode !== null,
    120_000,
  );
  if (server.exitCode !== null) throw new Error(`ml server ended: ${await new Response(server.stderr).text()}`);
  ml("status");
  return {
    ...{ home, base, env, project, pid: server.pid, ml, stop },
    queue(words, flags = []) {
      const { stdout, ms } = ml("queue", "-q", ...flags, "--", ...words);
      return { runId: stdout.trim(), ms };
    },
    folderOf: (runId) => join(base, "runs", runId),
  };
}

/** A session of its own has a priority of its own (sched(7), autogroup): ours is to have that of its peers. */
function sharePriority(pid: number): void {
  const nice = /nice (-?\d+)/.exec(
    existsSync("/proc/self/autogroup") ? readFileSync("/proc/self/autogroup", "utf8") : "",
  );
  if (nice === null || nice[1] === "0") return;
  writeFileSync(`/proc/${pid}/autogroup`, nice[1] as string);
}

/** A small project of `files` files, as a training script has around it. */
export function makeProject(context: BenchContext, files: number): string {
  const project = join(context.folder, `project-${files}`);
  mkdirSync(join(project, "src"), { recursive: true });
  const write =
    'for i in $(seq "$2"); do printf \'# file %s\\n%0500d\\n\' $i 0 >"$1/src/file$i.py"; done; printf \'print(1)\\n\' >"$1/train.py"';
  if (!existsSync(join(project, "train.py"))) timed(["sh", "-c", write, "sh", project, String(files)]);
  return project;
}

function once(act: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | null = null;
  return () => {
    done ??= act();
    return done;
  };
}

/** Kills script and supervisor of every run that has a process and no end, by the identities on record. */
function endRuns(base: string): void {
  const runs = join(base, "runs");
  for (const runId of existsSync(runs) ? readdirSync(runs) : []) {
    const own = join(runs, runId, ".run");
    if (existsSync(join(own, "exit.json")) || !existsSync(join(own, "process.json"))) continue;
    try {
      const record = JSON.parse(readFileSync(join(own, "process.json"), "utf8"));
      for (const pid of [record.supervisor?.pid, -record.script?.pid]) if (Number.isInteger(pid)) kill(pid);
    } catch {
      // Ended meanwhile.
    }
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has ended.
  }
}

/** True once a run has ended and its record is complete. */
export function isSealed(folder: string): boolean {
  return existsSync(join(folder, "SHA256SUMS"));
}

/** Resident memory of a process now and at its peak, in MB. */
export function memoryMb(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => Number(new RegExp(`^${name}:\\s*(\\d+) kB`, "m").exec(status)?.[1] ?? NaN) / 1024;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

/**
 * Processor time that a process and its ended threads have used so far, and with `withChildren` the children that it awaited, in
 * ms; the kernel tells it in steps of 10 (proc(5), stat).
 */
export function cpuMs(pid: number, { withChildren = false } = {}): number {
  const text = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const own = Number(fields[11]) + Number(fields[12]);
  const theirs = withChildren ? Number(fields[13]) + Number(fields[14]) : 0;
  return (own + theirs) * 10;
}
