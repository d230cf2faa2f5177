/**
 * Starts a server in the background: our own executable, in a session of its own, output to server.log, and waits
 * until it answers. Two commands at once may both try: the server's own lock lets one live, and both use that one.
 */
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { fetchFrom } from "../client/target.ts";
import type { LocalPlaces } from "../config/home.ts";
import { environmentName, settingKeys } from "../config/resolve.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { readServerRecord, recordTarget, type ServerRecord } from "./local-server.ts";
import type { Environment } from "./terminal.ts";

/** One that lives is on its way: it looks at every run folder where it has no index, and those may be many and the disk cold. */
const startTimeoutMs = 600_000;
/** Another one that is on its way, if it is that which ended ours. */
const lostRaceMs = 5000;
const slowMs = 2000;

export interface StartOptions {
  places: LocalPlaces;
  env: Environment;
  home: string | null;
  configPath: string | null;
  /** Further words after `ml server`. */
  args?: readonly string[];
  /** Told once, where it takes longer than people wait without a word. */
  onSlow(sentence: string): void;
}

/** Our own executable, or Bun with the source when run from that. */
export function ownCommand(): string[] {
  return Bun.main.startsWith("/$bunfs/") || Bun.main.startsWith("B:\\~BUN")
    ? [process.execPath]
    : [process.execPath, Bun.main];
}

/** Settings as this command understood them, and nothing of Bun's or of a run in which we may have been called. */
export function serverEnvironment(options: Omit<StartOptions, "args" | "onSlow">): Record<string, string> {
  const ours = new Set(["ML_HOME", "ML_CONFIG", "ML_FAULTS", ...settingKeys.map(environmentName)]);
  const env: Record<string, string> = {};
  for (const [name, value] of Object.entries(options.env)) {
    if (value === undefined || name.startsWith("BUN_") || (name.startsWith("ML_") && !ours.has(name))) continue;
    env[name] = value;
  }
  if (options.home !== null) env.ML_HOME = options.home;
  if (options.configPath !== null && options.configPath !== `${options.home}/config.toml`)
    env.ML_CONFIG = options.configPath;
  env.ML_WORKER_BASE = options.places.base;
  env.ML_STATE_DIR = options.places.stateDir;
  return env;
}

function openLog(options: StartOptions): { fd: number; sizeBytes: number } {
  const { serverLog, base, stateDir } = options.places;
  try {
    for (const folder of [dirname(serverLog), base, stateDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
    const fd = openSync(serverLog, "a", 0o600);
    return { fd, sizeBytes: statSync(serverLog).size };
  } catch (cause) {
    const code = systemCode(cause);
    const readOnly = code === "EROFS" || code === "EACCES" || code === "EPERM";
    throw new MlError(readOnly ? "not_allowed" : "failed", `making the folder \`${base}\` for a local server failed`, {
      cause: messageOf(cause),
      hint: "choose a writable place: `export ML_HOME=/some/folder`, or use a server elsewhere: `ml init --host HOST`",
    });
  }
}

/** The last words of the server since `fromBytes`, for an error message. */
function lastWords(path: string, fromBytes: number): string {
  try {
    const text = readFileSync(path).subarray(fromBytes).toString("utf8").trim();
    return text.split("\n").slice(-6).join("\n");
  } catch {
    return "";
  }
}

async function answers(record: ServerRecord): Promise<boolean> {
  try {
    const response = await fetchFrom(recordTarget(record, null), "/api/hello", {
      method: "POST",
      body: "{}",
      signal: AbortSignal.timeout(2000),
    });
    await response.body?.cancel();
    return true;
  } catch {
    return false;
  }
}

/** Returns once a server answers; `started` is false where another command's server won. Throws `unreachable` with its last words. */
export async function startServer(options: StartOptions): Promise<{ record: ServerRecord; started: boolean }> {
  const log = openLog(options);
  // Of a server that was killed: the new one answers at its socket before it has replaced its record.
  const before = await readServerRecord(options.places.serverRecord);
  const child = Bun.spawn({
    cmd: [...ownCommand(), "server", ...(options.args ?? [])],
    cwd: "/",
    env: serverEnvironment(options),
    stdin: "ignore",
    stdout: log.fd,
    stderr: log.fd,
    detached: true,
  });
  child.unref();
  closeSync(log.fd);
  const deadline = performance.now() + startTimeoutMs;
  const slowAt = performance.now() + slowMs;
  let isTold = false;
  let deadSince: number | null = null;
  for (;;) {
    const now = performance.now();
    if (now > slowAt && !isTold) {
      options.onSlow(`the local server is still starting; its log is ${options.places.serverLog}`);
      isTold = true;
    }
    if (child.exitCode !== null || child.signalCode !== null) deadSince ??= now;
    const record = await readServerRecord(options.places.serverRecord);
    const isCurrent = record !== null && (record.pid === child.pid || record.pid !== before?.pid || deadSince !== null);
    if (isCurrent && (await answers(record))) return { record, started: record.pid === child.pid };
    // One that lost the race against another start leaves at once; then the winner's record is worth waiting for.
    const lostRace = child.exitCode === 7 || child.exitCode === 75;
    if ((deadSince !== null && now - deadSince > (lostRace ? lostRaceMs : 100)) || now > deadline) break;
    await Bun.sleep(10);
  }
  const words = lastWords(options.places.serverLog, log.sizeBytes);
  const how =
    deadSince === null
      ? `did not answer within ${startTimeoutMs / 1000} s`
      : `ended (${child.signalCode ?? child.exitCode})`;
  throw new MlError("unreachable", `the local server ${how}`, {
    cause: words === "" ? "it printed nothing" : words,
    hint: `its log is ${options.places.serverLog}; run \`ml server\` to see it start`,
  });
}
