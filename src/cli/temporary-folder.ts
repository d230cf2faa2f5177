/** A folder of one's own for what is only on its way; whoever asks for it removes it, whatever happens. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asMlError, MlError, systemCode } from "../core/error.ts";

/** What a disk of the user's says about a place that the user named is no bug of ours. */
export function asDiskError(cause: unknown, doing: string): MlError {
  const error = asMlError(cause, doing);
  return error.code === "internal" && systemCode(cause) !== null ? new MlError("failed", error.message) : error;
}

/** Throws what the disk says. */
export function temporaryFolder(prefix: string): string {
  try {
    return fs.mkdtempSync(join(tmpdir(), prefix));
  } catch (cause) {
    throw asDiskError(cause, `making a folder in \`${tmpdir()}\``);
  }
}
