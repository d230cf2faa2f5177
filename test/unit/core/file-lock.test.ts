/** Locks held for a life: against flock(1), another program. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { takeLifeLock, tryLock } from "../../../src/core/file-lock.ts";
import { tempFolder, until } from "../../support/temp.ts";

/** Another process that holds `path` until it is told to end. */
async function holder(path: string): Promise<{ end(): void }> {
  const child = Bun.spawn(["flock", path, "cat"], { stdin: "pipe" });
  await until("the lock to be held", () => {
    const lock = tryLock(path);
    lock?.release();
    return lock === null;
  });
  return { end: () => void child.stdin.end() };
}

test("[K4] a life lock outlasts the last moments of its holder, and not a holder that lives", async () => {
  const path = join(tempFolder("ml-lock-"), "lock");
  const other = await holder(path);
  expect(takeLifeLock(path, 50)).toBeNull();
  other.end();
  const lock = takeLifeLock(path, 20_000);
  expect(lock).not.toBeNull();
  expect(tryLock(path)).toBeNull();
  lock?.release();
});
