/**
 * What a run uses, by looking at its processes now and then: resident memory, summed over the descendants of the
 * supervisor, and its peak. A lower bound: a peak between two looks is seen only where the kernel keeps it (VmHWM).
 * CPU time comes from the exit record, which misses nothing.
 */
import * as fs from "node:fs";

function childrenOf(pid: number): number[] {
  try {
    const tasks = fs.readdirSync(`/proc/${pid}/task`);
    return tasks.slice(0, 256).flatMap((task) =>
      fs
        .readFileSync(`/proc/${pid}/task/${task}/children`, "utf8")
        .split(" ")
        .flatMap((word) => (word.trim() === "" ? [] : [Number(word)])),
    );
  } catch {
    return [];
  }
}

function memoryOf(pid: number): { residentKb: number; peakKb: number } | null {
  try {
    const text = fs.readFileSync(`/proc/${pid}/status`, "utf8");
    const field = (name: string) => Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1] ?? 0);
    return { residentKb: field("VmRSS"), peakKb: field("VmHWM") };
  } catch {
    return null;
  }
}

/**
 * Peak memory of `pid` and its descendants in gigabytes (10^9 bytes): the larger of what they hold together now and of
 * the largest single peak. Null where the process is gone. At most 1,000 processes are looked at.
 */
export function sampleMemoryGb(pid: number): number | null {
  const todo = [pid];
  let residentKb = 0;
  let peakKb = 0;
  let seen = 0;
  for (let next = todo.pop(); next !== undefined && seen < 1000; next = todo.pop()) {
    const memory = memoryOf(next);
    if (memory === null) continue;
    seen += 1;
    residentKb += memory.residentKb;
    peakKb = Math.max(peakKb, memory.peakKb);
    todo.push(...childrenOf(next));
  }
  return seen === 0 ? null : (Math.max(residentKb, peakKb) * 1024) / 1e9;
}
