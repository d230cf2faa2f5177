/**
 * What a process and its descendants use, by looking: CPU time, memory, bytes read from and written to disks. A process
 * takes over the times and bytes of children that it has waited for (proc(5), getrusage(2)), so sums hardly lose anything.
 *
 * Resident memory counts what processes share once for each; `sharedOnce` asks the kernel for proportional sizes, which
 * is exact and too slow for every second.
 */
import * as fs from "node:fs";

export interface TreeUse {
  /** Oldest first; at most 1,000 are looked at. */
  pids: number[];
  cpuSeconds: number;
  /** Together now; shared memory counted for each. */
  ramGb: number;
  /** The larger of that and the largest peak of a single process, which the kernel keeps (VmHWM). */
  ramPeakGb: number;
  readGb: number;
  writtenGb: number;
}

const mostProcesses = 1000;
const mostThreads = 256;
/** Clock ticks of /proc/PID/stat a second: 100 on every Linux that we run on (USER_HZ). */
const ticksPerSecond = 100;

function read(path: string): string | null {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function childrenOf(pid: number): number[] {
  try {
    return fs
      .readdirSync(`/proc/${pid}/task`)
      .slice(0, mostThreads)
      .flatMap((task) =>
        (read(`/proc/${pid}/task/${task}/children`) ?? "").split(" ").filter((word) => word.trim() !== ""),
      )
      .map(Number);
  } catch {
    return [];
  }
}

function field(text: string, name: string): number {
  const at = text.indexOf(`${name}:`);
  return at < 0 ? 0 : Number.parseInt(text.slice(at + name.length + 1), 10) || 0;
}

/** User and system time with those of children that were waited for: fields 14 to 17 of proc_pid_stat(5). */
function cpuTicks(pid: number): number {
  const text = read(`/proc/${pid}/stat`);
  if (text === null) return 0;
  const cells = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return [11, 12, 13, 14].reduce((sum, at) => sum + (Number(cells[at]) || 0), 0);
}

/** Null where the process is gone. */
export function treeUse(root: number): TreeUse | null {
  const use = { pids: [] as number[], cpuSeconds: 0, ramGb: 0, ramPeakGb: 0, readGb: 0, writtenGb: 0 };
  const todo = [root];
  for (let pid = todo.shift(); pid !== undefined && use.pids.length < mostProcesses; pid = todo.shift()) {
    const status = read(`/proc/${pid}/status`);
    if (status === null) continue;
    use.pids.push(pid);
    use.ramGb += (field(status, "VmRSS") * 1024) / 1e9;
    use.ramPeakGb = Math.max(use.ramPeakGb, (field(status, "VmHWM") * 1024) / 1e9);
    use.cpuSeconds += cpuTicks(pid) / ticksPerSecond;
    const io = read(`/proc/${pid}/io`) ?? "";
    use.readGb += field(io, "\nread_bytes") / 1e9;
    use.writtenGb += field(io, "\nwrite_bytes") / 1e9;
    todo.push(...childrenOf(pid));
  }
  use.ramPeakGb = Math.max(use.ramPeakGb, use.ramGb);
  return use.pids.length === 0 ? null : use;
}

/** Memory of these processes with what they share counted once (Pss of smaps_rollup), gigabytes; null where the kernel does not tell. */
export function sharedOnceGb(pids: readonly number[]): number | null {
  let told = 0;
  let kilobytes = 0;
  for (const pid of pids) {
    const text = read(`/proc/${pid}/smaps_rollup`);
    if (text === null) continue;
    told += 1;
    kilobytes += field(text, "\nPss");
  }
  return told === 0 ? null : (kilobytes * 1024) / 1e9;
}

/** Busy CPU seconds of the whole machine since it was started, for shares; null where unknown. */
export function busySeconds(): number | null {
  const cells = (read("/proc/stat") ?? "").split("\n")[0]?.trim().split(/ +/).slice(1).map(Number) ?? [];
  const [user, nice, system, , , irq, softirq, steal] = cells;
  if (user === undefined || nice === undefined || system === undefined) return null;
  return (user + nice + system + (irq ?? 0) + (softirq ?? 0) + (steal ?? 0)) / ticksPerSecond;
}
