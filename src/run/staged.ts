/**
 * Files of one run handed to another. At submission they are copied into objects/ and listed as a tree of their own, so
 * that what is handed over cannot change or go away any more; when the run starts, that tree is laid out as `staged/`
 * beside its work folder. To the script they are ordinary files; to us they are neither code nor artifact.
 */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { syncFolder } from "../core/durable.ts";
import { asMlError, MlError } from "../core/error.ts";
import { hashFile } from "./artifacts.ts";
import { hasBlob, loosePath } from "./blobs.ts";
import type { BasePaths } from "./paths.ts";

/** What stands for the folder of staged files in the arguments of a run. */
export const stagedWord = "{staged}";

/** The folder of staged files as seen from the folder `cwd` in which the script starts. */
export function stagedFolderFrom(cwd: string): string {
  const depth = cwd === "." ? 0 : cwd.split("/").length;
  return `${"../".repeat(depth + 1)}staged`;
}

export interface Kept {
  sha256: string;
  sizeBytes: number;
}

/** A checkpoint may be large: nobody waits while its bytes reach the disk. */
async function syncAside(path: string): Promise<void> {
  const file = await fs.promises.open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

let counter = 0;

/**
 * A copy of the file at `path` in objects/, durable when it resolves; a clone where the file system can. Its hash is
 * that of the copy, so a script that still writes to the file does no harm. Throws MlError (`no_space`, …).
 */
export async function keepFile(base: BasePaths, path: string): Promise<Kept> {
  counter += 1;
  const copy = join(base.staging, `kept-${Date.now().toString(36)}-${process.pid}-${counter}`);
  try {
    fs.mkdirSync(base.staging, { recursive: true, mode: 0o700 });
    await fs.promises.copyFile(path, copy, fs.constants.COPYFILE_FICLONE | fs.constants.COPYFILE_EXCL);
    fs.chmodSync(copy, 0o444);
    const hashed = await hashFile(copy);
    if (hashed === null) throw new MlError("failed", `\`${path}\` cannot be read`);
    const { size } = fs.statSync(copy);
    const blob = loosePath(base, hashed.sha256);
    if (!hasBlob(base, hashed.sha256)) {
      await syncAside(copy);
      if (fs.mkdirSync(dirname(blob), { recursive: true, mode: 0o700 }) !== undefined) syncFolder(base.objects);
      fs.renameSync(copy, blob);
      syncFolder(dirname(blob));
    }
    return { sha256: hashed.sha256, sizeBytes: size };
  } catch (cause) {
    throw asMlError(cause, "copying a file to be staged");
  } finally {
    fs.rmSync(copy, { force: true });
  }
}
