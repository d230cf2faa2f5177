/** Whether a place can be looked at, how long that takes, what file system holds it and how full that is. Runs in a child process. */
import { readdirSync, statfsSync, statSync } from "node:fs";
import { networkFileSystem } from "../core/network-mount.ts";

export interface Probed {
  isFolder: boolean;
  /** `NFS`, `CIFS`, …; null for a local disk. */
  network: string | null;
  latencyMs: number;
  freeBytes: number;
  totalBytes: number;
}

/** Throws system errors, such as ENOENT. */
export function probePlace(path: string): Probed {
  const startedMs = performance.now();
  const isFolder = statSync(path).isDirectory();
  if (isFolder) readdirSync(path);
  const latencyMs = Math.round((performance.now() - startedMs) * 100) / 100;
  const { bavail, blocks, bsize } = statfsSync(path);
  return {
    isFolder,
    network: networkFileSystem(path),
    latencyMs,
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
  };
}
