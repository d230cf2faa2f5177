/** Which registered datasets a new run uses, as its manifest has them; what it then got is the worker's to say. */
import { MlError } from "../core/error.ts";
import {
  type DatasetVersion,
  datasetsIn,
  readDatasetWish,
  requireDataset,
  requireVersion,
} from "../run/dataset-record.ts";
import { type DatasetUse, datasetSchema } from "../run/manifest-data.ts";
import type { BasePaths } from "../run/paths.ts";

/** Registering was a look as well. */
function lookBefore({ last_check: last, registered_at: at, checksum }: DatasetVersion): DatasetUse["queued_check"] {
  return last === null
    ? { at, checksum, problem: null }
    : { at: last.at, checksum: last.checksum, problem: last.problem };
}

function useOf(name: string, version: DatasetVersion): DatasetUse {
  const drift = version.last_check?.drift ?? null;
  return datasetSchema.parse({
    ...{ name, version: version.version, nas_path: version.path, checksum: version.checksum },
    ...{ size_gb: version.size_bytes / 1e9, num_files: version.num_files, num_samples: version.num_samples },
    queued_check: lookBefore(version),
    drift: drift === null ? null : { seen: "queued", ...drift },
  });
}

/** Throws `usage`, and `not_found` for what is not registered. */
export function datasetsOf(
  base: BasePaths,
  { argv, wishes }: { argv: readonly string[]; wishes: readonly string[] },
): DatasetUse[] {
  const uses = new Map<string, DatasetUse>();
  for (const text of wishes) {
    const { name, version } = readDatasetWish(text);
    if (uses.has(name)) throw new MlError("usage", `dataset \`${name}\` is named twice`, { hint: "one version a run" });
    uses.set(name, useOf(name, requireVersion(requireDataset(base, name), version)));
  }
  for (const name of argv.flatMap(datasetsIn)) {
    if (uses.has(name)) continue;
    throw new MlError("usage", `the arguments name \`{data:${name}}\`, and the run has no dataset \`${name}\``, {
      hint: `add \`--data ${name}\``,
    });
  }
  return [...uses.values()];
}
