import { expect, test } from "bun:test";
import { isNetworkType, mountOf, readMounts } from "../../../src/core/mount-table.ts";

const mounts = readMounts(`21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:40 / /mnt/my\\040nas rw,relatime shared:2 master:1 - nfs4 nas:/export rw,vers=4.2
31 21 0:41 / /mnt rw - tmpfs tmpfs rw
32 21 0:42 / /mnt rw - fuse.sshfs me@host:/data rw
broken line
`);

test("a path belongs to the innermost mount, and to the newest of one point", () => {
  expect(mountOf("/mnt/my nas/set", mounts)).toEqual({
    mountId: 30,
    point: "/mnt/my nas",
    type: "nfs4",
    source: "nas:/export",
  });
  expect(mountOf("/mnt/my nas2", mounts)?.mountId).toBe(32);
  expect(mountOf("/home/../mnt/x", mounts)?.source).toBe("me@host:/data");
  expect(mountOf("/home", mounts)?.type).toBe("ext4");
});

test("what the kernel says of this machine can be read, and nothing is said where it says nothing", () => {
  expect(mountOf("/proc/self")?.type).toBe("proc");
  expect(mountOf("/x", [])).toBeNull();
});

test("network types are told from local ones", () => {
  expect(["nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.sshfs", "fuse.rclone"].every(isNetworkType)).toBe(true);
  expect(["ext4", "xfs", "tmpfs", "overlay", "fuse", "fuse.ntfs-3g", "fuseblk"].some(isNetworkType)).toBe(false);
});
