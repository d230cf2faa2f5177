/** Requests about what people think of their runs: narratives of runs and groups. Part of the table in requests.ts. */
import { z } from "zod";
import type { ExpectationReply } from "../think/expectation-check.ts";
import type { FieldChange, Told } from "../think/narrative-change.ts";
import { verdicts } from "../think/narrative-field.ts";
import { declare, freeText, ref } from "./declare.ts";
import { limits } from "./frames.ts";

/** A run by any of its names, or `group:NAME`. */
const target = z.string().min(1).max(300);
const lines = z.array(z.string().max(limits.textBytes)).max(200).optional();
const labels = z.array(z.string().max(128)).max(100).optional();
const lists = z.object({ tags: labels, learnings: lines, next_steps: lines }).optional();

const change = z.object({
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
  add: lists,
  remove: lists,
});

export interface Narrated {
  kind: "run" | "group";
  /** The run's id, or the group's name. */
  id: string;
  name: string;
  user: string;
  changes: FieldChange[];
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
  }>()("viewer", z.object({ target })),
  /** Keys left out stay as they are. Own runs only, or all for an administrator; with `dry_run` nothing is changed. */
  "narrative.change": declare<{ changed: Narrated[] }>()(
    "user",
    z.object({ targets: z.array(target).min(1).max(limits.pageRows), change, dry_run: z.boolean().default(false) }),
  ),
};
