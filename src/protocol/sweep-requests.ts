/** Requests about sweeps: many runs of one script that differ in their parameters. Part of the table in requests.ts. */
import { z } from "zod";
import type { Sweep } from "../sweep/definition.ts";
import { goalSchema, halvingSchema, sweepPlanSchema } from "../sweep/definition.ts";
import type { Importance } from "../sweep/importance.ts";
import type { PointState } from "../sweep/standing.ts";
import { declare, freeText, ref } from "./declare.ts";

/** Name or id of a sweep, or the beginning of its id. */
const sweepRef = ref;
const limit = z.number().int().min(1).max(100_000).default(1000);

export interface SweepCounts {
  points: number;
  waiting: number;
  running: number;
  completed: number;
  failed: number;
  /** By people; without those that were halved. */
  cancelled: number;
  /** Stopped because others were better at a rung. */
  halved: number;
  /** Points that have no run (yet): interrupted while it was queued, or answered by another run. */
  missing: number;
  answered: number;
}

export interface SweepSummary {
  sweep_id: string;
  name: string;
  user: string;
  state: Sweep["state"];
  reason: string | null;
  created_at: string;
  command: string;
  parameters: string[];
  counts: SweepCounts;
  /** The best of the completed runs by the sweep's goal; null where there is no goal or no value. */
  best: { run_id: string; metric: string; value: number; point: Record<string, string> } | null;
  /** When the last of its runs is expected to end (RFC 3339); null where that is not known. */
  eta: string | null;
}

export interface SweepPreview {
  name: string;
  parameters: string[];
  points: { point: Record<string, string>; command: string; answered_by: string | null }[];
  /** All of them, also those that `points` leaves out. */
  count: number;
  answered: number;
  /** By runs like these; null where none is known. `runs` is how many that rests on. */
  estimate: { seconds_each: number; hours: number; runs: number } | null;
}

export const sweepRequests = {
  /**
   * Expands the plan and queues a run for each point; `run` has the keys of a submission but `submit_id`, its `argv` is the command
   * before the parameters. The same `create_id` goes on with the same sweep. Throws `too_large` above `limit`, `snapshot_missing` like `submit`.
   */
  "sweep.create": declare<{ sweep: SweepSummary | null; preview: SweepPreview }>()("user", () =>
    z.object({
      create_id: z.string().regex(/^[A-Za-z0-9_-]{8,64}$/),
      name: z.string().max(100).nullable().default(null),
      run: z.record(z.string(), z.unknown()),
      plan: sweepPlanSchema,
      max_concurrent: z.number().int().min(1).max(10_000).nullable().default(null),
      stop_if: z.string().max(1024).nullable().default(null),
      goal: goalSchema.nullable().default(null),
      /** Stop what is behind at these steps of the goal's metric; wants a goal. */
      halving: halvingSchema.nullable().default(null),
      /** Queue no point that a completed run of the same code and command has answered. */
      skip_answered: z.boolean().default(false),
      limit,
      dry_run: z.boolean().default(false),
    }),
  ),
  /** Newest first. */
  "sweep.list": declare<{ sweeps: SweepSummary[] }>()("viewer", () => z.object({ all: z.boolean().default(true) })),
  "sweep.get": declare<{ sweep: SweepSummary; definition: Sweep; points: PointState[]; importance: Importance[] }>()(
    "viewer",
    () => z.object({ sweep: sweepRef, metric: z.string().max(256).nullable().default(null) }),
  ),
  /**
   * `pause` holds what waits, `resume` releases it and queues what is missing, `retry` queues failed points again, `cancel` ends
   * what waits and runs, `extend` adds the points of `plan`.
   */
  "sweep.change": declare<{ sweep: SweepSummary; queued: string[]; changed: number }>()("user", () =>
    z.object({
      sweep: sweepRef,
      action: z.enum(["pause", "resume", "retry", "cancel", "extend"]),
      plan: sweepPlanSchema.nullable().default(null),
      limit,
      reason: freeText,
    }),
  ),
};
