/** Temporary folders that are gone after the test, and waiting for conditions instead of for time. */
import { afterEach } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders: string[] = [];

/** Preloaded by bunfig.toml, so that it counts for every test file. */
afterEach(() => {
  for (const folder of folders.splice(0)) {
    Bun.spawnSync(["chmod", "-R", "u+rwX", folder], { stderr: "ignore" });
    rmSync(folder, { recursive: true, force: true });
  }
});

/** A fresh folder, removed (read-only files and all) after the running test. */
export function tempFolder(prefix = "ml-test-"): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  folders.push(folder);
  return folder;
}

/** No statement about time, but how long a busy machine may take for anything; well below the limit of a test (scripts/test.ts). */
export const patienceMs = 60_000;

/** Polls until `condition` gives something truthy, and returns it; throws naming `what` after `timeoutMs`. */
export async function until<T>(
  what: string,
  condition: () => T | Promise<T>,
  timeoutMs = patienceMs,
): Promise<NonNullable<T>> {
  const deadline = performance.now() + timeoutMs;
  for (;;) {
    const value = await condition();
    if (value) return value as NonNullable<T>;
    if (performance.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await Bun.sleep(10);
  }
}
