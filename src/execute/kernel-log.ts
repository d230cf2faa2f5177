/**
 * What the kernel said about a run while it ran: that it killed a process of it for want of memory, that a GPU's driver
 * reported an error (Xid). From /dev/kmsg (Documentation/ABI/testing/dev-kmsg), which is often for root alone; then nothing
 * is known, and nothing is said.
 */
import * as fs from "node:fs";
import { join } from "node:path";

export interface KernelEvidence {
  /** Processes that the kernel killed inside the run's own control group. */
  groupKills: number;
  /** The line that names a process of the run as killed. */
  oomLine: string | null;
  /** Lines of the GPU driver. */
  xidLines: string[];
}

export const noKernelEvidence: KernelEvidence = { groupKills: 0, oomLine: null, xidLines: [] };

/** More of the log is not read; the buffer of a usual kernel has fewer records. */
const mostRecords = 50_000;
const mostXids = 5;

/** Messages from a moment on (microseconds since boot), oldest first. */
function messagesSince(sinceUs: number, root: string): string[] {
  let fd: number;
  try {
    fd = fs.openSync(join(root, "dev/kmsg"), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  } catch {
    return [];
  }
  const found: string[] = [];
  const buffer = Buffer.alloc(8192);
  try {
    // One read gives one record of the device; at its end it would block, and says EAGAIN.
    for (let count = 0; count < mostRecords; count += 1) {
      let size = 0;
      try {
        size = fs.readSync(fd, buffer, 0, buffer.length, null);
      } catch (cause) {
        // A record that was overwritten while we were reading is skipped.
        if ((cause as NodeJS.ErrnoException).code === "EPIPE") continue;
        break;
      }
      if (size === 0) break;
      for (const line of buffer.subarray(0, size).toString("utf8").split("\n")) {
        const record = /^\d+,\d+,(\d+),[^;]*;(.*)$/.exec(line);
        if (record !== null && Number(record[1]) >= sinceUs) found.push((record[2] ?? "").trim().slice(0, 300));
      }
    }
  } finally {
    fs.closeSync(fd);
  }
  return found;
}

/** `pids` are the processes that were seen to be the run's. */
export function kernelEvidence(options: { sinceUs: number; pids: ReadonlySet<number>; root?: string }): KernelEvidence {
  const lines = messagesSince(options.sinceUs, options.root ?? "/");
  const oomLine = lines.find((line) => {
    const pid = /[Oo]ut of memory: Killed process (\d+)/.exec(line)?.[1];
    return pid !== undefined && options.pids.has(Number(pid));
  });
  const xidLines = lines.filter((line) => /NVRM: Xid/.test(line)).slice(0, mostXids);
  return { groupKills: 0, oomLine: oomLine ?? null, xidLines };
}
