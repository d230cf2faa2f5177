/**
 * The limits that a worker keeps itself, by looking: memory where the kernel does not keep it for us (cgroup.ts), disk, and
 * the size of the log. A run beyond one is stopped, with what was measured as the reason. Memory leaves no time for a
 * grace: a tree that grows is ended at once.
 */
import * as fs from "node:fs";
import { ask } from "../capture/child.ts";
import { formatSize } from "../core/size.ts";
import { sharedOnceGb, type TreeUse } from "../measure/process-tree.ts";
import type { Breach, LiveRun, Shop } from "./shop.ts";

/** Digits enough that what was used and what was asked for differ; small ones in their own unit. */
function gb(value: number): string {
  if (value < 0.1) return formatSize(Math.round(value * 1e9));
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)} GB`;
}

/** Above this part of its limit a run is looked at more often. */
export const nearLimit = 0.6;

/** Whether the run is close enough to its memory limit that a second is too long between two looks. */
export function isNearRamLimit(run: LiveRun, use: TreeUse | null): boolean {
  const limitGb = run.requested.ram_gb;
  return run.cgroup === null && limitGb !== null && use !== null && use.ramGb > nearLimit * limitGb;
}

/** Null where it keeps within its memory. What its processes share counts once before anything is stopped. */
export function ramBreach(run: LiveRun, use: TreeUse): Breach | null {
  const limitGb = run.requested.ram_gb;
  if (run.cgroup !== null || limitGb === null || use.ramGb <= limitGb) return null;
  const exactGb = sharedOnceGb(use.pids) ?? use.ramGb;
  if (exactGb <= limitGb) return null;
  return { why: "ram_limit", reason: `it used ${gb(exactGb)} of RAM and had asked for ${gb(limitGb)}` };
}

function logBytes({ paths }: LiveRun): number {
  const logs = [paths.outputLog, paths.stdoutLog, paths.stderrLog];
  return logs.reduce((sum, path) => sum + (fs.statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}

export function logBreach(shop: Shop, run: LiveRun): Breach | null {
  const limitBytes = shop.settings.logMaxMb * 1e6;
  if (limitBytes <= 0 || logBytes(run) <= limitBytes) return null;
  return { why: "log_limit", reason: `its output passed ${shop.settings.logMaxMb} MB (\`log_max_mb\`)` };
}

/** Measuring a folder costs time that grows with it: it is done so rarely that it stays below one part in so many. */
const diskEffort = 100;
const diskEveryMs = 2000;
const diskPatienceMs = 120_000;

/** Watches the size of one run's folder, by du(1), which sees what is on the disk and not what a file pretends to be. */
export class DiskWatch {
  #nextMs = 0;
  #busy = false;
  usedGb: number | null = null;

  constructor(private readonly run: LiveRun) {}

  /** Begins to measure where it is time to; `onBreach` is called where the folder is too large. */
  step(nowMs: number, onBreach: (breach: Breach) => void): void {
    const limitGb = this.run.requested.disk_gb;
    if (limitGb === null || this.#busy || nowMs < this.#nextMs) return;
    this.#busy = true;
    const startedMs = performance.now();
    const command = ["/bin/sh", "-c", 'exec du -skx "$0" 2>/dev/null', this.run.paths.folder];
    void ask(command, { env: { PATH: process.env.PATH, LC_ALL: "C" }, timeoutMs: diskPatienceMs }).then((answer) => {
      const tookMs = performance.now() - startedMs;
      this.#busy = false;
      this.#nextMs = nowMs + Math.max(diskEveryMs, diskEffort * tookMs);
      const kilobytes = answer.kind === "exited" ? Number.parseInt(answer.stdout, 10) : Number.NaN;
      if (!Number.isFinite(kilobytes)) return;
      this.usedGb = (kilobytes * 1024) / 1e9;
      if (this.usedGb <= limitGb) return;
      onBreach({
        why: "disk_limit",
        reason: `its folder took ${gb(this.usedGb)} of disk and it had asked for ${gb(limitGb)}`,
      });
    });
  }
}
