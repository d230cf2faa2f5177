/** Real small disks for tests: tmpfs mounts of a few megabytes or a few inodes, which only root can make. */
import { afterEach, test } from "bun:test";
import { mkdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { tempFolder } from "./temp.ts";

const mounted: string[] = [];

function mount(...args: string[]): boolean {
  return Bun.spawnSync(["mount", ...args], { stdout: "ignore", stderr: "ignore" }).exitCode === 0;
}

function unmountAll(): void {
  for (const folder of mounted.splice(0).reverse()) Bun.spawnSync(["umount", "-l", folder], { stderr: "ignore" });
}

/** Unmounts what a test has mounted. To be called in the file, before its own `afterEach` that ends processes. */
export function unmountAfterEach(): void {
  afterEach(unmountAll);
}

/** A fresh tmpfs with these mount options, such as `size=8m` or `nr_inodes=200`. */
export function smallDisk(options: string): string {
  const folder = tempFolder("ml-disk-");
  if (!mount("-t", "tmpfs", "-o", `${options},mode=0700`, "tmpfs", folder))
    throw new Error(`mounting ${options} failed`);
  mounted.push(folder);
  return folder;
}

/** Makes `folder` read-only for every path that is opened from now on; what is open stays writable. Returns the way back. */
export function makeReadOnly(folder: string): () => void {
  if (!mount("--bind", folder, folder) || !mount("-o", "remount,bind,ro", folder)) throw new Error("no bind mount");
  mounted.push(folder);
  return () => {
    mounted.splice(mounted.lastIndexOf(folder), 1);
    Bun.spawnSync(["umount", "-l", folder]);
  };
}

/** Fills the disk of `folder` but for `leaveBytes` with the file `ballast`, which can be removed. */
export function fillDisk(folder: string, leaveBytes = 0): string {
  const path = join(folder, "ballast");
  const { bavail, bsize } = statfsSync(folder);
  writeFileSync(path, Buffer.alloc(Math.max(0, bavail * bsize - leaveBytes)));
  for (let size = 4096; size >= 1 && leaveBytes === 0; size = Math.floor(size / 2)) {
    try {
      for (;;) writeFileSync(path, Buffer.alloc(size), { flag: "a" });
    } catch {
      // Full for pieces of this size.
    }
  }
  return path;
}

/** `test` where a tmpfs can be mounted; otherwise one that skips loudly, or fails in CI. */
export const onRoot: typeof test = (() => {
  const folder = join(tmpdir(), `ml-probe-${process.pid}`);
  mkdirSync(folder);
  const able = mount("-t", "tmpfs", "-o", "size=1m", "tmpfs", folder);
  if (able) Bun.spawnSync(["umount", folder]);
  rmSync(folder, { recursive: true, force: true });
  if (able) return test;
  const replaced = (name: string) => {
    if (process.env.CI === "true") {
      test(name, () => {
        throw new Error("cannot run in CI: a tmpfs cannot be mounted here (no root)");
      });
    } else {
      console.log(`SKIPPED ${name}: a tmpfs cannot be mounted here (no root)`);
      test.skip(name, () => {});
    }
  };
  return replaced as unknown as typeof test;
})();
