/** A folder of one's own for what is only on its way; whoever asks for it removes it, whatever happens. */
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asMlError } from "../core/error.ts";

/** Throws what the disk says, as ours. */
export function temporaryFolder(prefix: string): string {
  try {
    return fs.mkdtempSync(join(tmpdir(), prefix));
  } catch (cause) {
    throw asMlError(cause, `making a folder in \`${tmpdir()}\``);
  }
}
