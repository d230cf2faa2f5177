/** How the disk under the base is doing: free space, free inodes, writability. Looked at no more than once a second. */
import * as fs from "node:fs";
import { MlError, systemCode } from "../core/error.ts";
import { formatSize } from "../core/size.ts";

export interface DiskState {
  freeBytes: number | null;
  totalBytes: number | null;
  freeInodes: number | null;
  /** Why nothing can be written (`EROFS`, `EIO`, …), or null. */
  unwritable: string | null;
}

export type DiskSource = (folder: string) => DiskState;

/** Asks the kernel (statfs(2), access(2)). */
export function readDisk(folder: string): DiskState {
  const state: DiskState = { freeBytes: null, totalBytes: null, freeInodes: null, unwritable: null };
  try {
    const found = fs.statfsSync(folder);
    state.freeBytes = found.bavail * found.bsize;
    state.totalBytes = found.blocks * found.bsize;
    state.freeInodes = found.files === 0 ? null : found.ffree;
  } catch (cause) {
    state.unwritable = systemCode(cause) ?? "unreadable";
  }
  try {
    fs.accessSync(folder, fs.constants.W_OK);
  } catch (cause) {
    state.unwritable = systemCode(cause) ?? "unwritable";
  }
  return state;
}

export interface DiskOptions {
  /** Below this much free space nothing is queued. */
  floorBytes: number;
  /** Below this share of the disk there is a warning; 0: none. */
  warnShare?: number;
  source?: DiskSource;
}

export class Disk {
  private last: DiskState | null = null;
  private readAtMs = 0;

  private readonly floorBytes: number;
  private readonly warnShare: number;
  private readonly source: DiskSource;

  constructor(
    private readonly folder: string,
    { floorBytes, warnShare = 0, source = readDisk }: DiskOptions,
  ) {
    this.floorBytes = floorBytes;
    this.warnShare = warnShare;
    this.source = source;
  }

  state(): DiskState {
    if (this.last === null || performance.now() - this.readAtMs > 1000) {
      this.last = this.source(this.folder);
      this.readAtMs = performance.now();
    }
    return this.last;
  }

  /** One sentence where something is wrong, else null. */
  problem(): string | null {
    const { freeBytes, freeInodes, unwritable } = this.state();
    if (unwritable === "EROFS")
      return `the base \`${this.folder}\` is mounted read-only: runs are listed, none is queued`;
    if (unwritable !== null) return `the base \`${this.folder}\` cannot be written (${unwritable}): none is queued`;
    if (freeInodes !== null && freeInodes < 64) return `no inodes are left under \`${this.folder}\`: none is queued`;
    if (freeBytes !== null && freeBytes < this.floorBytes) {
      return `only ${formatSize(freeBytes)} are free under \`${this.folder}\`, less than disk_floor_mb keeps: none is queued`;
    }
    return null;
  }

  /** One sentence while there is still time to do something, else null. */
  warning(): string | null {
    const { freeBytes, totalBytes } = this.state();
    if (freeBytes === null || totalBytes === null || totalBytes === 0 || this.problem() !== null) return null;
    if (freeBytes / totalBytes >= this.warnShare) return null;
    const share = `${((100 * freeBytes) / totalBytes).toFixed(1)} %`;
    return `the disk under \`${this.folder}\` is nearly full: ${formatSize(freeBytes)} (${share}) are free; \`ml prune --superseded --dry-run\` shows what can go`;
  }

  /** Throws `try_later` or `no_space` where nothing may be queued now. */
  requireRoom(doing: string): void {
    const problem = this.problem();
    if (problem === null) return;
    const { unwritable } = this.state();
    if (unwritable !== null) {
      throw new MlError("try_later", `${doing} was refused: ${problem}`, {
        hint: "make the file system writable again; `ml status` and `ml logs` go on working",
      });
    }
    throw new MlError("no_space", `${doing} was refused: ${problem}`, {
      hint: "free some space (`df -h`, `df -i`, `ml prune`, `ml delete`), then try again: nothing was half-written",
    });
  }
}
