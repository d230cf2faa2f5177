/** A folder registered as a dataset, as the server does it, for tests without one. */
import * as fs from "node:fs";
import { join } from "node:path";
import { scanDataset } from "../../src/data/scan.ts";
import { datasetList, writeDataset } from "../../src/run/dataset-record.ts";
import type { BasePaths } from "../../src/run/paths.ts";

/** Gives what a manifest says of it. */
export async function registerFolder(base: BasePaths, name: string, path: string) {
  const listPath = datasetList(base, name, "1");
  fs.mkdirSync(join(base.datasets, name), { recursive: true });
  const { checksum, files, sizeBytes } = await scanDataset(
    { kind: "scan", root: path, mode: "full", cachePath: null, listPath, compare: null, hands: 1 },
    () => {},
  );
  const at = new Date().toISOString();
  writeDataset(base, {
    ...{ schema_version: 1, name, owner: "ana", added_at: at, current: "1" },
    versions: [
      {
        ...{ version: "1", path, checksum, num_files: files, size_bytes: sizeBytes, num_samples: null },
        ...{ quick: false, registered_at: at, registered_by: "ana", left_out: [], last_check: null },
      },
    ],
  });
  return { name, version: "1", nas_path: path, checksum, size_gb: sizeBytes / 1e9 };
}
