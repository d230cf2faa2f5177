/** A small world for tests of the policy: entries, machines and rules, as plain values. */
import { defaultSettings } from "../../../src/config/settings.ts";
import type { Requested } from "../../../src/run/manifest.ts";
import { type Capacity, minus, type Placement, plainCards } from "../../../src/schedule/fit.ts";
import type { LineEntry, OrderState } from "../../../src/schedule/order.ts";
import { policyOf } from "../../../src/schedule/policy.ts";
import type { Machine, PlanState, RunningRun } from "../../../src/schedule/state.ts";

export const hourMs = 3_600_000;
/** A Monday, 12:00 UTC; the zone of these tests is UTC. */
export const noon = Date.UTC(2026, 10, 23, 12);
export const policy = policyOf(defaultSettings(), () => 0);

export interface EntryOptions {
  user?: string;
  priority?: number;
  /** Hours before noon. */
  age?: number;
  held?: boolean;
  asks?: Partial<Requested>;
  group?: string | null;
  terms?: Partial<LineEntry["facts"]["terms"]>;
  seconds?: LineEntry["facts"]["seconds"];
}

const nothing = { gpus: 0, gpu_memory_gb: null, cpu_cores: 1, ram_gb: null, disk_gb: null, max_runtime_hours: null };
const noTerms = { after: [], after_ok: [], not_before: null, when: null, group_limit: null };

let sequence = 0;

/** Entries come in the order in which they are made. */
export function entry(runId: string, options: EntryOptions = {}): LineEntry {
  const {
    user = "ana",
    priority = 5,
    age = 0,
    held = false,
    asks = {},
    group = null,
    terms = {},
    seconds = null,
  } = options;
  sequence += 1;
  return {
    ...{ runId, user, priority, sequence, held, queuedAt: new Date(noon - age * hourMs).toISOString() },
    requested: { ...nothing, ...asks },
    facts: { group, terms: { ...noTerms, ...terms }, seconds },
  };
}

export function order(usage: Record<string, number> = {}, nowMs = noon): OrderState {
  return { nowMs, rules: policy.rules, usage: new Map(Object.entries(usage)) };
}

export function capacity(given: Partial<Omit<Capacity, "cards">> & { gpus?: number } = {}): Capacity {
  const { gpus = 0, ...more } = given;
  return { slots: 64, cpuCores: 64, ramGb: null, diskGb: null, ...more, cards: plainCards(gpus) };
}

/** A run on a machine, on these cards, that ends so many hours after noon by its limit; null: nobody knows. */
export function running(
  runId: string,
  options: EntryOptions & { cards?: number[]; endsIn?: number | null } = {},
): RunningRun {
  const { user = "eve", asks = {}, group = null, cards = [], endsIn = null, seconds = null } = options;
  const placement: Placement = { cards: cards.map((index) => ({ id: String(index), index, memoryGb: null })) };
  return {
    ...{ runId, user, group, placement, seconds, startedMs: noon - hourMs },
    requested: { ...nothing, gpus: cards.length, ...asks },
    endsMs: endsIn === null ? null : noon + endsIn * hourMs,
  };
}

export function machine(total: Capacity, runs: readonly RunningRun[] = [], name = "m1"): Machine {
  return { name, total, free: runs.reduce(minus, total), running: runs, closed: [] };
}

export function world(
  line: readonly LineEntry[],
  machines: readonly Machine[],
  more: Partial<PlanState> = {},
): PlanState {
  return {
    ...{ nowMs: noon, line, machines, limits: policy.limits, hours: policy.hours, reservations: [] },
    parentOf: () => "missing",
    ...more,
  };
}

export const ids = (entries: readonly { runId: string }[]) => entries.map((each) => each.runId);
