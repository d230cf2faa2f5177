/**
 * The parts of run_manifest.json about what a run works with: its datasets, its virtual environment, the image of its container, and
 * the files that it was seen to read. Part of manifest.ts, which says how schemas are written and may change.
 */
import { z } from "zod";

const text = z.string().nullable().default(null);
const number = z.number().nullable().default(null);

export const datasetPolicies = ["wait", "fetch", "direct"] as const;

/** What a look at a dataset found at one moment of a run. */
const datasetLookSchema = z
  .looseObject({
    at: z.string(),
    /** What it was then; null where it could not be read. */
    checksum: text,
    problem: text,
  })
  .nullable()
  .default(null);

/** A dataset that a run was queued with. */
export const datasetSchema = z.looseObject({
  name: z.string(),
  version: text,
  /** The folder that was registered. */
  nas_path: text,
  /** The local copy that the script was given; null where it was given `nas_path`. */
  local_path: text,
  /** As it was registered: the root of a Merkle tree over path, size and sha256 (docs/data.md). */
  checksum: text,
  size_gb: number,
  num_files: number,
  num_samples: number,
  /** How its files came to the script; null before it starts. */
  fetched_via: z.enum(["prewarm", "on_demand", "direct"]).nullable().default(null),
  /** Why so: `hit`, or what kept it from being one. */
  fetched_why: text,
  fetched_at: text,
  /** How long it was copied, ahead of the start or before it. */
  fetch_time_seconds: number,
  /** How long the run, its turn come, waited for it; null before the start, and in records of older versions. */
  waited_seconds: number,
  /** How much longer it would have waited without the copy made ahead, by how long that took; null where nobody knows. */
  time_saved_seconds: number,
  /** When it was looked at, and what it was then. */
  queued_check: datasetLookSchema,
  start_check: datasetLookSchema,
  end_check: datasetLookSchema,
  /** How it differed from what was registered, as it was first seen; null where it never did. */
  drift: z
    .looseObject({
      seen: z.enum(["queued", "start", "end"]),
      added: z.number(),
      removed: z.number(),
      changed: z.number(),
      /** The first of them: `+`, `-` or `~`, and the path. */
      files: z.array(z.string()),
    })
    .nullable()
    .default(null),
});

/** The virtual environment that a run was queued with (`--venv`), and how it came to it. */
const venvObject = z.looseObject({
  /** The file of the code that it is built from: a uv.lock, or a requirements file. */
  lock: z.string(),
  /** sha256 over that file and those that it includes, or that belong to it. */
  lock_sha256: z.string(),
  /** Hash of the lock with interpreter and platform: runs with the same key share one environment. */
  key: text,
  folder: text,
  /** `uv` or `pip`, and its version. */
  tool: text,
  /** `prewarm`: it was there when the turn came; `on_demand`: the run waited for it; `failed`: it could not be built. */
  built_via: z.enum(["prewarm", "on_demand", "failed"]).nullable().default(null),
  built_at: text,
  build_seconds: number,
  size_gb: number,
  /** As with datasets. */
  waited_seconds: number,
  time_saved_seconds: number,
});
export const venvSchema = venvObject.nullable().default(null);

/** The image of the container that a run's command starts, and whether it was there when the turn came. */
const imageObject = z.looseObject({
  /** `docker`, `podman` or `nerdctl`. */
  engine: z.string(),
  /** As the command names it. */
  image: z.string(),
  /** What that was when the turn came, as the engine told; null where it was not there, or the engine gave no answer. */
  digest: text,
  size_gb: number,
  /** `prewarm`: pulled ahead; `there`: the engine had it already; `command`: left to the command. Null where the engine gave no answer. */
  pulled_via: z.enum(["prewarm", "there", "command"]).nullable().default(null),
  /** `hit`, or what kept it from being one. */
  pulled_why: text,
  pulled_at: text,
  pull_seconds: number,
  /** As with datasets. */
  waited_seconds: number,
  time_saved_seconds: number,
});
export const imageSchema = imageObject.nullable().default(null);

/** What a run was seen to read, where it was queued with `--trace-reads`; the files stand in env/reads.tsv. */
export const readsSchema = z
  .looseObject({
    /** `strace`: every file that was opened; `samples`: what was open when somebody looked. */
    how: z.enum(["strace", "samples"]),
    /** So many looks were taken; null where nothing was missed between them. */
    looks: z.number().nullable().default(null),
    files: z.number(),
    /** There were more files than are kept. */
    cut: z.boolean().default(false),
    datasets: z.array(
      z.looseObject({
        name: z.string(),
        version: text,
        path: z.string(),
        files: z.number(),
        /** At so many looks a file of it was open; null where there were none. */
        looks: z.number().nullable().default(null),
        /** The run was queued with it. */
        named: z.boolean(),
      }),
    ),
  })
  .nullable()
  .default(null);

export type DatasetUse = z.infer<typeof datasetSchema>;
export type VenvUse = z.infer<typeof venvObject>;
export type ImageUse = z.infer<typeof imageObject>;
export type Reads = NonNullable<z.infer<typeof readsSchema>>;

/** The same dataset for another run: what was registered, and nothing of what came of it. */
export function unusedDataset(use: DatasetUse): DatasetUse {
  const { name, version, nas_path, checksum, size_gb, num_files, num_samples, queued_check } = use;
  return datasetSchema.parse({ name, version, nas_path, checksum, size_gb, num_files, num_samples, queued_check });
}

/** The same environment for another run, not built for it yet. */
export const unusedVenv = ({ lock, lock_sha256 }: Pick<VenvUse, "lock" | "lock_sha256">): VenvUse =>
  venvObject.parse({ lock, lock_sha256 });
