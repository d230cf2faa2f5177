/**
 * Processes that were given up and have not gone. A system call on a dead mount cannot be interrupted: its process takes
 * the SIGKILL when the mount is back, or never. Each keeps its memory until then, so nobody sends another after it: what
 * is asked of that mount meanwhile is answered from here at once. That they go is also the first sign that the mount is
 * back, and costs a look at the process table and none at the mount.
 *
 * A new mount at the same place is another mount. One job is stuck for each mount, as a rule; where one never goes (an
 * answer that was lost) another is let try after ten minutes, four of them at most.
 */
import { readdirSync, readFileSync } from "node:fs";
import { mountOf } from "../core/mount-table.ts";

interface Stuck {
  /** Of processes: the whole group counts. */
  group: number;
  since: Date;
  givenUpMs: number;
}

const anotherTryMs = 600_000;
const mostStuck = 4;

const stuck = new Map<string, Stuck[]>();

/** Whether it is of the group and no zombie, proc_pid_stat(5). Where nobody reaps them, zombies stay for ever. */
function isMember(pid: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    const [state, , pgrp] = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(pgrp) === group && state !== "Z" && state !== "X";
  } catch {
    return false;
  }
}

function isAlive(group: number): boolean {
  try {
    process.kill(-group, 0);
  } catch {
    return false;
  }
  return readdirSync("/proc").some((name) => /^\d+$/.test(name) && isMember(name, group));
}

/** All of a mount hangs together; of a folder on no mount of its own nobody knows more than itself. */
function keyOf(path: string): string {
  const mount = mountOf(path);
  return mount === null || mount.point === "/" ? path : `mount ${mount.mountId}`;
}

/** The processes of a job about `path` are left to the kernel; `since` is when the last sign of them came. */
export function leaveStuck(path: string, { group, since }: { group: number; since: Date }): void {
  const key = keyOf(path);
  stuck.set(key, [...(stuck.get(key) ?? []), { group, since, givenUpMs: performance.now() }]);
}

/** Since when the mount of `path` gives no answer; null where it may be asked. */
export function silentSince(path: string): Date | null {
  if (stuck.size === 0) return null;
  const key = keyOf(path);
  const left = (stuck.get(key) ?? []).filter(({ group }) => isAlive(group));
  if (left.length === 0) stuck.delete(key);
  else stuck.set(key, left);
  const [first, newest] = [left[0], left.at(-1)];
  if (first === undefined || newest === undefined) return null;
  const mayTry = left.length < mostStuck && performance.now() - newest.givenUpMs > anotherTryMs;
  return mayTry ? null : first.since;
}
