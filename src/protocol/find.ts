/** The requests of `ml find`: their bodies and what comes back. Clients import it as types only. */
import { z } from "zod";
import type { RunSummary } from "./summary.ts";

/** One run of a search. */
export interface FoundRow {
  run: RunSummary;
  /** By column name; null where the run has none. */
  values: Record<string, number | string | null>;
  /** Where the words stand, with start and end of each hit in `text`. */
  snippet: { field: string; text: string; marks: [number, number][] } | null;
}

export interface FindReply {
  /** What was read, in its one spelling. */
  query: string;
  /** English was read: `query` says something that was not typed. */
  interpreted: boolean;
  /** Keys of `values` in every row: what the query is about, then what was asked for. */
  columns: string[];
  runs: FoundRow[];
  /** The run after which the next page begins; null where there is none, or where the answer is not by arrival. */
  next: string | null;
  more: boolean;
  /** How many match in all, where it was asked for. */
  total: number | null;
  /** How many runs search has not looked at yet: they changed a moment ago, or a new index lacks them still. */
  behind: number;
  /** Sentences on how names and words were understood, where it was asked for. */
  explain: string[];
  /** Where no run matches: the parts of the query that fit none even by themselves. */
  unmatched: string[];
}

export const findBody = () =>
  z.object({
    query: z.string().max(4096).default(""),
    before: z.string().min(1).max(256).optional(),
    sort: z.string().min(1).max(256).nullable().optional(),
    columns: z.array(z.string().min(1).max(256)).max(20).default([]),
    literal: z.boolean().default(false),
    count: z.boolean().default(false),
    explain: z.boolean().default(false),
    /** Minutes east of UTC where the asker is, for `yesterday` and its like; default the server's zone. */
    utc_offset_minutes: z.number().int().min(-900).max(900).nullable().optional(),
  });

/** One run like another. */
export interface SimilarRow {
  run: RunSummary;
  /** 1: no parameter differs; 0: none agrees. */
  score: number;
  /** Null where one of them has no code. */
  same_code: boolean | null;
  /** `here` in the run that was asked about; null: it has no such parameter. */
  differs: { name: string; here: string | number | boolean | null; there: string | number | boolean | null }[];
  outcome: string | null;
  learnings: string[];
}

export interface SimilarReply {
  /** Null for a planned run. */
  run_id: string | null;
  /** Nearest first. */
  runs: SimilarRow[];
  behind: number;
}

/** Either of `run` and `planned`. */
export const similarBody = () =>
  z.object({
    run: z.string().min(1).max(256).optional(),
    planned: z
      .object({
        argv: z.array(z.string()).min(1).max(10_000),
        cwd: z.string().max(4096).default("."),
        snapshot: z
          .string()
          .regex(/^[0-9a-f]{64}$/)
          .nullable(),
      })
      .optional(),
    limit: z.number().int().min(1).max(100).default(10),
  });

export interface SavedSearch {
  name: string;
  query: string | null;
}

export const saveBody = () =>
  z.object({
    name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/),
    query: z.string().min(1).max(2048).nullable(),
  });
