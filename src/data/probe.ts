/** Whether a place can be looked at, how long that takes, what file system holds it and how full that is. Runs in a child process. */
import { closeSync, constants, openSync, realpathSync, statfsSync, statSync } from "node:fs";
import { networkFileSystem, networkSource } from "../core/network-mount.ts";

export interface ProbeJob {
  kind: "probe";
  path: string;
  /** It must be a folder that may be listed; else an answer of any kind will do. */
  toList: boolean;
}

export interface Probed {
  isFolder: boolean;
  /** With every symbolic link followed. */
  realPath: string;
  /** `NFS`, `CIFS`, …; null for a local disk. */
  network: string | null;
  /** Where a network mount comes from, `nas:/export`; null for a local disk. */
  mountedFrom: string | null;
  /** Of a stat and a statfs together. */
  latencyMs: number;
  freeBytes: number;
  totalBytes: number;
}

/** Throws system errors, such as ENOENT and EACCES. */
export function probePlace({ path, toList }: Pick<ProbeJob, "path" | "toList">): Probed {
  const startedMs = performance.now();
  const isFolder = statSync(path).isDirectory();
  // Always asks the server, whatever of the folder is remembered here.
  const { bavail, blocks, bsize } = statfsSync(path);
  const latencyMs = Math.round((performance.now() - startedMs) * 100) / 100;
  // Whether it may be listed; its names are of no interest, and may be millions.
  if (isFolder && toList) closeSync(openSync(path, constants.O_RDONLY | constants.O_DIRECTORY));
  return {
    isFolder,
    realPath: realpathSync(path),
    mountedFrom: networkSource(path),
    network: networkFileSystem(path),
    latencyMs,
    freeBytes: bavail * bsize,
    totalBytes: blocks * bsize,
  };
}
