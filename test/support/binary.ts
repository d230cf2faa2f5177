/**
 * The compiled executable for end-to-end tests: built where it is missing or older than the sources, and run with an
 * environment of its own. Nothing of the tester's own ML_ settings or home reaches it.
 */
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterTest } from "./after-test.ts";

const root = join(import.meta.dir, "../..");

function newestMs(folder: string): number {
  let newest = 0;
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) newest = Math.max(newest, statSync(join(entry.parentPath, entry.name)).mtimeMs);
  }
  return newest;
}

const ready = new Set<string>();

/** Path of `dist/ml`, or with `faults` of `dist/ml-faults`, in which ML_FAULTS works. */
export function mlBinary(options: { faults?: boolean } = {}): string {
  const path = join(root, options.faults ? "dist/ml-faults" : "dist/ml");
  if (ready.has(path)) return path;
  const sources = Math.max(newestMs(join(root, "src")), newestMs(join(root, "python")));
  if (!existsSync(path) || statSync(path).mtimeMs < sources) {
    const build = Bun.spawnSync({
      cmd: [process.execPath, join(root, "scripts/build.ts"), ...(options.faults ? ["--faults"] : [])],
      cwd: root,
      stdout: "pipe",
      stderr: "pipe",
    });
    if (build.exitCode !== 0) throw new Error(`the build failed:\n${build.stdout}${build.stderr}`);
  }
  ready.add(path);
  return path;
}

export interface RunOptions {
  /** The home folder; ML_HOME is `<home>/.ml`. */
  home: string;
  /** Added to a small clean environment; undefined takes a variable out. */
  env?: Record<string, string | undefined>;
  cwd?: string;
  /** What stands on stdin; nothing by default. */
  input?: string;
  /** Default 60 s; then it is killed and `code` is 137. */
  timeoutMs?: number;
  binary?: string;
}

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** A small environment: PATH, the home, UTF-8, and what is given. */
export function mlEnv(options: Pick<RunOptions, "home" | "env">): Record<string, string> {
  const env: Record<string, string | undefined> = {
    PATH: process.env.PATH,
    HOME: options.home,
    LANG: "C.UTF-8",
    TMPDIR: process.env.TMPDIR,
    ...options.env,
  };
  return Object.fromEntries(Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined));
}

/** Runs `ml` to its end, off a terminal. */
export async function runMl(args: readonly string[], options: RunOptions): Promise<Ran> {
  const child = Bun.spawn({
    cmd: [options.binary ?? mlBinary(), ...args],
    cwd: options.cwd ?? options.home,
    env: mlEnv(options),
    stdin: options.input === undefined ? "ignore" : new Blob([options.input]),
    stdout: "pipe",
    stderr: "pipe",
    timeout: options.timeoutMs ?? 60_000,
    killSignal: "SIGKILL",
  });
  const [stdout, stderr] = await Promise.all([child.stdout.text(), child.stderr.text()]);
  await child.exited;
  return { code: child.exitCode ?? 128 + 9, stdout, stderr };
}

/** A fresh home whose local server, if one was started, is stopped after the running test. Cancel its runs first. */
export function serverHome(): string {
  const home = mkdtempSync(join(tmpdir(), "ml-e2e-"));
  afterTest(async () => {
    await runMl(["server", "stop"], { home, cwd: "/" });
    Bun.spawnSync(["chmod", "-R", "u+rwX", home], { stderr: "ignore" });
    rmSync(home, { recursive: true, force: true });
  });
  return home;
}
