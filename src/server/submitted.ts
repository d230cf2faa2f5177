/** What a submission is answered with: the run as it was understood, its place in the line, and when it will probably start. */
import type { Similar } from "../protocol/foresight.ts";
import type { Submitted } from "../protocol/requests.ts";
import { entryFromManifest } from "../queue/entry.ts";
import type { Manifest } from "../run/manifest.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Context } from "./context.ts";
import { startOf } from "./summary.ts";

/** For so many runs of one request the line is played ahead; the others can be asked for. */
const foreseen = 20;

interface Also {
  duplicate?: boolean;
  similar?: Similar | null;
}

/** Runs that are in the line, or were. */
export function submittedRuns(
  context: Context,
  records: readonly RunRecord[],
  also: (record: RunRecord) => Also = () => ({}),
): Submitted[] {
  const line = context.line.now();
  line.foresee(records.slice(0, foreseen).map((record) => record.run_id));
  return records.map((record) => {
    const { run_id, name, status, command } = record;
    const { duplicate = false, similar = null } = also(record);
    const first = records.length === 1 ? line.why(run_id) : [];
    return {
      ...{ run_id, name, status, position: line.placeOf(run_id), ...startOf(line.etaOf(run_id)) },
      ...{ folder: context.base.run(run_id).folder, command, duplicate, similar, waits_for: first },
    };
  });
}

/** Runs that are not queued: where they would stand, when they would start, and why not at once. */
export function dryRuns(
  context: Context,
  manifests: readonly Manifest[],
  similar: ReadonlyMap<string, Similar> = new Map(),
): Submitted[] {
  const entries = manifests.map((manifest) => ({
    ...entryFromManifest(manifest),
    sequence: manifest.launch.sequence ?? Number.MAX_SAFE_INTEGER,
  }));
  const standing = context.line.asIf(entries);
  return manifests.map((manifest, at) => {
    const { run_id, name, status, command } = manifest;
    const { place = null, eta = null, why = [] } = standing[at] ?? {};
    return {
      ...{ run_id, name, status, position: place, ...startOf(eta) },
      ...{ folder: context.base.run(run_id).folder, command, duplicate: false },
      ...{ similar: similar.get(run_id) ?? null, waits_for: why },
    };
  });
}
