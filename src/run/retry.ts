/**
 * Trying a failed run again, where its owner chose that when queueing it: as a new run that names the one before.
 *
 * Everything about the next run follows from the failed one: its id is a hash of the first run and the number of the attempt,
 * its moments come from the failed run's end. So whoever makes it, and however often, makes the same one, and the rename
 * into `runs/` lets exactly one folder appear. The intent is `lineage.retried_as` of the failed run, written together
 * with its final status; the failed run is sealed only after the next one waits in the line (worker/queue-retry.ts).
 *
 * A run that somebody wanted stopped is never tried again. `crashLimit` runs of a chain that were lost with their worker end
 * it, whatever budget is left: the run may be what takes the machine down (HyperQueue calls it the crash limit).
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { isoTime } from "../core/clock.ts";
import { syncFolder, writeDurable } from "../core/durable.ts";
import { MlError, systemCode } from "../core/error.ts";
import { runIdFrom } from "../core/ids.ts";
import { layOutDiff } from "./intake.ts";
import { type FailureKind, failureKinds, type Manifest, manifestText, newManifest } from "./manifest.ts";
import { unusedDataset, unusedVenv } from "./manifest-data.ts";
import type { BasePaths, RunPaths } from "./paths.ts";
import { readManifest } from "./store.ts";

export const crashLimit = 3;
const longestBackoffSeconds = 600;

/** The worker or the machine went away under it, or it never got as far as running. */
const crashes = new Set<FailureKind>(["worker_lost", "start_failed"]);

/** Throws `usage` for a kind of failure that there is not. */
export function checkRetryKinds(kinds: readonly string[]): void {
  for (const kind of kinds) {
    if ((failureKinds as readonly string[]).includes(kind)) continue;
    throw new MlError("usage", `there is no kind of failure \`${kind}\` to retry on`, {
      hint: `kinds are ${failureKinds.join(", ")}`,
    });
  }
}

function crashesOf({ launch, failure }: Manifest): number {
  return (launch.retry?.crashes ?? 0) + (failure !== null && crashes.has(failure.kind) ? 1 : 0);
}

export type RetryDecision = { kind: "retry"; runId: string } | { kind: "none"; why: string | null };

/** Whether a run whose final state this is is to be tried again. `why` is a sentence where a budget was given and not used. */
export function decideRetry(manifest: Manifest, { stopWanted }: { stopWanted: boolean }): RetryDecision {
  const { retry } = manifest.launch;
  if (retry === null || manifest.status !== "failed" || manifest.failure === null) return { kind: "none", why: null };
  const { kind } = manifest.failure;
  const none = (why: string): RetryDecision => ({ kind: "none", why });
  if (stopWanted) return none("not tried again: somebody wanted it stopped");
  if (retry.on.length > 0 && !retry.on.includes(kind)) return none(`not tried again: it failed with ${kind}`);
  if (retry.attempt > retry.limit) return none(`not tried again: all ${retry.limit} retries are used up`);
  if (crashesOf(manifest) >= crashLimit)
    return none(`not tried again: ${crashLimit} attempts were lost with their worker`);
  const first = retry.first_run ?? manifest.run_id;
  return { kind: "retry", runId: runIdFrom(`retry ${first} ${retry.attempt + 1}`, endOf(manifest)) };
}

const endOf = (manifest: Manifest): number => Date.parse(manifest.ended_at ?? manifest.queued_at);

/** Doubled with every attempt, ten minutes at most. */
export function backoffSeconds(attempt: number, firstSeconds: number): number {
  return Math.min(longestBackoffSeconds, firstSeconds * 2 ** Math.max(0, attempt - 1));
}

/** The manifest of the next attempt; the failed one names it already. */
export function nextAttempt(failed: Manifest, runId: string): Manifest {
  const { launch, environment, resources } = failed;
  const { retry } = launch;
  if (retry === null) throw new Error(`run ${failed.run_id} has no retries`);
  const endedAtMs = endOf(failed);
  const notBefore = isoTime(endedAtMs + backoffSeconds(retry.attempt, retry.backoff_seconds) * 1000);
  // Of its surroundings only the code is known beforehand.
  const code = Object.entries(environment).filter(([key]) => key === "snapshot" || key.startsWith("git_"));
  return newManifest({
    run_id: runId,
    name: failed.name,
    user: failed.user,
    command: failed.command,
    argv: failed.argv,
    cwd: failed.cwd,
    queued_at: isoTime(endedAtMs),
    priority: failed.priority,
    metadata: failed.metadata,
    narrative: { ...failed.narrative, outcome: null, learnings: [], next_steps: [], validation_status: null },
    environment: { ...Object.fromEntries(code), venv: environment.venv === null ? null : unusedVenv(environment.venv) },
    datasets: failed.datasets.map(unusedDataset),
    resources: { requested: resources.requested, predicted: resources.predicted },
    lineage: { ...failed.lineage, kind: "requeue", source_run: failed.run_id, retried_as: null },
    launch: {
      ...launch,
      submit_id: `retry_${failed.run_id}`,
      sequence: Math.max(endedAtMs, (launch.sequence ?? 0) + 1),
      held: false,
      terms: { ...launch.terms, not_before: notBefore },
      retry: {
        ...retry,
        attempt: retry.attempt + 1,
        first_run: retry.first_run ?? failed.run_id,
        crashes: crashesOf(failed),
      },
    },
  });
}

/**
 * Makes the folder of the next attempt, durably and in one step, where it is not there. Returns its manifest as it is now,
 * or null where it cannot be read. Throws system errors.
 */
export function makeRetry(base: BasePaths, failed: Manifest, runId: string): Manifest | null {
  const paths: RunPaths = base.run(runId);
  if (!fs.existsSync(paths.folder)) {
    const manifest = nextAttempt(failed, runId);
    const staged = join(base.staging, `retry-${runId}-${crypto.randomUUID()}`);
    try {
      fs.mkdirSync(staged, { recursive: true, mode: 0o700 });
      layOutDiff(base, manifest, staged);
      writeDurable(join(staged, "run_manifest.json"), manifestText(manifest), { mode: 0o644 });
      fs.renameSync(staged, paths.folder);
    } catch (cause) {
      // Another one was faster.
      if (systemCode(cause) !== "ENOTEMPTY" && systemCode(cause) !== "EEXIST") throw cause;
    } finally {
      fs.rmSync(staged, { recursive: true, force: true });
    }
  }
  syncFolder(base.runs);
  const read = readManifest(paths.manifest);
  return read.kind === "ok" ? read.manifest : null;
}
