/**
 * Starts the supervisor of one run: lays `.run/` out and spawns supervise.sh in a session of its own, with nothing of
 * ours open in it. After that the run needs us no more. A second start of the same run does nothing (supervise.sh).
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { syncFolder, writeDurable } from "../core/durable.ts";
import { fault } from "../core/fault.ts";
import { bootId } from "../core/process-identity.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import { type LaunchOptions, launchScript } from "./launch.ts";
import { buildScript, buildText, rebuildsEnvironment } from "./rebuild-env.ts";
import superviseText from "./supervise.sh" with { type: "text" };

/** Filled with spaces while the disk has room; exit.json is written over it. Longer than any exit record. */
const reserveBytes = 1024;

export interface StartOptions extends LaunchOptions {
  /** Fencing token of the claim. */
  token: number;
  /** The scrubbed environment of this process (inheritedEnvironment). */
  inherited: Readonly<Record<string, string>>;
  nowMs: number;
}

export interface Supervisor {
  pid: number;
  /** Resolves when the supervisor ends; never rejects. Says nothing about the script. */
  ended: Promise<void>;
}

/** The kernel's count of out-of-memory kills since boot (/proc/vmstat), or null. */
export function oomKillCount(): number | null {
  try {
    const match = /^oom_kill (\d+)$/m.exec(fs.readFileSync("/proc/vmstat", "utf8"));
    return match ? Number(match[1]) : null;
  } catch {
    return null;
  }
}

/** What /proc/uptime counts in. */
const uptimeTickMs = 10;

function uptimeHundredths(): number {
  try {
    return Number((fs.readFileSync("/proc/uptime", "utf8").split(" ")[0] ?? "0").replace(".", ""));
  } catch {
    return 0;
  }
}

/** Folders whose copy of supervise.sh was looked at by this process. */
const looked = new Set<string>();

/** The one copy in lib/ that the runs share as a link, named by its content; made or mended where it has to be. */
function sharedSupervisor(base: BasePaths): string {
  const path = join(base.lib, `supervise-${Bun.hash(superviseText).toString(16)}.sh`);
  if (looked.has(path)) return path;
  const text = fs.existsSync(path) ? fs.readFileSync(path, "utf8") : "";
  if (text !== superviseText) writeDurable(path, superviseText, { mode: 0o555 });
  looked.add(path);
  return path;
}

/** A link costs no inode; where none can be made (too many, another file system) the text is written. */
function putSupervisor(paths: RunPaths, base: BasePaths): void {
  fs.rmSync(paths.supervisorScript, { force: true });
  try {
    fs.linkSync(sharedSupervisor(base), paths.supervisorScript);
  } catch {
    looked.clear();
    fs.writeFileSync(paths.supervisorScript, superviseText, { mode: 0o755 });
  }
}

/**
 * Writes launch.sh, supervise.sh and the reserve. Their names are synced, their contents are not: after a power cut the
 * name of launch.sh says that a supervisor may have been spawned. Throws system errors.
 */
export function layOut(paths: RunPaths, options: LaunchOptions): void {
  fs.writeFileSync(paths.launchScript, launchScript(paths, options), { mode: 0o755 });
  if (rebuildsEnvironment(options.manifest))
    fs.writeFileSync(buildScript(paths), buildText(paths, options.base, options.manifest), { mode: 0o755 });
  putSupervisor(paths, options.base);
  fs.writeFileSync(join(paths.private, "reserve"), `${" ".repeat(reserveBytes - 1)}\n`, { mode: 0o644 });
  syncFolder(paths.private);
}

/** Nothing was spawned, and the run will wait again: takes back what layOut says about that. */
export function forgetLaunch(paths: RunPaths): void {
  fs.rmSync(paths.launchScript, { force: true });
}

/** In seconds of three digits. */
const exact = (seconds: number) => String(Math.round(seconds * 1000) / 1000);

/** When the script is warned of its limit, as supervise.sh takes it. */
function warning({ launch }: LaunchOptions["manifest"], limitSeconds: number): string {
  const { warn_signal: signal, warn_seconds: lead } = launch;
  if (signal === null || lead === null || lead <= 0 || lead >= limitSeconds) return "-";
  return `${signal}@${exact(limitSeconds - lead)}@${exact(lead)}`;
}

/** Throws system errors where `/bin/sh` cannot be started. */
export function startSupervisor(paths: RunPaths, options: StartOptions): Supervisor {
  const { manifest } = options;
  const limitHours = manifest.resources.requested.max_runtime_hours;
  const limitSeconds = limitHours === null || limitHours <= 0 ? 0 : Math.max(0.001, limitHours * 3600);
  fault("execute/before-spawn");
  const child = Bun.spawn({
    cmd: [
      "/bin/sh",
      paths.supervisorScript,
      paths.folder,
      manifest.run_id,
      String(options.token),
      exact(limitSeconds),
      String(manifest.launch.grace_seconds),
      manifest.launch.tty ? "tty" : manifest.launch.split_output ? "1" : "0",
      // The wall clock as it was when that tick began, at the latest: a record may be a tick early, never ahead of its event.
      String(options.nowMs - uptimeTickMs),
      String(uptimeHundredths()),
      String(oomKillCount() ?? "-"),
      bootId(),
      warning(manifest, limitSeconds),
    ],
    cwd: "/",
    // Found by a scan for exactly this name if we die before it has left its first mark.
    env: { ...options.inherited, ML_SUPERVISES: manifest.run_id },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "ignore",
    detached: true,
  });
  child.unref();
  return { pid: child.pid, ended: child.exited.then(() => {}) };
}
