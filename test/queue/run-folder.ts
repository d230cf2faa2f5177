/** A run folder with nothing but a manifest, in any status. */
import { mkdirSync, writeFileSync } from "node:fs";
import { manifestText, type NewManifest, newManifest } from "../../src/run/manifest.ts";
import type { BasePaths } from "../../src/run/paths.ts";
import type { Status } from "../../src/run/status.ts";

export function makeRun(
  base: BasePaths,
  given: Partial<NewManifest> & { run_id: string },
  status: Status = "queued",
): void {
  const paths = base.run(given.run_id);
  mkdirSync(paths.private, { recursive: true });
  const manifest = newManifest({
    name: "test",
    user: "ada",
    command: "python train.py",
    argv: ["python", "train.py"],
    queued_at: "2026-11-23T18:00:00.000Z",
    ...given,
  });
  writeFileSync(paths.manifest, manifestText({ ...manifest, status }));
}
