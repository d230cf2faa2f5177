/**
 * Probe: copies of the lock files and requirement lists that came with the code, into env/, so that the environment of
 * a run can be read in one place. Only ordinary files directly in the start folder or the code's root; links are left.
 */
import { lstat, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { describesEnvironment } from "../run/pinning.ts";
import type { Probe } from "./probe.ts";

const largestBytes = 16 * 1024 * 1024;

export const lockFilesProbe: Probe = {
  name: "lock files",
  limitMs: 20_000,
  async run({ startFolder, workFolder, file, miss }) {
    const copied = new Set<string>();
    for (const folder of new Set([startFolder, workFolder])) {
      for (const name of (await readdir(folder).catch(() => [])).filter(describesEnvironment).sort()) {
        const stats = await lstat(join(folder, name)).catch(() => null);
        if (!stats?.isFile() || copied.has(name)) continue;
        if (stats.size > largestBytes) {
          miss(`\`${name}\` is larger than ${largestBytes / 1024 / 1024} MiB`);
          continue;
        }
        copied.add(name);
        file(name, await readFile(join(folder, name)));
      }
    }
    return {};
  },
};
