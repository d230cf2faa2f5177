/** The run folders of a bundle, checked as `ml verify` does it, laid into a folder of the caller's. Links are left out. */
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { checkBundle, runIdsOf } from "../bundle/check.ts";
import { readArchive } from "../bundle/read-archive.ts";
import { MlError } from "../core/error.ts";
import { type Manifest, manifestSchema } from "../run/manifest.ts";

export interface UnpackedRun {
  manifest: Manifest;
  folder: string;
}

/** Throws `refused` for an archive that is none, `check_failed` where it is not as it was made. */
export async function unpackRuns(path: string, folder: string): Promise<UnpackedRun[]> {
  let fd = -1;
  try {
    const facts = await readArchive(Bun.file(path).stream() as unknown as AsyncIterable<Uint8Array>, {
      begin(inside, place) {
        if (place.kind !== "run") return null;
        const full = join(folder, inside);
        fs.mkdirSync(dirname(full), { recursive: true });
        fd = fs.openSync(full, "wx", 0o600);
        return {
          write(bytes) {
            for (let done = 0; done < bytes.length; ) done += fs.writeSync(fd, bytes, done);
          },
          end() {
            fs.closeSync(fd);
            fd = -1;
          },
        };
      },
    });
    const failed = checkBundle(facts).find(({ state }) => state === "failed");
    if (failed !== undefined)
      throw new MlError("check_failed", `what the server sent does not verify: ${failed.name}: ${failed.evidence[0]}`);
    return runIdsOf(facts).map((runId) => ({
      manifest: manifestSchema.parse(JSON.parse(facts.texts.get(`runs/${runId}/run_manifest.json`) ?? "")),
      folder: join(folder, "runs", runId),
    }));
  } finally {
    if (fd >= 0) fs.closeSync(fd);
  }
}
