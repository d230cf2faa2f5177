/** Requests about keeping runs: checking them, running them again, freeing what they take. Part of the table in requests.ts. */
import { z } from "zod";
import type { PrunedFile } from "../run/pruned.ts";
import { declare, ref, refs } from "./declare.ts";
import type { Reproduction, Validation } from "./keep.ts";

export const reproLevel = z.enum(["none", "basic", "strict"]);

/** For a reproduction: the relative difference that counts as equal (null: by noise), and whether its environment is built anew. */
export const reproduceWish = z
  .object({ tolerance: z.number().min(0).nullable().default(null), rebuild_env: z.boolean().default(false) })
  .nullable()
  .optional();

export const keepRequests = {
  /** The index from the run folders, and the queue where it was lost. `joined`: one was being made already. */
  reindex: declare<{
    runs: number;
    damaged: { run_id: string; reason: string }[];
    joined: boolean;
    took_ms: number;
    queue_restored: number;
  }>()("admin", () => z.object({})),
  /** What a pattern of printed lines would find in a run's output; nothing is kept. Reads the first 256 MB of it. */
  "metrics.try": declare<{
    run_id: string;
    lines: number;
    matched: number;
    /** The first lines that fit, each with what was found in it. */
    samples: { line: string; points: { name: string; value: number | string; step: number | null }[] }[];
    metrics: { name: string; count: number; first: number | string; last: number | string }[];
    /** The output is longer than what was read. */
    cut: boolean;
  }>()("viewer", () => z.object({ run: ref, pattern: z.string().min(1).max(300) })),
  /** What became of a reproduction; of another run: of its newest reproduction. `names` compares only these metrics. */
  "run.reproduced": declare<Reproduction>()("viewer", () =>
    z.object({
      run: ref,
      tolerance: z.number().min(0).nullable().optional(),
      names: z.array(z.string().max(1000)).max(1000).default([]),
    }),
  ),
  /**
   * Frees artifacts of ended runs: of the named ones, or of all of the asker's own, where every filter that is given fits. With
   * `dry_run` only says what would go. Records, logs, metrics, env/ and code always stay.
   */
  "run.prune": declare<{
    dry_run: boolean;
    runs: { run_id: string; name: string; user: string; files: number; size_bytes: number; largest: PrunedFile[] }[];
    files: number;
    size_bytes: number;
  }>()("user", () =>
    z.object({
      runs: refs.optional(),
      older_than_seconds: z.number().min(0).optional(),
      larger_than_bytes: z.number().min(0).optional(),
      patterns: z.array(z.string().min(1).max(1000)).max(100).default([]),
      superseded: z.boolean().default(false),
      all_users: z.boolean().default(false),
      dry_run: z.boolean().default(true),
    }),
  ),
  /**
   * Removes code that no run needs any more, neither by its record nor by its tree, and that arrived so long ago; for
   * administrators. With `dry_run` only says what would go.
   */
  "code.prune": declare<{ dry_run: boolean; trees: number; files: number; size_bytes: number }>()("user", () =>
    z.object({ older_than_seconds: z.number().min(0).default(86_400), dry_run: z.boolean().default(true) }),
  ),
  /** An ended run against its own record; `level` is the run's own where it is not given. Reads every file of it. */
  "run.validate": declare<Validation>()("viewer", () =>
    z.object({ run: ref, level: reproLevel.nullable().default(null) }),
  ),
};
