/**
 * Is a path on a network mount? SQLite in WAL mode needs shared memory and byte-range locks that every process of one
 * machine sees at once; network file systems promise neither, and corrupt databases are how one learns of it
 * (sqlite.org/wal.html, "all processes using a database must be on the same host computer"). inotify does not see what
 * other hosts write, either.
 *
 * Judged by the magic number of statfs(2); FUSE, which is local or remote, by its name in /proc/self/mountinfo.
 */
import { readFileSync, realpathSync, statfsSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { isNetworkType, mountOf, readMounts } from "./mount-table.ts";

/** Magic numbers of linux/magic.h, statfs(2), and of the out-of-tree file systems themselves. */
const networkTypes = new Map<number, string>([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x564c, "NCP"],
  [0x5346414f, "AFS"],
  [0x6b414653, "AFS"],
  [0x73757245, "Coda"],
  [0x01021997, "9P"],
  [0x00c36400, "Ceph"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x19830326, "BeeGFS"],
  [0x7461636f, "OCFS2"],
  [0x01161970, "GFS2"],
  [0xaad7aaea, "PanFS"],
]);
const fuseType = 0x65735546;

/** How the file system is asked; replaced in tests. */
export interface MountProbe {
  /** `f_type` of statfs(2) for an existing path. */
  typeOf(path: string): number;
  /** The text of /proc/self/mountinfo. */
  mounts(): string;
}

const systemProbe: MountProbe = {
  typeOf: (path) => statfsSync(path).type,
  mounts: () => readFileSync("/proc/self/mountinfo", "utf8"),
};

/**
 * The name of the network file system that holds `path` (`NFS`, `CIFS`, `fuse.sshfs`, …), or null for a local one. A
 * path that does not exist yet is judged by its nearest existing folder; where the kernel does not say, null.
 */
export function networkFileSystem(path: string, probe: MountProbe = systemProbe): string | null {
  for (let at = resolve(path); ; at = dirname(at)) {
    let type: number;
    try {
      type = probe.typeOf(at) >>> 0;
    } catch {
      if (at === dirname(at)) return null;
      continue;
    }
    return type === fuseType ? fuseName(at, probe) : (networkTypes.get(type) ?? null);
  }
}

/** `nas:/export`, for what lies on a network mount; else null. Throws system errors. */
export function networkSource(path: string): string | null {
  const mount = mountOf(realpathSync(path));
  return mount !== null && isNetworkType(mount.type) ? mount.source : null;
}

export function isNetworkMount(path: string): boolean {
  return networkFileSystem(path) !== null;
}

function fuseName(path: string, probe: MountProbe): string | null {
  try {
    const { type = "" } = mountOf(realpathSync(path), readMounts(probe.mounts())) ?? {};
    return isNetworkType(type) ? type : null;
  } catch {
    return null;
  }
}
