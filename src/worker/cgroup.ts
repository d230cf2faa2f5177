/**
 * A control group for a run, where the kernel and whoever started us allow it (Documentation/admin-guide/cgroup-v2.rst): its
 * memory limit is then kept by the kernel to the byte, a fork bomb ends at `pids.max`, and `memory.events` is evidence that
 * nobody can dispute. Where we may not, the worker watches instead (limits.ts).
 *
 * We stay in our own part of the tree: a group made for us (a service with Delegate=yes, or a root without one). Its
 * processes must move into a leaf first, since a group with processes of its own cannot hand out controllers.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { RunPaths } from "../run/paths.ts";

const mostProcesses = 16_384;

export interface CgroupEvidence {
  /** Processes of the run that the kernel killed because the run had used up its own limit. */
  oomKills: number;
  peakGb: number | null;
}

/** Where groups of runs can be made. */
export class Cgroups {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Null where it is not allowed, or this kernel has no version 2 with a memory controller. Changes nothing that is not ours. */
  static open(root = "/", pid = process.pid): Cgroups | null {
    try {
      const path = /^0::(.*)$/m.exec(fs.readFileSync(join(root, `proc/${pid}/cgroup`), "utf8"))?.[1];
      const own = join(root, "sys/fs/cgroup", path ?? "");
      const controllers = fs.readFileSync(join(own, "cgroup.controllers"), "utf8").split(/\s+/);
      if (path === undefined || !controllers.includes("memory")) return null;
      if (!given(own).includes("memory")) handOut(own, pid, controllers.includes("pids") ? "+memory +pids" : "+memory");
      return given(own).includes("memory") ? new Cgroups(own) : null;
    } catch {
      return null;
    }
  }

  /** Makes the group of a run and returns its folder; null where that fails, and then the worker watches. */
  make(runId: string, ramGb: number | null): string | null {
    const folder = join(this.#folder, `ml-run-${runId}`);
    try {
      fs.mkdirSync(folder, { recursive: true });
      if (ramGb !== null) {
        fs.writeFileSync(join(folder, "memory.max"), String(Math.floor(ramGb * 1e9)));
        // Without this a run would be slowed down by swapping for hours instead of being ended.
        tryWrite(join(folder, "memory.swap.max"), "0");
      }
      tryWrite(join(folder, "pids.max"), String(mostProcesses));
      return folder;
    } catch {
      return null;
    }
  }
}

/** The group that an earlier worker made for a run, or null. */
export function cgroupOf(paths: RunPaths): string | null {
  try {
    const folder = fs.readFileSync(paths.cgroup, "utf8").trim();
    return fs.existsSync(join(folder, "cgroup.procs")) ? folder : null;
  } catch {
    return null;
  }
}

function given(folder: string): string[] {
  return fs.readFileSync(join(folder, "cgroup.subtree_control"), "utf8").trim().split(/\s+/);
}

function handOut(own: string, pid: number, controllers: string): void {
  const there = fs.readFileSync(join(own, "cgroup.procs"), "utf8").trim().split("\n").filter(Boolean);
  // Anybody else in it means that the group was not made for us.
  if (there.some((other) => Number(other) !== pid)) throw new Error("the control group is not ours alone");
  if (there.length > 0) {
    fs.mkdirSync(join(own, "ml-worker"), { recursive: true });
    fs.writeFileSync(join(own, "ml-worker/cgroup.procs"), String(pid));
  }
  fs.writeFileSync(join(own, "cgroup.subtree_control"), controllers);
}

function tryWrite(path: string, text: string): void {
  try {
    fs.writeFileSync(path, text);
  } catch {
    // This kernel lacks that file; the limit on memory stands without it.
  }
}

/** What the group of a run can testify; null where there is none. */
export function cgroupEvidence(folder: string): CgroupEvidence | null {
  try {
    const events = fs.readFileSync(join(folder, "memory.events"), "utf8");
    const kills = Number(/^oom_kill (\d+)$/m.exec(events)?.[1] ?? 0);
    return { oomKills: kills, peakGb: bytesIn(join(folder, "memory.peak")) };
  } catch {
    return null;
  }
}

function bytesIn(path: string): number | null {
  try {
    const value = Number(fs.readFileSync(path, "utf8"));
    return Number.isFinite(value) ? value / 1e9 : null;
  } catch {
    return null;
  }
}

/** Removes the group of a run that has no process left. */
export function removeCgroup(folder: string): void {
  try {
    fs.rmdirSync(folder);
  } catch {
    // A group with processes stays; it costs nothing.
  }
}
