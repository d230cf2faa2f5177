/** A researcher's desk for one test: an empty home, a project folder, the compiled executable, and terminals that are real. */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterTest } from "../support/after-test.ts";
import { mlBinary, mlEnv, type Ran, type RunOptions, runMl, serverHome } from "../support/binary.ts";
import { tempFolder } from "../support/temp.ts";

type Given = Omit<RunOptions, "home">;

export interface Lab {
  home: string;
  project: string;
  /** Runs `ml` in the project to its end. */
  ml(args: readonly string[], options?: Given): Promise<Ran>;
  /** As `ml` with --json; the parsed value. Throws where it ended with anything but 0. */
  json<T = Record<string, unknown>>(args: readonly string[]): Promise<T>;
  /** Starts `ml` and leaves it running; its whole output is there at the end. */
  start(args: readonly string[], options?: Given): Running;
  /** Starts `ml` on a terminal of its own. */
  terminal(args: readonly string[], options?: Given & { cols?: number; rows?: number }): OnTerminal;
  /** Writes a file of the project; a text that begins with `#!` is executable. */
  put(path: string, text: string | Uint8Array): void;
  /** The id that `ml queue -q` prints. */
  queue(args: readonly string[]): Promise<string>;
  folder(runId: string): string;
}

export interface Running {
  pid: number;
  stdout(): string;
  stderr(): string;
  kill(signal: NodeJS.Signals): void;
  ended: Promise<number>;
  maxRssBytes(): number;
}

export interface OnTerminal {
  screen(): string;
  type(text: string): void;
  /** The exit code, once the screen has all of the output. */
  ended: Promise<number>;
}

/** Live runs are cancelled before support/binary.ts stops the server and removes the home; the project is gone by then. */
async function cancelAll(lab: Lab): Promise<void> {
  const status = await lab.ml(["status", "--json", "--limit", "1000"], { cwd: "/" });
  if (status.code !== 0) return;
  const { running, waiting } = JSON.parse(status.stdout) as Record<"running" | "waiting", { run_id: string }[]>;
  const live = [...waiting, ...running].map((run) => run.run_id);
  if (live.length === 0) return;
  await lab.ml(["cancel", "--now", "--yes", ...live], { cwd: "/" });
  await lab.ml(["wait", "--timeout", "10s", ...live], { cwd: "/" });
}

function killAfterTest(child: { kill(signal: NodeJS.Signals): void; exitCode: number | null }): void {
  afterTest(() => {
    if (child.exitCode === null) child.kill("SIGKILL");
  });
}

export function openLab(): Lab {
  const home = serverHome();
  const project = tempFolder("ml-project-");
  const lab: Lab = {
    home,
    project,
    ml: (args, options = {}) => runMl(args, { home, cwd: project, ...options }),
    async json(args) {
      const ran = await lab.ml([...args, "--json"]);
      if (ran.code !== 0) throw new Error(`ml ${args.join(" ")}: ${ran.code}\n${ran.stderr}`);
      return JSON.parse(ran.stdout);
    },
    start: (args, options = {}) => startChild(lab, args, options),
    terminal: (args, options = {}) => startOnTerminal(lab, args, options),
    put(path, text) {
      const full = join(project, path);
      mkdirSync(dirname(full), { recursive: true });
      writeFileSync(full, text);
      if (typeof text === "string" && text.startsWith("#!")) chmodSync(full, 0o755);
    },
    async queue(args) {
      const ran = await lab.ml(["queue", "-q", ...args]);
      if (ran.code !== 0) throw new Error(`ml queue ${args.join(" ")}: ${ran.code}\n${ran.stderr}`);
      return ran.stdout.trim();
    },
    folder: (runId) => join(home, ".ml/data/runs", runId),
  };
  afterTest(() => cancelAll(lab));
  return lab;
}

function startChild(lab: Lab, args: readonly string[], options: Given): Running {
  const child = Bun.spawn({
    cmd: [options.binary ?? mlBinary(), ...args],
    cwd: options.cwd ?? lab.project,
    env: mlEnv({ home: lab.home, ...(options.env === undefined ? {} : { env: options.env }) }),
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  killAfterTest(child);
  const texts = { stdout: "", stderr: "" };
  const read = async (name: "stdout" | "stderr") => {
    const decoder = new TextDecoder();
    for await (const chunk of child[name]) texts[name] += decoder.decode(chunk, { stream: true });
  };
  const reading = Promise.all([read("stdout"), read("stderr")]);
  return {
    pid: child.pid,
    stdout: () => texts.stdout,
    stderr: () => texts.stderr,
    kill: (signal) => child.kill(signal),
    ended: reading.then(() => child.exited).then((code) => code),
    maxRssBytes: () => child.resourceUsage()?.maxRSS ?? 0,
  };
}

function startOnTerminal(
  lab: Lab,
  args: readonly string[],
  options: Given & { cols?: number; rows?: number },
): OnTerminal {
  let screen = "";
  const closed = Promise.withResolvers<void>();
  const decoder = new TextDecoder();
  const { cols = 100, rows = 30 } = options;
  const child = Bun.spawn({
    cmd: [options.binary ?? mlBinary(), ...args],
    cwd: options.cwd ?? lab.project,
    env: mlEnv({ home: lab.home, env: { TERM: "xterm-256color", ...options.env } }),
    terminal: {
      cols,
      rows,
      data(_, bytes) {
        screen += decoder.decode(bytes, { stream: true });
      },
      exit: () => closed.resolve(),
    },
  });
  killAfterTest(child);
  return {
    screen: () => screen,
    type: (text) => child.terminal?.write(text),
    ended: child.exited.then(async (code) => {
      // Its last words are on the screen then, unless something that it has left behind holds the terminal open.
      await Promise.race([closed.promise, Bun.sleep(5000)]);
      return code;
    }),
  };
}

/** Names of all runs on disk: the truth about what was queued. */
export function runsOnDisk(lab: Lab): string[] {
  const runs = join(lab.home, ".ml/data/runs");
  return existsSync(runs) ? readdirSync(runs) : [];
}

/** Without the codes of a terminal, and with its line ends. */
export function bare(screen: string): string {
  return Bun.stripANSI(screen).replaceAll("\r\n", "\n");
}
