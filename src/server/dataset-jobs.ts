/**
 * Datasets being read: each reading is a child process with a name by which it is asked for, so that it goes on while
 * nobody waits. What is read twice at once is read once. An outcome is remembered for an hour, and lost with the server.
 */
import { isoTime } from "../core/clock.ts";
import { asMlError, MlError } from "../core/error.ts";
import { runJob } from "../data/child.ts";
import type { Compared, ScanMode, Scanned } from "../data/scan.ts";
import { statCachePath } from "../data/stat-cache.ts";
import type { DataJob, DataOutcome } from "../protocol/data-requests.ts";

interface Kept {
  job: DataJob;
  key: string;
  over: Promise<void>;
  stop: AbortController;
}

export interface Reading {
  kind: DataJob["kind"];
  name: string;
  root: string;
  mode: ScanMode;
  listPath: string | null;
  compare: Compared | null;
}

export interface DatasetJobsOptions {
  stateDir: string;
  stallMs: number;
  hands: number;
  nowMs(): number;
}

const keptMs = 3_600_000;
/** More at once would only fight for the same disks. */
const mostRunning = 4;

export class DatasetJobs {
  readonly #jobs = new Map<string, Kept>();

  constructor(private readonly options: DatasetJobsOptions) {}

  /** Begins to read, or names the same reading where it is under way; `finish` makes the outcome of what was read. */
  begin(reading: Reading, finish: (scanned: Scanned | MlError, tookSeconds: number) => DataOutcome): DataJob {
    const { kind, name, root, mode } = reading;
    const key = JSON.stringify([kind, name, root, mode]);
    const kept = [...this.#jobs.values()];
    const same = kept.find((one) => one.key === key && one.job.state === "running");
    if (same !== undefined) return same.job;
    if (kept.filter((one) => one.job.state === "running").length >= mostRunning)
      throw new MlError("try_later", `${mostRunning} datasets are being read already`, {
        hint: "try again when one is done",
      });
    const stop = new AbortController();
    const job: DataJob = {
      ...{ job_id: `d_${crypto.randomUUID().slice(0, 8)}`, kind, name, state: "running", phase: "looking" },
      ...{ files: 0, done_bytes: 0, total_bytes: null, started_at: isoTime(this.options.nowMs()) },
      ...{ outcome: null, error: null },
    };
    const over = this.#run(job, reading, { finish, signal: stop.signal });
    this.#jobs.set(job.job_id, { job, key, over, stop });
    return job;
  }

  async #run(
    job: DataJob,
    { root, mode, listPath, compare }: Reading,
    { finish, signal }: { finish: (found: Scanned | MlError, tookSeconds: number) => DataOutcome; signal: AbortSignal },
  ): Promise<void> {
    const startedMs = performance.now();
    const took = () => Math.round(performance.now() - startedMs) / 1000;
    try {
      const { stateDir, stallMs, hands } = this.options;
      const cachePath = statCachePath(stateDir, root);
      const scanned = await runJob(
        { kind: "scan", root, mode, cachePath, listPath, compare, hands },
        {
          ...{ stallMs, signal },
          onProgress: ({ phase, files, doneBytes, totalBytes }) =>
            Object.assign(job, { phase, files, done_bytes: doneBytes, total_bytes: totalBytes }),
        },
      ).catch((cause) => asMlError(cause, `reading \`${root}\``));
      job.outcome = finish(scanned, took());
      job.state = "done";
    } catch (cause) {
      const { code, message, detail } = asMlError(cause, `reading \`${root}\``);
      job.error = { code, message, hint: detail.hint ?? null };
      job.state = "failed";
    }
    setTimeout(() => this.#jobs.delete(job.job_id), keptMs).unref();
  }

  /** How it stands when it is over, or after `waitMs`. Throws `not_found`. */
  async wait(jobId: string, waitMs: number): Promise<DataJob> {
    const kept = this.#jobs.get(jobId);
    if (kept === undefined)
      throw new MlError("not_found", `no reading \`${jobId}\` is known: the server may have started anew`);
    if (kept.job.state === "running" && waitMs > 0) await Promise.race([kept.over, Bun.sleep(waitMs)]);
    return kept.job;
  }

  close(): void {
    for (const { stop } of this.#jobs.values()) stop.abort();
  }
}
