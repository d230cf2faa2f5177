/** The virtual environment that a new run asks for, as its manifest has it: the lock must be in the code, and be one. */
import { MlError } from "../core/error.ts";
import type { ParsedBody } from "../protocol/requests.ts";
import { unusedVenv, type VenvUse } from "../run/manifest-data.ts";
import { readSnapshot } from "../run/objects.ts";
import type { BasePaths } from "../run/paths.ts";
import { lockFiles, lockSum } from "../run/venv-lock.ts";

type Spec = ParsedBody<"submit">["runs"][number];

/** Throws `usage`, and `refused` with what is wrong with the lock. A dry run may not have sent its code: then that is all. */
export function venvOf(base: BasePaths, { venv: lock, snapshot, cwd }: Spec, dryRun: boolean): VenvUse | null {
  if (lock == null) return null;
  if (snapshot === null) {
    if (dryRun) return unusedVenv({ lock, lock_sha256: "" });
    throw new MlError("usage", `\`--venv ${lock}\` names a file of the code, and no code is sent with this run`);
  }
  const files = lockFiles(base, readSnapshot(base, snapshot), { lock, cwd });
  return unusedVenv({ lock, lock_sha256: lockSum(files) });
}
