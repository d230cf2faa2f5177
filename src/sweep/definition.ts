/**
 * What a sweep is: the parameters as they were typed, what goes with them, and the runs that they are to become. Kept as a
 * plain file, `sweeps/<id>.json`; which points have been run is never written there, the run folders say it.
 */
import { z } from "zod";

const text = z.string().max(4096);
const texts = z.array(text).max(100).default([]);

export const goalSchema = z.object({ metric: z.string().min(1).max(256), direction: z.enum(["max", "min"]) });

/** The parameters. Everything is text as typed, so that a definition reads as its command line did. */
export const sweepPlanSchema = z.object({
  /** `lr=1e-3,3e-4`: each value with each of the others (dimension.ts). */
  grid: texts,
  /** The same forms; the first value of each with the first of the others. */
  zip: texts,
  /** `NAME=VALUE`, the same in all runs. */
  constants: texts,
  /** So many points drawn at random instead of all; null for all. */
  random: z.number().int().min(1).max(1_000_000).nullable().default(null),
  seed: z.number().int().min(0).max(0xffffffff).default(0),
  /** Conditions; a point for which one holds is left out. */
  skip: texts,
  /** `NAME: CONDITION`; where it does not hold, the parameter is left out of the point. */
  only: texts,
  /** Each point so many times, told apart by the parameter `repeat_as`. */
  repeat: z.number().int().min(1).max(1000).default(1),
  repeat_as: z
    .string()
    .regex(/^[A-Za-z_][\w.@/-]*$/)
    .default("seed"),
  /** How a parameter is given to the script: `--lr 1`, `--lr=1`, `lr=1`. */
  style: z.enum(["flag", "equals", "bare"]).default("flag"),
  /** Evenly spaced values in few digits (dimension.ts). Set by the server that expands it first: what was expanded otherwise stays so. */
  few_digits: z.boolean().default(false),
});
export type SweepPlan = z.infer<typeof sweepPlanSchema>;

/** Successive halving: runs that are behind at steps min, min·factor, … of the goal's metric are stopped (halving.ts). */
export const halvingSchema = z.object({
  min: z.number().positive().max(1e12),
  factor: z.number().min(1.5).max(1000).default(3),
});

export const sweepSchema = z.looseObject({
  schema_version: z.number().int().default(1),
  sweep_id: z.string(),
  /** Also the experiment group of its runs, under which its narrative is kept. */
  name: z.string(),
  user: z.string(),
  created_at: z.string(),
  /** In the order in which they were asked for: a sweep that was extended has several. */
  plans: z.array(sweepPlanSchema).min(1),
  /** The command before its parameters; `{name}` in it stands for the value of a parameter. */
  argv: z.array(z.string()).min(1),
  /** What each run is submitted with, but for its command, name and submit_id. */
  wishes: z.record(z.string(), z.unknown()),
  max_concurrent: z.number().int().min(1).nullable().default(null),
  /** An expectation; once a run meets it, what still waits is cancelled. */
  stop_if: z.string().nullable().default(null),
  goal: goalSchema.nullable().default(null),
  halving: halvingSchema.nullable().default(null),
  /** Runs that were stopped by halving: the step, the value that it had there, and the reason. Written before they are stopped. */
  halved: z
    .record(
      z.string(),
      z.looseObject({
        at: z.string(),
        step: z.number(),
        /** NaN and the infinities as strings. */
        value: z.union([z.number(), z.string()]),
        reason: z.string(),
      }),
    )
    .default({}),
  /** Points that a run elsewhere had answered and that therefore got none: key of the point → run. */
  answered: z.record(z.string(), z.string()).default({}),
  /** A person's wish: `paused` holds what waits. */
  state: z.enum(["active", "paused", "cancelled", "reached"]).default("active"),
  /** Why it is not active any more, in a sentence. */
  reason: z.string().nullable().default(null),
});
export type Sweep = z.infer<typeof sweepSchema>;
