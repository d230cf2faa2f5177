/** Process identity and kernel-held locks, with real processes. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { tryLock, withLock } from "../../../src/core/file-lock.ts";
import { bootId, identityOf, isSameProcess } from "../../../src/core/process-identity.ts";
import { tempFolder, until } from "../../support/temp.ts";

test("[P6] a reused pid, or the same pid after a reboot, is another process", async () => {
  const child = Bun.spawn(["sleep", "30"]);
  const identity = identityOf(child.pid);
  expect(identity).not.toBeNull();
  expect(isSameProcess(identity!)).toBe(true);
  expect(isSameProcess({ ...identity!, start: "1" })).toBe(false);
  expect(isSameProcess({ ...identity!, boot: "another" })).toBe(false);
  child.kill("SIGKILL");
  await child.exited;
  expect(isSameProcess(identity!)).toBe(false);
  expect(bootId()).not.toBe("");
});

test("a lock excludes a second holder, also in the same process, and goes with its holder", async () => {
  const path = join(tempFolder(), "lock");
  const held = tryLock(path);
  expect(held).not.toBeNull();
  expect(tryLock(path)).toBeNull();
  expect(() => withLock(path, () => 1, 20)).toThrow("another process holds");
  held!.release();
  const holder = `import { tryLock } from ${JSON.stringify(join(import.meta.dir, "../../../src/core/file-lock.ts"))};
    globalThis.held = tryLock(${JSON.stringify(path)}); console.log("held"); setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", holder], { stdout: "pipe" });
  await child.stdout.getReader().read();
  expect(tryLock(path)).toBeNull();
  child.kill("SIGKILL");
  await until("the kernel to free the lock", () => withLock(path, () => true, 1000));
});
