/** Reads a bundle file here and checks all of it: for `ml verify`, and for `ml export` before it says that it is done. */
import * as fs from "node:fs";
import { bundleRecordOf, checkBundle, runIdsOf } from "../bundle/check.ts";
import { readArchive } from "../bundle/read-archive.ts";
import { MlError, messageOf } from "../core/error.ts";
import type { RunCheck } from "../protocol/keep.ts";
import type { Verified } from "../view/bundle-page.ts";

/** Size of a plain file. Throws `not_found`, `usage`, `not_allowed`. */
export function bundleSize(path: string, shown: string): number {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) throw new MlError("not_found", `there is no file \`${shown}\``);
  if (!stat.isFile())
    throw new MlError("usage", `\`${shown}\` is no file`, {
      hint: "a bundle is a .tar.gz or .tar.zst, as `ml export` makes it",
    });
  try {
    fs.accessSync(path, fs.constants.R_OK);
  } catch (cause) {
    throw new MlError("not_allowed", `\`${shown}\` cannot be read`, { cause: messageOf(cause) });
  }
  return stat.size;
}

const archiveCheck = (state: RunCheck["state"], actual: string): RunCheck => ({
  ...{ name: "archive", level: "basic", state, actual, evidence: [], cure: null },
  expected: "one folder of plain files, whole, within the limits",
});

export async function verifyBundle(
  path: string,
  shown: string,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Verified> {
  const total = bundleSize(path, shown);
  const empty = { file: shown, runs: [], files: 0, size_bytes: 0 };
  try {
    const facts = await readArchive(Bun.file(path).stream() as unknown as AsyncIterable<Uint8Array>, {
      onProgress: (done) => onProgress(done, total),
    });
    const checks = [archiveCheck("ok", `read to its end, ${facts.files.size} files`), ...checkBundle(facts)];
    const named = bundleRecordOf(facts)?.runs ?? [];
    const ids = runIdsOf(facts);
    return {
      file: shown,
      valid: checks.every(({ state }) => state !== "failed"),
      checks,
      runs: ids.map((runId) => ({
        run_id: runId,
        name: String(named.find((run) => run.run_id === runId)?.name ?? ""),
      })),
      files: facts.files.size,
      size_bytes: facts.unpackedBytes,
    };
  } catch (cause) {
    if (!(cause instanceof MlError) || (cause.code !== "refused" && cause.code !== "too_large")) throw cause;
    return { ...empty, valid: false, checks: [archiveCheck("failed", cause.message)] };
  }
}
