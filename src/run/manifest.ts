/**
 * run_manifest.json: the record of a run, declared once. The keys stand in the order in which they are written; docs
 * and the published JSON Schema come from here. Readers accept unknown keys and keep them (every object is loose).
 *
 * `undefined` never reaches a file: what is not known is null. Timestamps are RFC 3339 in UTC.
 */
import { z } from "zod";
import { warnSignals } from "../core/warn-signals.ts";
import { datasetPolicies, datasetSchema, imageSchema, readsSchema, venvSchema } from "./manifest-data.ts";
import { statuses } from "./status.ts";

export const schemaVersion = 1;

export const failureKinds = [
  "oom",
  "gpu_oom",
  "timeout",
  "code_error",
  "data_error",
  "environment_error",
  "disk_full",
  "signal",
  "worker_lost",
  "start_failed",
  "gpu_error",
] as const;

const text = z.string().nullable().default(null);
const number = z.number().nullable().default(null);
/** A metric value; NaN and the infinities are strings, because JSON has no others. */
const metricValue = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]);

export const failureSchema = z.looseObject({
  kind: z.enum(failureKinds),
  message: z.string(),
  hint: text,
  traceback: text,
  /** What proves it: lines of the output or of the kernel's log, counters, measurements. */
  evidence: z.array(z.string()).default([]),
});

export const narrativeSchema = z.looseObject({
  hypothesis: text,
  context: text,
  intent: text,
  expected_outcome: text,
  parent_run: text,
  experiment_group: text,
  tags: z.array(z.string()).default([]),
  outcome: text,
  learnings: z.array(z.string()).default([]),
  next_steps: z.array(z.string()).default([]),
  validation_status: z.enum(["validates", "refutes", "inconclusive", "partial"]).nullable().default(null),
});

export const annotationSchema = z.looseObject({ timestamp: z.string(), author: z.string(), note: z.string() });

export const environmentSchema = z.looseObject({
  git_commit: text,
  git_dirty: z.boolean().nullable().default(null),
  git_branch: text,
  git_remote: text,
  /** The branch that it follows, such as `origin/main`; null without one. */
  git_upstream: text,
  /** Commits that the upstream, or any remote, did not have; null where that is not known. */
  git_unpushed: z.number().int().nullable().default(null),
  git_submodules: z.array(z.looseObject({ path: z.string(), commit: z.string(), dirty: z.boolean() })).default([]),
  /** The first commit of the code's history: it stays when the remote or the folder changes. */
  git_root: text,
  /** What the person calls the project, where they said so. */
  project: text,
  snapshot: text,
  container_image: text,
  container_digest: text,
  venv: venvSchema,
  image: imageSchema,
  python_version: text,
  python_executable: text,
  pip_freeze: text,
  cuda_version: text,
  gpu_driver: text,
  os: text,
  kernel: text,
  /** Values that matter; null where the name or the value looks like a credential. */
  env_vars: z.record(z.string(), z.string().nullable()).default({}),
  /** Seeds as arguments and variables show them, by name. */
  seeds: z.record(z.string(), z.string()).default({}),
  /** Captured texts as path in the run folder → sha256. */
  files: z.record(z.string(), z.string()).default({}),
  /** What could not be captured, and why; empty where nothing is missing. */
  partial: z.array(z.string()).default([]),
});

export const requestedSchema = z.looseObject({
  gpus: z.number().int().min(0).default(0),
  gpu_memory_gb: number,
  cpu_cores: z.number().min(0).default(1),
  ram_gb: number,
  disk_gb: number,
  max_runtime_hours: number,
});

/** What a run waits for besides its turn and its resources. Runs are named by id, moments by RFC 3339. */
export const termsSchema = z.looseObject({
  /** Runs that must have ended, however they did. */
  after: z.array(z.string()).default([]),
  /** Runs that must have completed; where one of them does not, this run is cancelled. */
  after_ok: z.array(z.string()).default([]),
  not_before: text,
  /** `cheap`, `night`, `idle`, `after HH:MM`, or hours such as `22:00-06:00`, by the worker's clock. */
  when: text,
  /** At most so many runs of its group at a time. */
  group_limit: z.number().int().min(1).nullable().default(null),
});

export const resourcesSchema = z.looseObject({
  requested: requestedSchema.prefault({}),
  /** What runs like it took, as it was known when it was queued; null where nothing was. Seconds are an interval for 8 cases of 10. */
  predicted: z
    .looseObject({
      basis: z.enum(["same", "similar"]),
      runs: z.number(),
      seconds_low: number,
      seconds: number,
      seconds_high: number,
      ram_peak_gb: number,
      gpu_memory_peak_gb: number,
    })
    .nullable()
    .default(null),
  assigned: z
    .looseObject({
      gpu_ids: z.array(z.string()).default([]),
      /** What it holds of each of those cards; null where it holds them whole. */
      gpu_memory_gb: number,
    })
    .nullable()
    .default(null),
  actual: z
    .looseObject({
      gpu_utilization_avg: number,
      gpu_memory_peak_gb: number,
      cpu_utilization_avg: number,
      cpu_time_seconds: number,
      ram_peak_gb: number,
      disk_read_gb: number,
      disk_write_gb: number,
      energy_kwh: number,
      /** By which meters: `gpu`, `cpu`. */
      energy_from: z.array(z.string()).default([]),
      /** True where a part of the run was not metered: it used more than this. */
      energy_partial: z.boolean().nullable().default(null),
      /** What that cost by the prices of the config when it ran. */
      energy_cost: number,
      energy_currency: text,
      gpu_power_avg_w: number,
      gpu_temperature_peak_c: number,
      /** For so long its GPUs were slower than they could be, for heat or want of power. */
      gpu_throttled_seconds: number,
    })
    .nullable()
    .default(null),
  gpu_model: text,
  cpu_model: text,
  host: text,
});

export const artifactSchema = z.looseObject({
  path: z.string(),
  size_bytes: z.number(),
  modified: z.string(),
  sha256: z.string().optional(),
});

export const artifactsSchema = z.looseObject({
  discovery_time: z.string(),
  files: z.array(artifactSchema),
  total_size_bytes: z.number(),
  /** How many files were found beyond the limit of the list; 0 where all are listed. */
  not_listed: z.number().default(0),
});

/** A file taken over from another run: `path` under its work folder, `as` in the new run's staged/. */
export const stagedFileSchema = z.looseObject({
  run_id: z.string(),
  path: z.string(),
  as: z.string(),
  sha256: z.string(),
  size_bytes: z.number(),
});

export const lineageKinds = ["queue", "requeue", "clone", "fork", "sweep", "import", "reproduce"] as const;

export const lineageSchema = z.looseObject({
  kind: z.enum(lineageKinds).default("queue"),
  source_run: text,
  staged: z.array(stagedFileSchema).default([]),
  sweep_id: text,
  /** The values that this run of the sweep got, as they were given. */
  sweep_point: z.record(z.string(), z.string()).nullable().default(null),
  /** The next attempt, where it failed and was tried again. */
  retried_as: text,
  /** Of an imported run: whose it was and what it was called where it was made; claims of what was imported, and who brought it. */
  origin: z
    .looseObject({
      run_id: z.string(),
      user: z.string(),
      host: text,
      /** What it was imported from: `bundle`, or another tracker: `mlflow`, `tensorboard`, `csv`. */
      from: z.string().default("bundle"),
      /** The experiment that it belonged to there. */
      experiment: text,
      /** Parameters that were logged there and stand in no command line. */
      parameters: z.record(z.string(), z.string()).default({}),
      /** Labels with values that it had there. */
      tags: z.record(z.string(), z.string()).default({}),
      imported_at: text,
      imported_by: text,
      /** When what is new there was last taken over, and by whom; null where it never was. */
      updated_at: text,
      updated_by: text,
    })
    .nullable()
    .default(null),
});

export const manifestSchema = z.looseObject({
  schema_version: z.number().int(),
  run_id: z.string(),
  name: z.string(),
  user: z.string(),
  status: z.enum(statuses),
  command: z.string(),
  argv: z.array(z.string()).min(1),
  cwd: z.string().default("."),
  queued_at: z.string(),
  started_at: text,
  ended_at: text,
  exit_code: z.number().int().nullable().default(null),
  signal: text,
  priority: z.number().int().min(1).max(10).default(5),
  failure: failureSchema.nullable().default(null),
  /** What else was noticed, a sentence each: no reason to fail, but worth a look. */
  remarks: z.array(z.string()).default([]),
  /** Who ended it before its end, and why; null for what ended by itself. */
  cancelled: z.looseObject({ by: z.string(), reason: text }).nullable().default(null),
  metadata: z.looseObject({ note: text }).prefault({}),
  narrative: narrativeSchema.prefault({}),
  annotations: z.array(annotationSchema).default([]),
  environment: environmentSchema.prefault({}),
  datasets: z.array(datasetSchema).default([]),
  reads: readsSchema,
  resources: resourcesSchema.prefault({}),
  metrics: z.record(z.string(), metricValue).default({}),
  artifacts: artifactsSchema.nullable().default(null),
  lineage: lineageSchema.prefault({}),
  /** How it is to be run: what the worker needs and no other key says. */
  launch: z
    .looseObject({
      /** Client-made id of the submission; the same id gives the same run. */
      submit_id: text,
      /** Order of arrival, growing over all runs of a base: the milliseconds of 1970 at submission, or one more than the last. */
      sequence: number,
      /** Hash of the blob with the diff of the code against its commit, laid out as env/git.diff. */
      git_diff: text,
      /** The same against the upstream, as env/git.upstream.diff; null where that is the same diff, or there is none. */
      git_upstream_diff: text,
      /** What a validation asks of it where nobody says otherwise; `strict` was checked when it was queued. */
      repro_level: z.enum(["none", "basic", "strict"]).default("basic"),
      /** Templates of printed lines that hold metrics (docs/metrics.md). */
      metric_patterns: z.array(z.string()).default([]),
      /** For a reproduction: how it is compared, and whether its environment is built anew. */
      reproduce: z
        .looseObject({ tolerance: number, rebuild_env: z.boolean().default(false) })
        .nullable()
        .default(null),
      /** Hash of the tree of staged files, laid out as staged/. */
      staged: text,
      /** Extra environment variables asked for with --env. */
      env: z.record(z.string(), z.string()).default({}),
      split_output: z.boolean().default(false),
      /** What happens where its datasets are not on the local disk when its turn comes (docs/data.md). */
      data_policy: z.enum(datasetPolicies).default("fetch"),
      /** The files that it reads are looked for while it runs. */
      trace_reads: z.boolean().default(false),
      /** On a terminal of its own, which people attach to. */
      tty: z.boolean().default(false),
      grace_seconds: z.number().default(30),
      /** When somebody is told of its end (docs/notify.md); null: never. */
      notify: z.enum(["ended", "failed"]).nullable().default(null),
      /** `USR1`: sent to the script `warn_seconds` before its time limit; null where it is not warned. */
      warn_signal: z.enum(warnSignals).nullable().default(null),
      warn_seconds: number,
      held: z.boolean().default(false),
      /** Why `ml` itself holds it; null where a person does, or nobody. */
      held_why: text,
      /** Trying it again where it fails; null where its owner did not ask for that. */
      retry: z
        .looseObject({
          /** How many new runs at most. */
          limit: z.number().int().min(0),
          /** Kinds of failure; empty: any. */
          on: z.array(z.string()).default([]),
          /** Before the first retry; doubled with each. */
          backoff_seconds: z.number().min(0).default(10),
          /** 1 for the run that was queued, 2 for the first retry. */
          attempt: z.number().int().min(1).default(1),
          /** The run that was queued; null in itself. */
          first_run: text,
          /** How many of the attempts before were lost with their worker. */
          crashes: z.number().int().default(0),
        })
        .nullable()
        .default(null),
      terms: termsSchema.prefault({}),
      /** Between when it was expected to start, as it was told when it was queued alone; null where nobody could say. */
      expected_start: z.looseObject({ low: z.string(), likely: z.string(), high: z.string() }).nullable().default(null),
    })
    .prefault({}),
  /**
   * So many bytes of history.jsonl are in this record (history.ts). Absent and null say nothing: older records lack it, and fit
   * without the validator all the same.
   */
  history_bytes: z.number().nullable().optional(),
});

export type Manifest = z.infer<typeof manifestSchema>;
export type Failure = z.infer<typeof failureSchema>;
export type FailureKind = (typeof failureKinds)[number];
export type Narrative = z.infer<typeof narrativeSchema>;
export type Environment = z.infer<typeof environmentSchema>;
export type Requested = z.infer<typeof requestedSchema>;
export type Terms = z.infer<typeof termsSchema>;
export type Artifacts = z.infer<typeof artifactsSchema>;
export type Artifact = z.infer<typeof artifactSchema>;
export type StagedFile = z.infer<typeof stagedFileSchema>;

/** What a new run must know; everything else has a default. */
export type NewManifest = Pick<Manifest, "run_id" | "name" | "user" | "command" | "argv" | "queued_at"> &
  z.input<typeof manifestSchema>;

/** A manifest in status `queued`, every key present, in order. Throws a ZodError on values that do not fit. */
export function newManifest(given: Omit<NewManifest, "schema_version" | "status">): Manifest {
  return manifestSchema.parse({ schema_version: schemaVersion, status: "queued", ...given });
}

/** The file's exact text: two-space indent, keys in schema order, unknown keys kept at the end. */
export function manifestText(manifest: Manifest): string {
  const ordered: Record<string, unknown> = {};
  for (const key of Object.keys(manifestSchema.shape))
    ordered[key] = (manifest as Record<string, unknown>)[key] ?? null;
  for (const key of Object.keys(manifest))
    if (!(key in ordered)) ordered[key] = (manifest as Record<string, unknown>)[key];
  return `${JSON.stringify(ordered, null, 2)}\n`;
}
