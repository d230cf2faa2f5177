/**
 * What a process and all that it started do: looks at them tell those that work from one that is stuck. Not what they achieve:
 * one that spins counts as working.
 */
import { childrenOf, type ProcessStat, readProcessStat } from "./process-identity.ts";

export interface Work extends Pick<ProcessStat, "state" | "ticks"> {
  pid: number;
}

function childrenIn(pid: number): number[] {
  try {
    return childrenOf(pid, pid);
  } catch {
    return [];
  }
}

/** `pid` and its living descendants. Empty where there is no such process, or the kernel does not say. */
export function familyOf(pid: number): Work[] {
  const stat = readProcessStat(pid);
  if (stat === null) return [];
  return [{ pid, state: stat.state, ticks: stat.ticks }, ...childrenIn(pid).flatMap(familyOf)];
}

const words: Record<string, string> = { T: "is stopped", t: "is stopped", D: "waits for the disk" };

/**
 * Given looks at one family, from the first to the last: who kept it from going on all that time, and how. A process that is
 * stopped or waits for the disk and has done nothing, or all of them, if none of them has done anything; null where they work.
 */
export function stuckIn(looks: readonly (readonly Work[])[]): string | null {
  const [first, ...later] = looks;
  const last = looks.at(-1);
  if (first === undefined || last === undefined || later.length === 0) return null;
  const idle = last.filter(({ pid }) => {
    const seen = looks.map((look) => look.find((one) => one.pid === pid));
    return seen.every((one) => one !== undefined && one.ticks === seen[0]?.ticks);
  });
  const hung = idle.find(({ pid }) => looks.every((look) => look.some((one) => one.pid === pid && one.state in words)));
  if (hung !== undefined) return `process ${hung.pid} ${words[hung.state]}`;
  return idle.length > 0 && idle.length === last.length ? `process ${last[0]?.pid} does nothing` : null;
}
