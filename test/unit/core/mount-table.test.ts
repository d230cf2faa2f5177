import { expect, test } from "bun:test";
import { symlinkSync } from "node:fs";
import { join } from "node:path";
import { hangingMountOf, isNetworkType, mountOf, readMounts } from "../../../src/core/mount-table.ts";
import { tempFolder } from "../../support/temp.ts";

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

test("a mount that may hang is found behind symbolic links, which are followed no further than to it", () => {
  const folder = tempFolder();
  const far = { mountId: 9, point: join(folder, "far"), type: "fuse.anything", source: "x" };
  const all = [...readMounts("21 1 8:1 / / rw - ext4 /dev/sda1 rw"), far];
  symlinkSync("far/in", join(folder, "near"));
  symlinkSync(join(folder, "near"), join(folder, "nearer"));
  symlinkSync("loop", join(folder, "loop"));
  for (const name of ["far", "far/in/it", "near", "nearer/x", "nearer/../.."])
    expect(hangingMountOf(join(folder, name), all)?.mountId).toBe(name === "nearer/../.." ? undefined : 9);
  expect(hangingMountOf(join(folder, "loop/x"), all)).toBeNull();
  expect(hangingMountOf(join(folder, "not/there"), all)).toBeNull();
});

test("network types are told from local ones", () => {
  expect(["nfs", "nfs4", "cifs", "smb3", "ceph", "fuse.sshfs", "fuse.rclone"].every(isNetworkType)).toBe(true);
  expect(["ext4", "xfs", "tmpfs", "overlay", "fuse", "fuse.ntfs-3g", "fuseblk"].some(isNetworkType)).toBe(false);
});
