/**
 * What a plan is made from: the line in its order, the machines with what runs on them, the rules, and the clock as it is
 * handed in. Types alone: the worker fills them from what it holds, the server from heartbeats, the simulator from its
 * own world, and all three call plan.ts.
 */
import type { Requested } from "../run/manifest.ts";
import type { ParentState } from "../run/parent.ts";
import type { Capacity, Free, Placement } from "./fit.ts";
import type { LineEntry } from "./order.ts";
import type { WishHours } from "./wish.ts";

export interface RunningRun {
  runId: string;
  user: string;
  group: string | null;
  requested: Requested;
  placement: Placement;
  startedMs: number;
  /** What it will take in all, as predicted. */
  seconds: LineEntry["facts"]["seconds"];
  /** When it will have ended by what is known; null where nothing is. */
  endsMs: number | null;
}

/** Why a machine starts nothing now, and until when where that is known. */
export interface Closed {
  why: string;
  untilMs: number | null;
}

export interface Machine {
  name: string;
  total: Capacity;
  free: Free;
  running: readonly RunningRun[];
  closed: readonly Closed[];
}

/** GPUs that are kept for some users for a while. */
export interface Reservation {
  reservationId: string;
  /** Null: on every machine that has the cards. */
  worker: string | null;
  cardIds: readonly string[];
  users: readonly string[];
  fromMs: number;
  toMs: number;
}

export interface Limits {
  /** Runs of one user at a time, on all machines; null: no limit. */
  userRuns: number | null;
  userGpus: number | null;
}

export interface PlanState {
  nowMs: number;
  /** In the order in which they are to start (order.ts). */
  line: readonly LineEntry[];
  machines: readonly Machine[];
  /** Runs on machines that are not planned for, which count for the limits all the same. */
  elsewhere?: readonly Pick<RunningRun, "runId" | "user" | "group" | "requested">[];
  limits: Limits;
  hours: WishHours;
  reservations: readonly Reservation[];
  parentOf(runId: string): ParentState;
  /** Whether a dataset is on the local disk of a machine, so that a run that waits for it may start. Left out: nobody knows, and none waits. */
  isWarm?(checksum: string): boolean;
  /** Datasets of a run whose mount hung when its turn came and still does. Left out: nobody knows. */
  silentData?(runId: string): readonly string[];
}
