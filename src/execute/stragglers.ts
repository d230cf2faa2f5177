/**
 * Which processes belong to a run: members of the script's process group or session, and whoever bears its ML_RUN_ID in
 * the environment it was started with (proc(5), /proc/PID/environ), which finds daemons that left both. Only processes
 * of our own user can be seen; zombies have ended and do not count.
 */
import * as fs from "node:fs";
import { systemCode } from "../core/error.ts";
import { bootId, childrenOf, type ProcessIdentity, readProcessStat } from "../core/process-identity.ts";

export interface RunProcess {
  pid: number;
  start: string;
  /** One letter of proc(5): R S D T … */
  state: string;
  /** What it calls itself, at most 15 characters. */
  name: string;
  /** The script's own process group, where it is in it. */
  group: number | null;
}

function nameOf(pid: number): string {
  try {
    return fs.readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch {
    return "?";
  }
}

function environmentHas(pid: number, needles: readonly Buffer[]): boolean {
  try {
    const environment = fs.readFileSync(`/proc/${pid}/environ`);
    return needles.some((needle) => {
      const at = environment.indexOf(needle);
      return at === 0 || (at > 0 && environment[at - 1] === 0);
    });
  } catch {
    return false;
  }
}

function ownPids(): number[] {
  const uid = process.getuid?.() ?? -1;
  const pids: number[] = [];
  for (const name of fs.readdirSync("/proc")) {
    const pid = Number(name);
    if (!Number.isInteger(pid) || pid === process.pid) continue;
    try {
      if (uid === 0 || fs.statSync(`/proc/${name}`).uid === uid) pids.push(pid);
    } catch {
      // It ended while we were looking.
    }
  }
  return pids;
}

/** True where the number still means the script, or the script is gone and nobody has taken its number since. */
function groupIsOurs(script: ProcessIdentity): boolean {
  if (script.boot !== bootId()) return false;
  const stat = readProcessStat(script.pid);
  return stat === null || stat.start === script.start;
}

/** All living processes of a run, the script itself included. `script` is null where nobody knows who it is. */
export function processesOf(runId: string, script: ProcessIdentity | null): RunProcess[] {
  const group = script !== null && groupIsOurs(script) ? script.pid : 0;
  const needles = [Buffer.from(`ML_RUN_ID=${runId}\0`)];
  const found: RunProcess[] = [];
  for (const pid of ownPids()) {
    const stat = readProcessStat(pid);
    if (stat === null || stat.state === "Z" || stat.state === "X") continue;
    const inGroup = group !== 0 && (stat.group === group || stat.session === group);
    // Its environment need not be read where it is older than the script.
    if (!inGroup && script !== null && script.boot === bootId() && Number(stat.start) < Number(script.start)) continue;
    if (!inGroup && !environmentHas(pid, needles)) continue;
    const ownGroup = group !== 0 && stat.group === group ? group : null;
    found.push({ pid, start: stat.start, state: stat.state, name: nameOf(pid), group: ownGroup });
  }
  return found;
}

/**
 * Children that a process has inherited, and some of its own: the kernel gives an orphan to the first thread that is
 * alive (find_alive_thread, since Linux 4.0), which is the main one unless that has ended before the others.
 */
function adoptedBy(pid: number): number[] {
  const alone = readProcessStat(pid)?.state !== "Z";
  const threads = alone ? [pid] : fs.readdirSync(`/proc/${pid}/task`).map(Number);
  return threads.flatMap((thread) => childrenOf(pid, thread));
}

/**
 * This process and those above it, up to init: one of them inherits whoever loses its parent in a run that we started.
 * Kept: whoever is our ancestor later stood in the chain before.
 */
let ancestors: number[] | null = null;

function ownAncestors(): number[] {
  if (ancestors !== null) return ancestors;
  const chain = [process.pid];
  for (let pid = process.ppid; pid > 0 && chain.length < 64; pid = readProcessStat(pid)?.parent ?? 0) chain.push(pid);
  ancestors = chain.includes(1) ? chain : [...chain, 1];
  return ancestors;
}

/**
 * True where certainly nobody of a run that this process started is left, found without a look at every process: the
 * script's group is empty, and no orphan that came to us or to one above us bears the run's id (orphans go to init or to
 * the nearest subreaper above them, prctl(2)). False where that is not certain: then look at all (processesOf).
 */
export function nobodyIsLeft(runId: string, script: ProcessIdentity): boolean {
  try {
    process.kill(-script.pid, 0);
    return false;
  } catch (cause) {
    if (systemCode(cause) !== "ESRCH") return false;
  }
  const needles = [Buffer.from(`ML_RUN_ID=${runId}\0`)];
  try {
    return !ownAncestors()
      .flatMap(adoptedBy)
      .some((pid) => {
        const stat = readProcessStat(pid);
        if (stat === null || Number(stat.start) < Number(script.start)) return false;
        return stat.session === script.pid || environmentHas(pid, needles);
      });
  } catch {
    // One of those above us has ended: the chain is shorter now.
    ancestors = null;
    return false;
  }
}

/** True where a process is about to start this run, runs it, or was left by it: nothing may start it now. */
export function anybodyBears(runId: string): boolean {
  const needles = [Buffer.from(`ML_RUN_ID=${runId}\0`), Buffer.from(`ML_SUPERVISES=${runId}\0`)];
  return ownPids().some((pid) => {
    const stat = readProcessStat(pid);
    return stat !== null && stat.state !== "Z" && environmentHas(pid, needles);
  });
}

/** The run whose id a process was started with, or null: it bears none, or it is not ours to look into. */
export function runOfProcess(pid: number): string | null {
  try {
    const environment = fs.readFileSync(`/proc/${pid}/environ`, "latin1");
    return /(?:^|\0)ML_RUN_ID=([^\0]*)/.exec(environment)?.[1] ?? null;
  } catch {
    return null;
  }
}

/**
 * Signals processes that were seen a moment ago: the script's group at once, so that nobody forks away between two
 * signals, and those outside one by one. A pid that means somebody else by now is left alone.
 */
export function signalAll(living: readonly RunProcess[], signal: NodeJS.Signals): void {
  const group = living.find((each) => each.group !== null);
  if (group?.group != null && readProcessStat(group.pid)?.start === group.start) {
    try {
      process.kill(-group.group, signal);
    } catch {
      // Ended meanwhile.
    }
  }
  for (const each of living) if (each.group === null) signalProcess(each, signal);
}

function signalProcess(target: { pid: number; start: string }, signal: NodeJS.Signals): void {
  const stat = readProcessStat(target.pid);
  if (stat === null || stat.start !== target.start) return;
  try {
    process.kill(target.pid, signal);
  } catch {
    // Gone, or not ours to signal; the next look at the living says which.
  }
}
