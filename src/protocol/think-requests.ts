/** Requests about what people think of their runs: narratives of runs and groups. Part of the table in requests.ts. */
import { z } from "zod";
import type { CodeDifference } from "../think/code-change.ts";
import type { Comparison } from "../think/comparison.ts";
import type { DeadEnd } from "../think/dead-ends.ts";
import type { FacetDifference } from "../think/difference.ts";
import type { ExpectationReply } from "../think/expectation-check.ts";
import type { Explanation } from "../think/explanation.ts";
import type { Insights } from "../think/insights.ts";
import type { GroupWords, Lesson } from "../think/lessons.ts";
import type { LineageNode } from "../think/lineage.ts";
import type { FieldChange, Told } from "../think/narrative-change.ts";
import { verdicts } from "../think/narrative-field.ts";
import type { RunFacts } from "../think/run-facts.ts";
import { declare, freeText, page, ref } from "./declare.ts";
import { limits } from "./frames.ts";
import type { RunSummary } from "./summary.ts";

/** A run by any of its names, or `group:NAME`. */
const target = z.string().min(1).max(300);
const lines = z.array(z.string().max(limits.textBytes)).max(200).optional();
const labels = z.array(z.string().max(128)).max(100).optional();
const lists = () => z.object({ tags: labels, learnings: lines, next_steps: lines }).optional();

const change = () =>
  z.object({
    set: z
      .object({
        note: freeText,
        hypothesis: freeText,
        context: freeText,
        intent: freeText,
        expected_outcome: freeText,
        parent_run: ref.nullable().optional(),
        experiment_group: z.string().max(256).nullable().optional(),
        tags: labels,
        outcome: freeText,
        validation_status: z.enum(verdicts).nullable().optional(),
        learnings: lines,
        next_steps: lines,
      })
      .optional(),
    add: lists(),
    remove: lists(),
  });

export interface Narrated {
  kind: "run" | "group";
  /** The run's id, or the group's name. */
  id: string;
  name: string;
  user: string;
  changes: FieldChange[];
}

/** Which runs a question is about: named ones, or all that fit the rest. */
const scope = {
  runs: z.array(ref).max(limits.pageRows).optional(),
  group: z.string().max(256).optional(),
  tag: z.string().max(128).optional(),
  user: z.string().max(256).optional(),
  /** RFC 3339, by when a run was queued; `until` is not included. */
  since: z.string().max(64).optional(),
  until: z.string().max(64).optional(),
  /** A search in the language of docs/find.md; `query` in the reply is what it was read as. */
  where: z.string().min(1).max(4096).optional(),
  utc_offset_minutes: z.number().int().min(-1440).max(1440).nullable().optional(),
};
/** Whether more runs would have fitted than were looked at, and what `where` was read as. */
interface Scoped {
  more: boolean;
  query: string | null;
}

interface RunEnd {
  run_id: string;
  name: string;
  user: string;
  status: RunSummary["status"];
  queued_at: string;
}

export const thinkRequests = {
  /** What people wrote about a run or a group, every change of it, and what became of the expectation. */
  "narrative.get": declare<{
    kind: "run" | "group";
    id: string;
    name: string;
    user: string;
    narrative: Told;
    history: { at: string; by: string; field: string; value: unknown; was?: unknown }[];
    expectation: ExpectationReply | null;
    /** Of a group: how many runs it has, and how many of them by verdict; null for a run. */
    runs: { total: number; verdicts: Record<string, number> } | null;
  }>()("viewer", () => z.object({ target })),
  /**
   * Keys left out stay as they are. Own runs only, or all for an administrator; with `dry_run` nothing is changed. With
   * `where` those of one's own runs that a search means (1000 at most); `left_alone` counts the runs of others among them.
   */
  "narrative.change": declare<{ changed: Narrated[]; query: string | null; left_alone: number }>()("user", () =>
    z.object({
      targets: z.array(target).max(limits.pageRows).default([]),
      where: scope.where,
      utc_offset_minutes: scope.utc_offset_minutes,
      change: change(),
      dry_run: z.boolean().default(false),
    }),
  ),
  /** Ended runs without a verdict, newest first, with what their expectations propose. `user` null: everybody's; left out: one's own. */
  "runs.unjudged": declare<{ runs: { summary: RunSummary; expectation: ExpectationReply | null }[]; more: boolean }>()(
    "viewer",
    () =>
      z.object({
        ...page,
        user: z.string().nullable().optional(),
        group: z.string().optional(),
        tag: z.string().optional(),
      }),
  ),
  /** How two runs differ: facets that do, causes first, most likely first; and the lines of code that changed. */
  "run.diff": declare<{ a: RunEnd; b: RunEnd; facets: FacetDifference[]; code: CodeDifference; warnings: string[] }>()(
    "viewer",
    () => z.object({ a: ref, b: ref }),
  ),
  /** Why two runs ended with different values of a metric (left out: the most telling that both have). */
  "run.explain": declare<{
    a: Omit<RunEnd, "user" | "queued_at">;
    b: Omit<RunEnd, "user" | "queued_at">;
    /** How many runs of the same script were looked at. */
    pool: number;
    explanation: Explanation;
  }>()("viewer", () => z.object({ a: ref, b: ref, metric: z.string().max(256).optional() })),
  /** Several runs side by side, only what varies among them; at most 500. `sort` names a metric or a parameter. */
  "runs.compare": declare<Comparison & Scoped>()("viewer", () =>
    z.object({
      ...scope,
      metrics: z.array(z.string().max(256)).max(100).optional(),
      sort: z.string().max(256).optional(),
      all: z.boolean().default(false),
    }),
  ),
  /** All that comparison and memory know of runs, newest first, and what was written about their groups. */
  "runs.facts": declare<Scoped & { runs: RunFacts[]; groups: GroupWords[] }>()("viewer", () =>
    z.object({ ...scope, limit: z.number().int().min(1).max(500).default(200) }),
  ),
  /** What was learned, or meant to be done next, each said once with all who said it, newest first. */
  "memory.lessons": declare<Scoped & { lessons: Lesson[]; looked_at: number }>()("viewer", () =>
    z.object({ ...scope, kind: z.enum(["learnings", "next_steps"]).default("learnings") }),
  ),
  /** Hypotheses that were refuted, and set-ups that failed the same way each time, newest first. */
  "memory.dead_ends": declare<Scoped & { dead_ends: DeadEnd[]; looked_at: number }>()("viewer", () => z.object(scope)),
  /** What follows from what: the whole tree that `run` is part of, or those of the runs that fit the rest. */
  "memory.lineage": declare<Scoped & { nodes: LineageNode[] }>()("viewer", () =>
    z.object({ ...scope, run: ref.optional() }),
  ),
  /** Which parameters moved a metric (left out: the most telling), when runs failed, what was asked for and not used. */
  "memory.insights": declare<Insights & Scoped>()("viewer", () =>
    z.object({ ...scope, metric: z.string().max(256).optional() }),
  ),
};
