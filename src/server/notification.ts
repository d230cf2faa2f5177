/**
 * What somebody is told of a run that ended: one sentence, and a JSON value with all that a program might want. Pure. Nothing of
 * a run's output or environment is in it, because it leaves the machine.
 */
import { formatDuration } from "../core/duration.ts";
import type { Manifest } from "../run/manifest.ts";

export interface Notification {
  schema: "ml.notify/1";
  /** The sentence, by the two names under which chat services look for it. */
  text: string;
  content: string;
  event: "ended" | "failed";
  run: {
    run_id: string;
    name: string;
    user: string;
    status: string;
    exit_code: number | null;
    failure: { kind: string; message: string; hint: string | null } | null;
    group: string | null;
    queued_at: string;
    started_at: string | null;
    ended_at: string | null;
    seconds: number | null;
    metrics: Manifest["metrics"];
    folder: string;
  };
}

const shownMetrics = 20;
const longestSentence = 500;

/** True where this end is one that was asked for. An attempt that is tried again is not the end yet. */
export function isWanted({ status, launch, lineage }: Manifest): boolean {
  if (lineage.retried_as !== null) return false;
  if (launch.notify === "ended") return status === "completed" || status === "failed" || status === "cancelled";
  return launch.notify === "failed" && status === "failed";
}

function sentence(manifest: Manifest, seconds: number | null): string {
  const { name, run_id: runId, user, status, failure, launch } = manifest;
  const time =
    seconds === null
      ? "before it started"
      : `${status === "completed" ? "in" : "after"} ${formatDuration(seconds * 1000)}`;
  const why = failure === null ? "" : `: ${failure.kind}, ${failure.message.split("\n")[0]}`;
  const attempt = launch.retry === null ? 1 : launch.retry.attempt;
  const tries = attempt > 1 ? ` at attempt ${attempt}` : "";
  return `${name} (${runId}) of ${user} ${status} ${time}${tries}${why}`.slice(0, longestSentence);
}

export function notificationOf(manifest: Manifest, folder: string): Notification {
  const { started_at: startedAt, ended_at: endedAt, failure } = manifest;
  const seconds = startedAt === null || endedAt === null ? null : (Date.parse(endedAt) - Date.parse(startedAt)) / 1000;
  const text = sentence(manifest, seconds);
  return {
    schema: "ml.notify/1",
    text,
    content: text,
    event: manifest.status === "failed" ? "failed" : "ended",
    run: {
      run_id: manifest.run_id,
      name: manifest.name,
      user: manifest.user,
      status: manifest.status,
      exit_code: manifest.exit_code,
      failure: failure === null ? null : { kind: failure.kind, message: failure.message, hint: failure.hint },
      group: manifest.narrative.experiment_group,
      queued_at: manifest.queued_at,
      started_at: startedAt,
      ended_at: endedAt,
      seconds,
      metrics: Object.fromEntries(Object.entries(manifest.metrics).slice(0, shownMetrics)),
      folder,
    },
  };
}

/** What a command finds in its environment, besides the JSON on its stdin. */
export function notificationVariables({ text, event, run }: Notification): Record<string, string> {
  return {
    ML_EVENT: event,
    ML_TEXT: text,
    ML_RUN_ID: run.run_id,
    ML_RUN_NAME: run.name,
    ML_RUN_DIR: run.folder,
    ML_USER: run.user,
    ML_STATUS: run.status,
    ML_EXIT_CODE: run.exit_code === null ? "" : String(run.exit_code),
    ML_FAILURE: run.failure?.kind ?? "",
  };
}
