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

export class Disk {
  private last: DiskState | null = null;
  private readAtMs = 0;

  constructor(
    private readonly folder: string,
    private readonly floorBytes: number,
    private readonly source: DiskSource = readDisk,
  ) {}

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
      hint: "free some space (`df -h`, `df -i`, `ml delete`), then try again: nothing was half-written",
    });
  }
}
