import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { isNetworkMount, networkFileSystem } from "../../../src/core/network-mount.ts";

const probe = (type: number, mounts = "") => ({ typeOf: () => type, mounts: () => mounts });

test("[D7] known network file systems are named, by signed numbers too", () => {
  expect(networkFileSystem("/x", probe(0x6969))).toBe("NFS");
  expect(networkFileSystem("/x", probe(0xff534d42))).toBe("CIFS");
  expect(networkFileSystem("/x", probe(0xff534d42 | 0))).toBe("CIFS");
  expect(networkFileSystem("/x", probe(0xfe534d42))).toBe("SMB2");
});

test("local file systems are not network mounts", () => {
  for (const ext4OrXfsOrTmpfsOrOverlay of [0xef53, 0x58465342, 0x01021994, 0x794c7630]) {
    expect(networkFileSystem("/x", probe(ext4OrXfsOrTmpfsOrOverlay))).toBeNull();
  }
  expect(isNetworkMount(tmpdir())).toBe(false);
});

test("FUSE is judged by the name of the innermost mount", () => {
  const mounts = "21 1 8:1 / / rw - ext4 /dev/sda rw\n22 1 0:39 / / rw shared:1 - fuse.sshfs me@host: rw\n";
  expect(networkFileSystem("/", probe(0x65735546, mounts))).toBe("fuse.sshfs");
  expect(networkFileSystem("/", probe(0x65735546, "21 1 0:39 / / rw - fuse.ntfs-3g /dev/sda rw\n"))).toBeNull();
});

test("a path that does not exist is judged by its nearest folder", () => {
  const asked: string[] = [];
  const typeOf = (path: string) => {
    asked.push(path);
    if (path !== "/a") throw new Error("ENOENT");
    return 0x6969;
  };
  expect(networkFileSystem("/a/b/c", { typeOf, mounts: () => "" })).toBe("NFS");
  expect(asked).toEqual(["/a/b/c", "/a/b", "/a"]);
});
