/** Copies of damaged manifests, kept for a look before anything can write over them. */
import * as fs from "node:fs";
import { join } from "node:path";
import type { BasePaths } from "../run/paths.ts";

export interface Damaged {
  run_id: string;
  reason: string;
}

/** Keeps a copy of every damaged manifest, once for each state of it. Returns the paths of new copies. */
export function quarantine(base: BasePaths, damaged: readonly Damaged[]): string[] {
  const copies: string[] = [];
  for (const { run_id } of damaged) {
    const { manifest } = base.run(run_id);
    const stat = fs.statSync(manifest, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    fs.mkdirSync(base.quarantine, { recursive: true, mode: 0o700 });
    const copy = join(base.quarantine, `${run_id}.run_manifest.${Math.floor(stat.mtimeMs)}.json`);
    if (fs.existsSync(copy)) continue;
    fs.copyFileSync(manifest, copy);
    copies.push(copy);
  }
  return copies;
}
