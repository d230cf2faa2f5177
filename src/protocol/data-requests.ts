/** Requests about datasets: registering, looking, checking, and what of them lies on a local disk. Part of the table in requests.ts. */
import { z } from "zod";
import type { DatasetCheck, DatasetRecord } from "../run/dataset-record.ts";
import type { MountFacts } from "../run/mount-facts.ts";
import type { PrewarmWish } from "../run/prewarm-wishes.ts";
import type { DataFacts, ImageFacts, VenvFacts } from "../run/worker-facts.ts";
import { declare } from "./declare.ts";
import type { RunSummary } from "./summary.ts";

const word = z.string().min(1).max(100);

export interface DataJob {
  job_id: string;
  kind: "add" | "verify";
  name: string;
  state: "running" | "done" | "failed";
  phase: "looking" | "reading";
  files: number;
  done_bytes: number;
  /** Null while it is not known. */
  total_bytes: number | null;
  started_at: string;
  /** What came of it; null while it runs. */
  outcome: DataOutcome | null;
  error: { code: string; message: string; hint: string | null } | null;
}

export interface DataOutcome {
  name: string;
  version: string;
  /** `add`: whether a version was made; one that is there already is not made again. */
  added: boolean;
  /** What was registered. */
  checksum: string;
  num_files: number;
  size_bytes: number;
  /** How many files were read now, and how many stand as they were remembered. */
  read_files: number;
  remembered_files: number;
  /** Written to while they were read. */
  unstable: string[];
  left_out: string[];
  /** `verify`: what was found. */
  check: DatasetCheck | null;
  took_seconds: number;
}

/** What is known of a dataset that runs were just queued with. */
export interface QueuedLook {
  name: string;
  version: string;
  path: string;
  /** The look at it goes on; what it finds is put into the runs that still wait. */
  going_on: boolean;
  /** What the last look that is over found; null where there was none since the registration. */
  check: DatasetCheck | null;
}

/** What a run was seen to read of a dataset (`--trace-reads`). */
export interface RunReads {
  how: "strace" | "samples";
  files: number;
  /** It was queued with it. */
  named: boolean;
}

export const dataRequests = {
  /**
   * Registers a folder of the server's machine as a dataset, or as a new version of one. Reading it may take long: the reply
   * names the job, `dataset.job` follows it. The same request again, while it runs, names the same job.
   */
  "dataset.add": declare<DataJob>()("user", () =>
    z.object({
      name: word,
      path: z.string().min(1).max(4096),
      version: word.nullable().optional(),
      /** Reads a sample of the contents alone, and says so. */
      quick: z.boolean().default(false),
      samples: z.number().int().min(0).nullable().optional(),
    }),
  ),
  /** Looks whether a dataset is what was registered; `full` reads every byte, else what looks as it did is believed. */
  "dataset.verify": declare<DataJob>()("user", () =>
    z.object({ name: word, version: word.nullable().optional(), full: z.boolean().default(false) }),
  ),
  /**
   * What the looks found that queueing a run began at its datasets (each NAME or NAME=VERSION). Answers when they are over, or
   * after `wait_ms`; one that is not registered any more is left out.
   */
  "dataset.looks": declare<{ looks: QueuedLook[] }>()("viewer", () =>
    z.object({
      datasets: z.array(z.string().min(1).max(201)).max(50),
      wait_ms: z.number().int().min(0).max(30_000).default(0),
    }),
  ),
  /** How a job stands; answers when it is over or after `wait_ms`. */
  "dataset.job": declare<DataJob>()("user", () =>
    z.object({ job_id: z.string().max(64), wait_ms: z.number().int().min(0).max(30_000).default(500) }),
  ),
  "dataset.list": declare<{ datasets: DatasetRecord[] }>()("viewer", () => z.object({})),
  /** One dataset with its versions and the newest runs that used it. */
  "dataset.show": declare<{
    dataset: DatasetRecord;
    runs: {
      run: RunSummary;
      version: string | null;
      fetched_via: string | null;
      /** How much longer it would have waited without the copy made ahead; null where nobody knows. */
      time_saved_seconds: number | null;
      drift: boolean;
      reads: RunReads | null;
    }[];
    /** What of it lies on the local disk of each living worker, is on its way there, or was removed for what. */
    stores: ({ worker: string } & Pick<DataFacts, "copies" | "copying" | "failed" | "evicted">)[];
    /** There are more runs. */
    more: boolean;
    /** The network mounts that it lies on, as the living workers see them. */
    mounts: ({ worker: string } & MountFacts)[];
  }>()("viewer", () => z.object({ name: word, limit: z.number().int().min(1).max(1000).default(10) })),
  /** Asks for datasets on the local disks, images at the engines, or what runs use of both; `pin` keeps them there, `unpin` does not any more; so with environments that are built (`venv:KEY`, or that of a run). */
  "prewarm.wish": declare<{ wishes: PrewarmWish[] }>()("user", () =>
    z.object({
      names: z.array(z.string().min(1).max(512)).min(1).max(100),
      pin: z.boolean().default(false),
      unpin: z.boolean().default(false),
    }),
  ),
  /** Takes such wishes back; gives those that there were. */
  "prewarm.cancel": declare<{ wishes: PrewarmWish[] }>()("user", () =>
    z.object({ names: z.array(z.string().min(1).max(512)).min(1).max(100) }),
  ),
  /** What lies on the local disk of each living worker, and what is on its way there. */
  "prewarm.list": declare<{
    wishes: PrewarmWish[];
    workers: ({ worker: string; venvs: VenvFacts | null; images: ImageFacts | null } & DataFacts)[];
  }>()("viewer", () => z.object({})),
  /** Forgets a dataset, or one version of it. The files of it are not touched, and what runs recorded stays. */
  "dataset.remove": declare<{ name: string; versions: string[] }>()("user", () =>
    z.object({ name: word, version: word.nullable().optional() }),
  ),
};
