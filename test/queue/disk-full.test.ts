import { describe, expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../src/core/clock.ts";
import { MlError } from "../../src/core/error.ts";
import { openFsQueue } from "../../src/queue/fs.ts";
import type { QueueBackend } from "../../src/queue/port.ts";
import { openSqliteQueue } from "../../src/queue/sqlite.ts";
import { tempFolder } from "../support/temp.ts";
import { entry } from "./entry.ts";

/** A file system of `size` while `act` runs; false where we may not mount. */
async function onSmallDisk(size: string, act: (disk: string) => Promise<void>): Promise<boolean> {
  const point = join(tempFolder(), "disk");
  mkdirSync(point);
  const { exitCode } = Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${size}`, "tmpfs", point], {
    stderr: "ignore",
  });
  if (exitCode !== 0) return false;
  try {
    await act(point);
  } finally {
    Bun.spawnSync(["umount", "-l", point]);
  }
  return true;
}

const kinds: Record<string, (disk: string) => QueueBackend> = {
  sqlite: (disk) => openSqliteQueue(join(disk, "queue.db"), { clock: systemClock }),
  filesystem: (disk) => openFsQueue(join(disk, "queue"), { clock: systemClock }),
};

describe("on a full disk", () => {
  for (const [name, open] of Object.entries(kinds)) {
    test(`[D1] the ${name} queue refuses with no_space, keeps what it acknowledged, and goes on after`, async () => {
      const mounted = await onSmallDisk("1m", async (disk) => await fillAndRecover(disk, open(disk)));
      if (!mounted) console.log(`SKIPPED ${name}: a small tmpfs cannot be mounted here`);
    }, 120_000);
  }
});

async function fillAndRecover(disk: string, queue: QueueBackend): Promise<void> {
  const ballast = join(disk, "ballast");
  writeFileSync(ballast, Buffer.alloc(400_000));
  const acknowledged: string[] = [];
  let refusal: unknown = null;
  for (let n = 0; refusal === null && n < 5000; n += 1) {
    const batch = [entry(`r${n}-a`, { user: "u".repeat(500) }), entry(`r${n}-b`)];
    try {
      await queue.add(batch);
      acknowledged.push(...batch.map((each) => each.runId));
    } catch (cause) {
      refusal = cause;
    }
  }
  expect(refusal).toBeInstanceOf(MlError);
  expect(refusal).toMatchObject({ code: "no_space" });
  expect((await queue.waiting(100_000, true)).map((each) => each.runId)).toEqual(acknowledged);
  rmSync(ballast);
  expect(await queue.add([entry("after")])).toBe(1);
  expect(await queue.count()).toBe(acknowledged.length + 1);
  await queue.close();
}
