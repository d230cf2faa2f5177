/**
 * One build of an environment: what decides that two are the same, the files of its lock laid out, the script of execute/build-env.ts in
 * a child process with a time limit and a log. What a killed worker left building is ended first.
 */
import * as fs from "node:fs";
import { dirname, join, posix } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { MlError } from "../core/error.ts";
import { gently } from "../core/own-command.ts";
import { identityOf } from "../core/process-identity.ts";
import { quoteWord } from "../core/shell-quote.ts";
import { buildFailed, buildScriptText, installLines, sharedLines, syncLines } from "../execute/build-env.ts";
import type { Manifest } from "../run/manifest.ts";
import { readBlob } from "../run/objects.ts";
import type { BasePaths } from "../run/paths.ts";
import { isUvLock, lockFilesOf, makerOf, venvNeed } from "../run/venv-lock.ts";
import {
  endLeftOver,
  killGroup,
  removeTree,
  venvFolder,
  venvLog,
  venvMark,
  venvPid,
  venvSource,
} from "./venv-folder.ts";

/** An environment that a run is to be started in. */
export interface VenvNeed {
  /** As `venvNeed` names it: the lock, and what makes it. */
  id: string;
  lock: string;
  lockSha256: string;
  /** The interpreter, as the run names it. */
  maker: string;
  /** Puts the files of the lock under a folder; gives the path of the lock in it. */
  layOut(folder: string): string;
  forRun: string | null;
}

/** Null for a run without one. */
export function needOf(base: BasePaths, manifest: Manifest): VenvNeed | null {
  const { venv } = manifest.environment;
  const id = venvNeed(manifest);
  if (venv === null || id === null) return null;
  const layOut = (folder: string) => {
    for (const { path, hash } of lockFilesOf(base, manifest)) {
      const to = join(folder, path);
      fs.mkdirSync(dirname(to), { recursive: true });
      fs.writeFileSync(to, readBlob(base, hash));
    }
    return join(folder, posix.join(manifest.cwd, venv.lock));
  };
  return {
    id,
    lock: venv.lock,
    lockSha256: venv.lock_sha256,
    maker: makerOf(manifest.argv),
    layOut,
    forRun: manifest.run_id,
  };
}

const asking =
  "import sys, sysconfig; print(sys.version.split()[0], sys.base_prefix, sysconfig.get_platform(), sep='\\n')";
const answerMs = 10_000;
/** By interpreter and PATH; an interpreter that is replaced meanwhile is known to the next worker. */
const answers = new Map<string, { version: string; text: string }>();

async function interpreterOf(maker: string, env: Readonly<Record<string, string>>) {
  const path = Bun.which(maker, { PATH: env.PATH ?? "" });
  if (path === null) throw new MlError("not_found", `there is no \`${maker}\` on the worker's PATH`);
  const known = answers.get(path);
  if (known !== undefined) return { path, ...known };
  const child = Bun.spawn([path, "-I", "-S", "-c", asking], { cwd: "/", env, stdin: "ignore", stderr: "ignore" });
  const timer = setTimeout(() => child.kill("SIGKILL"), answerMs);
  const text = await new Response(child.stdout).text().finally(() => clearTimeout(timer));
  const [version = ""] = text.split("\n");
  if ((await child.exited) !== 0 || version === "")
    throw new MlError("failed", `\`${path}\` does not say which Python it is`);
  answers.set(path, { version, text });
  return { path, version, text };
}

/** Lock, interpreter, platform and kind of tool: runs for which all are the same share one environment. */
export async function keyOf(
  need: VenvNeed,
  env: Readonly<Record<string, string>>,
): Promise<{ key: string; python: string }> {
  const { text, version } = await interpreterOf(need.maker, env);
  const tool = Bun.which("uv", { PATH: env.PATH ?? "" }) === null ? "pip" : "uv";
  const whole = [need.lockSha256, isUvLock(need.lock) ? "uv.lock" : "requirements", tool, text].join("\n");
  return { key: new Bun.CryptoHasher("sha256").update(whole).digest("hex").slice(0, 24), python: version };
}

function scriptOf(
  need: VenvNeed,
  { lock, key, folder, python }: { lock: string; key: string; folder: string; python: string },
) {
  const uv = isUvLock(need.lock);
  const lines = uv
    ? `has uv || fail "uv.lock needs uv, and there is none on the worker's PATH"\n${syncLines('--no-install-project --no-install-workspace --compile-bytecode ${python:+--python "$python"} ')}`
    : `list=${quoteWord(lock)}\necho "ml: building the environment from ${need.lock.replaceAll(/[^\w./-]/g, "_")}"\n${installLines("")}`;
  return buildScriptText(
    {
      title: `Builds the environment that runs with ${JSON.stringify(need.lock)} share. Started by a worker.`,
      ...{ venv: venvFolder(folder, key), mark: venvMark(folder, key), python },
    },
    `cd ${quoteWord(dirname(lock))} || fail "its files are not there"\n${lines}\n${sharedLines}`,
  );
}

/** The sentence that the script ended with, and its last words before that. */
function failureOf(log: string, fallback: string): string {
  const lines = log.split("\n").filter((line) => line.trim() !== "");
  const said =
    lines
      .findLast((line) => line.startsWith(buildFailed))
      ?.slice(buildFailed.length)
      .trim() ?? fallback;
  const last = lines.findLast((line) => /^\s*(?:error|ERROR)\b/.test(line))?.trim();
  return last === undefined ? said : `${said}; ${last.slice(0, 200)}`;
}

interface BuildOptions {
  key: string;
  folder: string;
  env: Readonly<Record<string, string>>;
  longestMs: number;
  /** Behind what runs; not where a run waits for it. */
  gently: boolean;
  signal: AbortSignal;
}

/** Rejects with MlError in one sentence; its log stays. */
export async function buildVenv(need: VenvNeed, options: BuildOptions): Promise<{ sizeBytes: number; tool: string }> {
  const { key, folder, env, longestMs, signal } = options;
  const source = venvSource(folder, key);
  fs.mkdirSync(folder, { recursive: true, mode: 0o755 });
  endLeftOver(venvPid(folder, key));
  fs.rmSync(source, { recursive: true, force: true });
  let whole = false;
  try {
    const lock = need.layOut(source);
    const explicit = /^python3?$/.test(need.maker) ? "" : (Bun.which(need.maker, { PATH: env.PATH ?? "" }) ?? "");
    const script = join(source, ".ml-build.sh");
    fs.writeFileSync(script, scriptOf(need, { lock, key, folder, python: explicit }));
    const log = fs.openSync(venvLog(folder, key), "w", 0o644);
    const command = ["/bin/sh", script];
    const child = Bun.spawn(options.gently ? gently(command) : command, {
      ...{ cwd: source, env, detached: true },
      stdio: ["ignore", log, log],
    });
    fs.closeSync(log);
    child.unref();
    const identity = identityOf(child.pid);
    if (identity !== null) writeDurable(venvPid(folder, key), JSON.stringify(identity), { sync: false });
    const stop = () => killGroup(child.pid);
    signal.addEventListener("abort", stop, { once: true });
    if (signal.aborted) stop();
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      stop();
    }, longestMs);
    await child.exited;
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
    if (signal.aborted) throw new MlError("try_later", "its build was stopped");
    if (late) throw new MlError("failed", `its build took longer than ${Math.round(longestMs / 60_000)} minutes`);
    const facts = /^(\d+) (.*)$/.exec(readText(venvMark(folder, key)).trim());
    if (facts === null) throw new MlError("failed", failureOf(readText(venvLog(folder, key)), "its build ended early"));
    whole = true;
    return { sizeBytes: Number(facts[1]) * 1024, tool: facts[2] ?? "" };
  } finally {
    if (!whole) await removeTree(venvFolder(folder, key));
    fs.rmSync(venvPid(folder, key), { force: true });
    fs.rmSync(source, { recursive: true, force: true });
  }
}

function readText(path: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
