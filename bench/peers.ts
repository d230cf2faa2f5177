/** The peers that a machine may have: found on PATH, given a folder of their own, stopped afterwards. Absent ones are null. */
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { plainEnv, timed } from "./measure.ts";
import type { BenchContext } from "./table.ts";

export interface Peer {
  name: string;
  /** Runs the peer's own command line; milliseconds. Throws where it fails. */
  call(...args: string[]): { ms: number; stdout: string };
  /** The command that hands over one job. */
  submit(command: readonly string[]): { ms: number; stdout: string };
  env: Record<string, string>;
  path: string;
}

/** task-spooler, with a server of its own. */
export function taskSpooler(context: BenchContext, name = "tsp"): Peer | null {
  const path = Bun.which("tsp");
  if (path === null) return null;
  const folder = join(context.folder, `${name}-files`);
  mkdirSync(folder, { recursive: true });
  const env = { ...plainEnv(), TS_SOCKET: join(folder, "socket"), TMPDIR: folder, TS_MAXFINISHED: "100000" };
  const call = (...args: string[]) => timed([path, ...args], { env });
  call("-S", "1");
  context.after(() => {
    try {
      killTree(tspJobs(call("-l").stdout, call));
    } finally {
      call("-K");
    }
  });
  return { name: "tsp", path, env, call, submit: (command) => call(...command) };
}

/** Pids of the jobs that are running now. */
function tspJobs(listing: string, call: Peer["call"]): number[] {
  const running = listing.split("\n").flatMap((line) => /^(\d+)\s+running\b/.exec(line)?.[1] ?? []);
  return running.map((job) => Number(call("-p", job).stdout));
}

/** nq: a queue without a server; each waiting job is a process of its own. */
export function nq(context: BenchContext): Peer | null {
  const path = Bun.which("nq");
  if (path === null) return null;
  const folder = join(context.folder, "nq-jobs");
  mkdirSync(folder, { recursive: true });
  const env = { ...plainEnv(), NQDIR: folder };
  const call = (...args: string[]) => timed([path, ...args], { env });
  context.after(() => {
    const pids = readdirSync(folder).flatMap((file) => /^,[0-9a-f]+\.(\d+)$/.exec(file)?.[1] ?? []);
    killTree(
      pids
        .map(Number)
        .filter((pid) => isOfNq(pid, folder))
        .reverse(),
    );
  });
  return { name: "nq", path, env, call, submit: (command) => call(...command) };
}

function isOfNq(pid: number, folder: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/environ`, "latin1").includes(folder);
  } catch {
    return false;
  }
}

/** Ends the given processes and their direct children; all of them are ours. */
export function killTree(pids: readonly number[]): void {
  const children = (pid: number) => {
    try {
      return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ").filter(Boolean).map(Number);
    } catch {
      return [];
    }
  };
  for (const pid of pids) {
    const whole = [pid, ...children(pid)];
    for (const one of whole) {
      try {
        process.kill(one, "SIGKILL");
      } catch {
        // It has ended.
      }
    }
  }
}

/** Compiles a program of one line in the way that ours is compiled: the floor of any executable of this kind. */
export function compileNoop(folder: string, name = "noop", source = 'require("fs").writeSync(1, "ok\\n")'): string {
  const file = join(folder, `${name}.ts`);
  Bun.spawnSync(["sh", "-c", `cat >"${file}"`], { stdin: new TextEncoder().encode(source) });
  const out = join(folder, name);
  timed([
    ...[process.execPath, "build", "--compile", "--bytecode", "--format=esm", "--minify"],
    ...["--no-compile-autoload-dotenv", "--no-compile-autoload-bunfig", file, "--outfile", out],
  ]);
  return out;
}
