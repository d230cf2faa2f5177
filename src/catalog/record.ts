/**
 * One run as the catalog keeps it: what listings show, drawn from the manifest alone, so that a catalog built from
 * nothing says the same. What changes by the second (position, progress, a pending stop) is not in here.
 */
import { readFileSync } from "node:fs";
import { isForeign, unknownUser } from "../core/foreign-origin.ts";
import type { Forecast } from "../run/forecasts.ts";
import type { Manifest, Terms } from "../run/manifest.ts";
import { type PastRun, pastRunOf } from "../run/past-run.ts";
import type { RunRecord } from "../run/run-record.ts";
import { type Status, statuses } from "../run/status.ts";

/** What the catalog must know besides what it shows. */
export interface Keyed {
  record: RunRecord;
  submitId: string | null;
  /** Order of arrival over all runs. */
  sequence: number;
  /** What is learned from it, once it has ended. */
  past: PastRun | null;
}

const shownMetrics = 20;

/** Null where the run waits for nothing but its turn, as nearly all do. */
function termsOf({ launch: { terms } }: Manifest): Terms | null {
  const { after, after_ok, not_before, when, group_limit } = terms;
  const none = after.length + after_ok.length === 0 && not_before === null && when === null && group_limit === null;
  return none ? null : { after, after_ok, not_before, when, group_limit };
}

function secondsOf({ resources: { predicted } }: Manifest): RunRecord["predicted_seconds"] {
  const { seconds_low: low = null, seconds: likely = null, seconds_high: high = null } = predicted ?? {};
  return low === null || likely === null || high === null ? null : { low, likely, high };
}

/** `ana`; of what another tracker kept `mlflow (ana)`, or `csv` where nobody knows whose it was. */
function importedFrom({ lineage }: Manifest): string | null {
  const { kind, origin } = lineage;
  if (kind !== "import") return null;
  if (origin == null) return "somebody";
  if (!isForeign({ lineage })) return origin.user;
  return origin.user === unknownUser ? origin.from : `${origin.from} (${origin.user})`;
}

function firstMetrics({ metrics }: Manifest): RunRecord["metrics"] {
  const shown: RunRecord["metrics"] = {};
  let left = shownMetrics;
  for (const name in metrics) {
    if (left-- === 0) break;
    shown[name] = metrics[name] as number | string;
  }
  return shown;
}

/** The record of a manifest that could be read; `foretold` is what its folder holds of forecasts. */
export function recordOf(manifest: Manifest, foretold: readonly Forecast[] = []): Keyed {
  const { narrative, resources, failure, artifacts, lineage } = manifest;
  const { gpus, gpu_memory_gb, cpu_cores, ram_gb, disk_gb, max_runtime_hours } = resources.requested;
  return {
    past: pastRunOf(manifest, foretold),
    submitId: manifest.launch.submit_id,
    sequence: manifest.launch.sequence ?? (Date.parse(manifest.queued_at) || 0),
    record: {
      run_id: manifest.run_id,
      name: manifest.name,
      user: manifest.user,
      status: manifest.status,
      command: manifest.command,
      priority: manifest.priority,
      held: manifest.launch.held,
      held_why: manifest.launch.held ? manifest.launch.held_why : null,
      queued_at: manifest.queued_at,
      started_at: manifest.started_at,
      ended_at: manifest.ended_at,
      exit_code: manifest.exit_code,
      signal: manifest.signal,
      failure: failure === null ? null : { kind: failure.kind, message: failure.message, hint: failure.hint },
      note: manifest.metadata.note,
      hypothesis: narrative.hypothesis,
      validation_status: narrative.validation_status,
      group: narrative.experiment_group,
      tags: narrative.tags,
      parent_run: narrative.parent_run,
      source_run: manifest.lineage.source_run,
      imported_from: importedFrom(manifest),
      retried_as: manifest.lineage.retried_as,
      requested: { gpus, gpu_memory_gb, cpu_cores, ram_gb, disk_gb, max_runtime_hours },
      terms: termsOf(manifest),
      predicted_seconds: secondsOf(manifest),
      expected_start: manifest.launch.expected_start,
      energy_kwh: resources.actual?.energy_kwh ?? null,
      cancelled: manifest.cancelled === null ? null : { by: manifest.cancelled.by, reason: manifest.cancelled.reason },
      sweep:
        lineage.sweep_id === null || lineage.sweep_point === null
          ? null
          : { id: lineage.sweep_id, point: lineage.sweep_point },
      host: resources.host,
      metrics: firstMetrics(manifest),
      artifacts:
        artifacts === null
          ? null
          : {
              count: artifacts.files.length + artifacts.not_listed,
              total_size_bytes: artifacts.total_size_bytes,
            },
      problem: null,
    },
  };
}

/**
 * The record of a run whose manifest is damaged: what can still be made out of its text (a torn file has lost its
 * end, not its first keys), the rest unknown. Never `completed`: success is not guessed.
 */
export function damagedRecord(
  runId: string,
  path: string,
  { reason, status: known }: { reason: string; status?: Status },
): Keyed {
  let text = "";
  try {
    text = readFileSync(path, "utf8");
  } catch {
    // The reason says already that it cannot be read.
  }
  const queuedAt = salvage(text, "queued_at") ?? `${runId.slice(0, 10)}T00:00:00.000Z`;
  const status = known ?? statuses.find((one) => one === salvage(text, "status")) ?? "failed";
  return {
    // Kept as long as it can be read, so that a repeated submission does not make a second run.
    submitId: salvage(text, "submit_id"),
    past: null,
    sequence: Date.parse(queuedAt) || 0,
    record: {
      run_id: runId,
      name: salvage(text, "name") ?? runId,
      user: salvage(text, "user") ?? "",
      status: status === "completed" ? "failed" : status,
      command: salvage(text, "command") ?? "",
      priority: 5,
      held: false,
      held_why: null,
      queued_at: queuedAt,
      started_at: null,
      ended_at: null,
      exit_code: null,
      signal: null,
      failure: null,
      note: null,
      hypothesis: null,
      validation_status: null,
      group: null,
      tags: [],
      parent_run: null,
      source_run: null,
      imported_from: null,
      retried_as: null,
      requested: {
        ...{ gpus: 0, gpu_memory_gb: null, cpu_cores: 0, ram_gb: null, disk_gb: null, max_runtime_hours: null },
      },
      terms: null,
      predicted_seconds: null,
      expected_start: null,
      energy_kwh: null,
      cancelled: null,
      sweep: null,
      host: null,
      metrics: {},
      artifacts: null,
      problem: reason,
    },
  };
}

/** The text value of a key, top-level or one below it, in what is left of a manifest, or null. */
function salvage(text: string, key: string): string | null {
  const match = new RegExp(`^ {2,4}"${key}": ("(?:[^"\\\\\\n]|\\\\.)*"),?$`, "m").exec(text);
  if (!match) return null;
  try {
    return String(JSON.parse(match[1] ?? ""));
  } catch {
    return null;
  }
}
