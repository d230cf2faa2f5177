/**
 * On which mount a path lies, by its name alone: /proc/self/mountinfo is read and the path itself never touched, so that a
 * mount that hangs can be named and counted by whoever must not touch it. A symbolic link is taken as it is written: where
 * one may lead is for a process that may hang (data/probe.ts).
 */
import { readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";

export interface Mount {
  /** The kernel's own number: another one after an unmount and a mount at the same place. */
  mountId: number;
  point: string;
  /** `nfs4`, `cifs`, `fuse.sshfs`, `ext4`, … */
  type: string;
  /** `nas:/export`, `/dev/sda1`, … */
  source: string;
}

/** Types as the kernel names them; FUSE, which is local or remote, by its subtype. */
const networkTypes = new Set(
  "nfs nfs4 cifs smb3 smbfs ncpfs afs coda 9p ceph lustre gpfs beegfs beegfs_nodev ocfs2 gfs2 panfs glusterfs".split(
    " ",
  ),
);
const networkFuse =
  /^fuse\.(sshfs|glusterfs|ceph(-fuse)?|rclone|s3fs|goofys|gcsfuse|blobfuse2?|juicefs|mfs|moosefs|beegfs|davfs2?|smbnetfs|curlftpfs|seaweedfs)$/;

export const isNetworkType = (type: string) => networkTypes.has(type) || networkFuse.test(type);

/** A server of files or a process stands between: it may give no answer, for ever. */
const mayHang = (type: string) => isNetworkType(type) || type.startsWith("fuse");

const unescaped = (text: string) =>
  text.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));

/** Lines of proc_pid_mountinfo(5): `36 35 98:0 /root /point options [tags…] - type source options`. */
export function readMounts(text = readFileSync("/proc/self/mountinfo", "utf8")): Mount[] {
  return text.split("\n").flatMap((line) => {
    const [front = "", back] = line.split(" - ");
    const [number, , , , point] = front.split(" ");
    const [type, source] = back?.split(" ") ?? [];
    if (point === undefined || type === undefined) return [];
    return [{ mountId: Number(number), point: unescaped(point), type, source: unescaped(source ?? "") }];
  });
}

/** The innermost mount that holds `path`, the newest where several lie on one point; null where the kernel tells nothing. */
export function mountOf(path: string, mounts?: readonly Mount[]): Mount | null {
  const full = resolve(path);
  let found: Mount | null = null;
  try {
    for (const mount of mounts ?? readMounts()) {
      const holds = mount.point === "/" || full === mount.point || full.startsWith(`${mount.point}/`);
      if (holds && mount.point.length >= (found?.point.length ?? 0)) found = mount;
    }
  } catch {
    return null;
  }
  return found;
}

const mostLinks = 40;

/**
 * The mount that may hang on which `path` lies, null where none does. Symbolic links are followed, one part of the path after the
 * other, and no further than to such a mount: it is never touched.
 */
export function hangingMountOf(path: string, mounts: readonly Mount[] = readMounts()): Mount | null {
  const partsOf = (text: string) => text.split("/").filter((part) => part !== "" && part !== ".");
  let at = "/";
  let links = 0;
  for (const left = partsOf(resolve(path)); ; ) {
    const mount = mountOf(at, mounts);
    if (mount !== null && mayHang(mount.type)) return mount;
    const part = left.shift();
    if (part === undefined) return null;
    const next = join(at, part);
    const beyond = mountOf(next, mounts);
    const target = beyond !== null && mayHang(beyond.type) ? null : linkTarget(next);
    if (target === null || links >= mostLinks) at = next;
    else {
      links += 1;
      left.unshift(...partsOf(target));
      if (target.startsWith("/")) at = "/";
    }
  }
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
