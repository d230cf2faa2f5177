/**
 * Deleting run folders: moved out of sight in one rename, then taken apart in the background. What a crash leaves in
 * staging/ is swept at the next start.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { syncFolder } from "../core/durable.ts";
import type { BasePaths } from "../run/paths.ts";

const prefix = "deleted-";

/** Bytes of all files below `folder`; links are not followed. */
export async function sizeOf(folder: string): Promise<number> {
  let total = 0;
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    const entries = await fs.promises.readdir(at, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) {
      const path = join(at, entry.name);
      if (entry.isDirectory()) waiting.push(path);
      else total += (await fs.promises.lstat(path).catch(() => null))?.size ?? 0;
    }
  }
  return total;
}

/** Moves a run folder out of runs/, durably. Returns where it is now. Throws system errors. */
export function moveOut(base: BasePaths, runId: string): string {
  const going = join(base.staging, `${prefix}${runId}-${crypto.randomUUID().slice(0, 8)}`);
  fs.renameSync(base.run(runId).folder, going);
  syncFolder(base.runs);
  return going;
}

/** Takes a folder apart, read-only parts (a sealed run) included. */
export async function takeApart(folder: string): Promise<void> {
  const waiting = [folder];
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    await fs.promises.chmod(at, 0o700).catch(() => {});
    const entries = await fs.promises.readdir(at, { withFileTypes: true }).catch(() => []);
    for (const entry of entries) if (entry.isDirectory()) waiting.push(join(at, entry.name));
  }
  await fs.promises.rm(folder, { recursive: true, force: true });
}

/** Goes on with what an earlier server began to delete. */
export async function sweepDeleted(base: BasePaths): Promise<void> {
  const names = await fs.promises.readdir(base.staging).catch(() => []);
  for (const name of names) if (name.startsWith(prefix)) await takeApart(join(base.staging, name));
}

/** What a server that was killed had unpacked of bundles and pushed folders: nobody goes on with it. Only while nobody sends any. */
export function dropInterrupted(base: BasePaths): void {
  const names = fs.existsSync(base.staging) ? fs.readdirSync(base.staging) : [];
  for (const name of names.filter((found) => /^(import|data)-/.test(found)))
    fs.renameSync(join(base.staging, name), join(base.staging, `${prefix}${name}`));
}
