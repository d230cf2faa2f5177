/**
 * Why a run waits, as data: one kind for each reason there is, with what a sentence about it needs. schedule/ finds
 * them, view/ says them. Plain JSON, snake_case, moments in RFC 3339; `until` is when the reason ends, null where unknown.
 */

import type { ParentState } from "./parent.ts";

/** By which rule somebody else is ahead. */
export type OrderRule = "priority" | "waiting_longer" | "less_use" | "came_first" | "idle_last";

export type Blocker =
  | { kind: "held" }
  | { kind: "parent"; run_id: string; need: "end" | "success"; status: ParentState }
  | { kind: "not_before"; until: string }
  | { kind: "when"; wish: string; until: string | null }
  | { kind: "user_runs"; user: string; limit: number; runs: string[] }
  | { kind: "user_gpus"; user: string; limit: number; held: number; wanted: number }
  | { kind: "group_limit"; group: string; limit: number; runs: string[] }
  /** It was queued to wait until these datasets are on the local disk. */
  | { kind: "data"; datasets: string[] }
  /** Its turn came, and the mount of these datasets hung. */
  | { kind: "silent_data"; datasets: string[] }
  | { kind: "no_worker" }
  | { kind: "never_fits"; why: string }
  | { kind: "door"; worker: string; why: string; until: string | null }
  | {
      kind: "resource";
      worker: string;
      lacks: "slots" | "gpus" | "gpu_memory" | "cpu_cores" | "ram" | "disk";
      wanted: number;
      free: number;
      held_by: { run_id: string; user: string; until: string | null }[];
      /** Sentences of cards that nobody may have now. */
      blocked: string[];
      /** When as much will be free, by what is known of the runs that hold it. */
      until: string | null;
    }
  /** It would fit, but would delay the run at the head of the line, which waits for more. */
  | { kind: "head"; run_id: string; until: string | null }
  /** Others go first: how many, and the one right before it. */
  | { kind: "turn"; ahead: number; next: string; user: string; rule: OrderRule }
  | { kind: "starting"; worker: string };
