/**
 * A base directory that is served by the real executable in processes of its own, started and killed at will, and asked
 * over its Unix socket; with a script that leaves a witness each time it is started.
 */
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../src/run/manifest.ts";
import { type BasePaths, basePaths, type RunPaths } from "../../src/run/paths.ts";
import { mlBinary, mlEnv } from "./binary.ts";
import { patienceMs, until } from "./temp.ts";

export interface StartOptions {
  /** ML_FAULTS; with it the executable that has the fault points is used. */
  faults?: string | undefined;
  /** `server` (with its worker) by default. */
  args?: readonly string[];
  env?: Record<string, string | undefined>;
}

export interface Served {
  home: string;
  base: BasePaths;
  env: Record<string, string>;
  /** Everything that the processes printed. */
  log(): string;
  /** Starts a process and, for a server, waits until it serves; returns also if it died before that. */
  start(options?: StartOptions): Promise<Bun.Subprocess>;
  /** One request; throws the server's error text, or that nobody is there. */
  ask<T>(name: string, body: unknown, timeoutMs?: number): Promise<T>;
  /** Asks until somebody answers with a reply. */
  insist<T>(name: string, body: unknown): Promise<T>;
  manifest(runId: string): Manifest;
  sealed(runId: string, timeoutMs?: number): Promise<{ manifest: Manifest; paths: RunPaths }>;
  runIds(): string[];
  /** SIGKILL for every process that was started here and still lives; the runs go on. */
  killAll(): Promise<void>;
  /** The same, and an end to the runs: for the end of a test. */
  end(): Promise<void>;
}

export function hasEnded(child: Bun.Subprocess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** `home` is a temporary folder of the caller; the base is `<home>/base`, or ML_WORKER_BASE of `env`. */
export function serveFrom(home: string, env: Record<string, string | undefined> = {}): Served {
  const base = basePaths(env.ML_WORKER_BASE ?? join(home, "base"));
  const own = mlEnv({
    home,
    env: { ML_HOME: join(home, "ml"), ML_WORKER_BASE: base.base, ML_SLOTS: "2", ML_DISK_FLOOR_MB: "0", ...env },
  });
  const logPath = join(home, "processes.txt");
  const children: Bun.Subprocess[] = [];
  mkdirSync(home, { recursive: true });
  writeFileSync(logPath, "");
  const record = () => {
    try {
      return JSON.parse(readFileSync(join(own.ML_STATE_DIR ?? base.base, "server.json"), "utf8")) as {
        pid: number;
        socket: string;
      };
    } catch {
      return null;
    }
  };
  const ask = async <T>(name: string, body: unknown, timeoutMs = 30_000): Promise<T> => {
    const socket = record()?.socket;
    if (socket === undefined) throw new Error("nobody serves");
    const response = await fetch(`http://ml/api/${name}`, {
      unix: socket,
      method: "POST",
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timeoutMs),
    });
    const answer = (await response.json()) as { reply?: T; error?: { code: string; message: string; hint?: string } };
    if (answer.error !== undefined)
      throw new Error(`${answer.error.code}: ${answer.error.message} (${answer.error.hint})`);
    return answer.reply as T;
  };
  const runIds = () => (existsSync(base.runs) ? readdirSync(base.runs) : []);
  const manifest = (runId: string) => JSON.parse(readFileSync(base.run(runId).manifest, "utf8")) as Manifest;
  return {
    home,
    base,
    env: own,
    log: () => readFileSync(logPath, "utf8"),
    async start({ faults, args = ["server", "--listen", "127.0.0.1:0"], env: more = {} } = {}) {
      const fd = openSync(logPath, "a");
      const given = { ...own, ...more, ...(faults === undefined ? {} : { ML_FAULTS: faults }) };
      const child = Bun.spawn({
        cmd: [mlBinary({ faults: faults !== undefined }), ...args],
        cwd: home,
        env: Object.fromEntries(
          Object.entries(given).filter((pair): pair is [string, string] => pair[1] !== undefined),
        ),
        stdin: "ignore",
        stdout: fd,
        stderr: fd,
      });
      closeSync(fd);
      children.push(child);
      if (args[0] === "server") {
        const serves = () => hasEnded(child) || record()?.pid === child.pid;
        await until(`a server\n${readFileSync(logPath, "utf8").slice(-2000)}`, serves);
      }
      return child;
    },
    ask,
    insist: async (name, body) => {
      let last: unknown;
      const reply = await until(`an answer to ${name}`, async () => {
        try {
          return { value: await ask(name, body) };
        } catch (cause) {
          last = cause;
          await Bun.sleep(20);
          return null;
        }
      }).catch((cause) => {
        throw new Error(`${cause}; the last trouble was ${last}`);
      });
      return reply.value as never;
    },
    manifest,
    async sealed(runId, timeoutMs = patienceMs) {
      const paths = base.run(runId);
      await until(`the seal of ${runId}`, () => existsSync(paths.sums), timeoutMs).catch((cause) => {
        const state = existsSync(paths.manifest) ? manifest(runId).status : "without a manifest";
        throw new Error(`${cause}; it is ${state}\n${readFileSync(logPath, "utf8").slice(-3000)}`);
      });
      return { manifest: manifest(runId), paths };
    },
    runIds,
    async killAll() {
      for (const child of children) {
        if (hasEnded(child)) continue;
        child.kill("SIGCONT");
        child.kill("SIGKILL");
        await child.exited;
      }
    },
    async end() {
      await this.killAll();
      for (const runId of runIds()) killScript(base.run(runId));
    },
  };
}

/** Ends the script of a run, if its record still means the process that bears the run's id. */
export function killScript(paths: RunPaths): void {
  try {
    const { script } = JSON.parse(readFileSync(paths.processRecord, "utf8")) as { script: { pid: number } };
    const environment = readFileSync(`/proc/${script.pid}/environ`, "latin1");
    if (environment.includes(`ML_RUN_ID=${paths.runId}\0`)) process.kill(-script.pid, "SIGKILL");
  } catch {
    // Never started, or gone.
  }
}

/** What `sha256sum -c` finds wrong in a sealed folder; empty where all is well. */
export function sumTrouble(paths: RunPaths): string {
  const sums = Bun.spawnSync(["sha256sum", "-c", "--quiet", "--strict", "SHA256SUMS"], {
    cwd: paths.folder,
    stdout: "pipe",
    stderr: "pipe",
  });
  return sums.exitCode === 0 ? "" : `${sums.stdout}${sums.stderr}`;
}
