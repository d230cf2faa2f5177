/** How much was used, by whom, and how long was waited for it: summed up from the rows of ended runs, and of those that run as far as they have come. */
import { isoTime } from "../../core/clock.ts";
import type { Usage, UsageRow, Waits } from "../../protocol/line-requests.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { RunRecord } from "../../run/run-record.ts";
import { rateOf } from "../../schedule/share.ts";
import type { Context } from "../context.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
/** A start that was told to the minute is right within a minute; one that is sooner than that is no forecast. */
const toleranceMs = 60_000;

/** More do not run at a time on machines that few people share. */
const mostRunning = 1000;

/** Monday, UTC, of the week of a moment. */
function weekOf(ms: number): string {
  const day = Math.floor(ms / dayMs);
  return isoTime((day - ((((day + 3) % 7) + 7) % 7)) * dayMs).slice(0, 10);
}

/** A value of a sorted list at a share of it, by the nearest rank. */
function at(sorted: readonly number[], share: number): number {
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}

function waitsOf(seconds: number[]): Waits | null {
  if (seconds.length === 0) return null;
  const sorted = seconds.sort((a, b) => a - b);
  return { p50: at(sorted, 0.5), p90: at(sorted, 0.9), p99: at(sorted, 0.99), most: sorted.at(-1) ?? 0 };
}

interface Span {
  sinceMs: number;
  nowMs: number;
}

class Sum {
  runs = 0;
  gpuHours = 0;
  cpuHours = 0;
  weighted = 0;
  readonly waits: number[] = [];
  energy = 0;
  energyRuns = 0;

  add(record: RunRecord, weights: Context["policy"]["rules"], { sinceMs, nowMs }: Span): void {
    this.runs += 1;
    const { started_at: started, ended_at: ended, queued_at: queued, terms, requested } = record;
    if (record.energy_kwh !== null) {
      this.energy += record.energy_kwh;
      this.energyRuns += 1;
    }
    if (started === null) return;
    const eligibleMs = Math.max(Date.parse(queued), Date.parse(terms?.not_before ?? "") || 0);
    this.waits.push(Math.max(0, Date.parse(started) - eligibleMs) / 1000);
    const untilMs = ended === null ? nowMs : Date.parse(ended);
    const hours = Math.max(0, untilMs - Math.max(sinceMs, Date.parse(started))) / hourMs;
    this.gpuHours += hours * requested.gpus;
    this.cpuHours += hours * requested.cpu_cores;
    this.weighted += hours * rateOf(requested, weights);
  }

  row(all: Sum, waiting: number | null): Omit<UsageRow, "key"> {
    return {
      ...{ runs: this.runs, waiting, gpu_hours: this.gpuHours, cpu_hours: this.cpuHours },
      share: all.weighted > 0 ? this.weighted / all.weighted : null,
      wait_seconds: waitsOf(this.waits),
      energy_kwh: this.energyRuns === 0 ? null : this.energy,
      energy_runs: this.energyRuns,
    };
  }
}

function keyOf(record: Pick<RunRecord, "user" | "priority">, endedMs: number, by: Usage["by"]): string {
  return by === "user" ? record.user : by === "priority" ? String(record.priority) : weekOf(endedMs);
}

/** Null for a run that was told nothing of its start, or that it starts within a minute. */
function cameTrue({ expected_start: told, started_at: started, queued_at: queued }: RunRecord): boolean | null {
  if (told === null || started === null) return null;
  if (Date.parse(told.likely) - Date.parse(queued) < toleranceMs) return null;
  const startedMs = Date.parse(started);
  return startedMs >= Date.parse(told.low) - toleranceMs && startedMs <= Date.parse(told.high) + toleranceMs;
}

/** Of what the living machines could have given in that time. */
function utilisation(context: Context, total: Sum, spanMs: number): Usage["utilisation"] {
  const alive = context.workers.states().filter((state) => state.alive);
  const share = (used: number, have: number) => (have > 0 && spanMs > 0 ? used / (have * (spanMs / hourMs)) : null);
  return {
    gpus: share(
      total.gpuHours,
      alive.reduce((sum, { capacity }) => sum + capacity.gpus, 0),
    ),
    cpu_cores: share(
      total.cpuHours,
      alive.reduce((sum, { capacity }) => sum + capacity.cpu_cores, 0),
    ),
  };
}

function* heldSince({ catalog }: Context, sinceMs: number): Iterable<RunRecord> {
  yield* catalog.endedSince(isoTime(sinceMs));
  yield* catalog.list({ status: ["running"], limit: mostRunning });
}

export function usage(context: Context, { by, days, user }: ParsedBody<"usage">): Reply<"usage"> {
  const { catalog, clock, policy, line } = context;
  const nowMs = clock.nowMs();
  const sinceMs = nowMs - days * dayMs;
  const total = new Sum();
  const sums = new Map<string, Sum>();
  const accuracy = { held: 0, of: 0 };
  for (const record of heldSince(context, sinceMs)) {
    if (user != null && record.user !== user) continue;
    const key = keyOf(record, Date.parse(record.ended_at ?? "") || nowMs, by);
    const sum = sums.get(key) ?? new Sum();
    sums.set(key, sum);
    for (const each of [sum, total]) each.add(record, policy.rules, { sinceMs, nowMs });
    const right = cameTrue(record);
    if (right === null) continue;
    accuracy.of += 1;
    if (right) accuracy.held += 1;
  }
  const waiting = new Map<string, number>();
  let waits = 0;
  for (const entry of catalog.waitingRuns.all()) {
    if (user != null && entry.user !== user) continue;
    waits += 1;
    if (by === "week") continue;
    const key = keyOf(entry, nowMs, by);
    waiting.set(key, (waiting.get(key) ?? 0) + 1);
    if (!sums.has(key)) sums.set(key, new Sum());
  }
  const rows = [...sums].map(([key, sum]) => ({
    key,
    ...sum.row(total, by === "week" ? null : (waiting.get(key) ?? 0)),
  }));
  const order = (a: UsageRow, b: UsageRow) => (b.share ?? 0) - (a.share ?? 0) || (a.key < b.key ? -1 : 1);
  rows.sort(
    by === "user" ? order : (a, b) => (by === "week" ? (a.key < b.key ? 1 : -1) : Number(b.key) - Number(a.key)),
  );
  return {
    ...{ since: isoTime(sinceMs), until: isoTime(nowMs), by, rows },
    total: total.row(total, waits),
    utilisation: utilisation(context, total, days * dayMs),
    counted: [...line.usage()].map(([name, seconds]) => ({ user: name, hours: seconds / 3600 })),
    half_life_hours: policy.rules.halfLifeMs / hourMs,
    start_accuracy: accuracy,
  };
}
