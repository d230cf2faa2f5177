/** Requests about the waiting line: why a run waits, who used how much, what is reserved, who did what to whom. */
import { z } from "zod";
import type { AuditLine } from "../run/audit-log.ts";
import type { Blocker } from "../run/blocker.ts";
import type { ReservationRecord } from "../run/reservations.ts";
import { declare, ref } from "./declare.ts";
import { limits } from "./frames.ts";
import type { RunSummary } from "./summary.ts";

/** Seconds that runs waited before they started, at these shares of all of them. */
export interface Waits {
  p50: number;
  p90: number;
  p99: number;
  most: number;
}

export interface UsageRow {
  /** The user, the priority, or the Monday of the week. */
  key: string;
  /** Runs that ended in the span. */
  runs: number;
  /** What is waiting now; null where rows are weeks. */
  waiting: number | null;
  gpu_hours: number;
  cpu_hours: number;
  /** Of all that was used, by the weights of the policy. */
  share: number | null;
  wait_seconds: Waits | null;
  /** What was measured; null where nothing was. */
  energy_kwh: number | null;
  /** How many of the runs `energy_kwh` is known of. */
  energy_runs: number;
}

export interface Usage {
  since: string;
  until: string;
  by: "user" | "priority" | "week";
  rows: UsageRow[];
  total: Omit<UsageRow, "key">;
  /** Share of the machines' time that was used; null where no worker is alive. */
  utilisation: { gpus: number | null; cpu_cores: number | null };
  /** What counts in the order of the line now, by user, weighted hours. */
  counted: { user: string; hours: number }[];
  half_life_hours: number;
  /** How often starts of waiting runs came within the interval that was told when they were queued. */
  start_accuracy: { held: number; of: number };
}

/** What a submission says that it waits for. */
export const waitTerms = {
  /** Runs that must have ended, or completed, before it starts: any names, or names of runs before it in this request. */
  after: z.array(ref).max(100).default([]),
  after_ok: z.array(ref).max(100).default([]),
  not_before: z.iso.datetime({ offset: true }).nullable().optional(),
  /** `cheap`, `night`, `idle`, `after HH:MM`, or hours such as `22:00-06:00`. */
  when: z.string().max(200).nullable().optional(),
  /** At most so many runs of its group at a time. */
  group_limit: z.number().int().min(1).max(10_000).nullable().optional(),
};

export const lineRequests = {
  "run.hold": declare<{ runs: { run_id: string; held: boolean }[] }>()("user", () =>
    z.object({
      runs: z.array(ref).max(limits.pageRows).default([]),
      group: z.string().max(256).nullable().optional(),
      held: z.boolean(),
      reason: z.string().max(1024).nullable().optional(),
    }),
  ),
  /** Every reason for which a run waits, the one that can be helped first; empty for a run that does not wait. */
  "run.why": declare<{
    run: RunSummary;
    blockers: Blocker[];
    /** Of every run that a blocker names. */
    named: { run_id: string; name: string; user: string; status: RunSummary["status"] }[];
  }>()("viewer", () => z.object({ run: ref })),
  /** How much was used and how long was waited, since so many days. */
  usage: declare<Usage>()("viewer", () =>
    z.object({
      by: z.enum(["user", "priority", "week"]).default("user"),
      days: z.number().min(0.01).max(3660).default(7),
      user: z.string().max(64).nullable().optional(),
    }),
  ),
  /** The newest deeds first: of everybody for an administrator, else those of the asker and those to the asker's runs. */
  "audit.list": declare<{ deeds: AuditLine[] }>()("viewer", () =>
    z.object({
      limit: z.number().int().min(1).max(1000).default(50),
      run: ref.nullable().optional(),
      user: z.string().max(64).nullable().optional(),
      action: z.string().max(64).nullable().optional(),
    }),
  ),
  "reservation.list": declare<{ reservations: ReservationRecord[] }>()("viewer", () => z.object({})),
  /** Keeps GPUs for users from one moment to another. `busy`: runs that may still be on them when it begins. */
  "reservation.add": declare<{ reservation: ReservationRecord; busy: string[] }>()("admin", () =>
    z.object({
      gpus: z.number().int().min(1).max(1024),
      users: z
        .array(z.string().regex(/^[A-Za-z0-9_.@-]{1,64}$/))
        .min(1)
        .max(64),
      from: z.iso.datetime({ offset: true }),
      until: z.iso.datetime({ offset: true }),
      worker: z.string().max(64).nullable().optional(),
      note: z.string().max(1024).nullable().optional(),
    }),
  ),
  "reservation.remove": declare<{ reservation: ReservationRecord }>()("admin", () =>
    z.object({ reservation_id: z.string().min(1).max(64) }),
  ),
};
