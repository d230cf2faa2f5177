/**
 * A discrete-event simulation of one machine: jobs come, the policy orders them, the product's own plan starts them, they
 * end. Time jumps from event to event; nothing is random here. A run that reaches its limit would be killed: limits of
 * generated jobs are longer than their runs, those of logs are made so.
 */
import { isoTime } from "../../src/core/clock.ts";
import { type Capacity, minus, plainCards, plus } from "../../src/schedule/fit.ts";
import type { LineEntry } from "../../src/schedule/order.ts";
import { plan } from "../../src/schedule/plan.ts";
import type { RunningRun } from "../../src/schedule/state.ts";
import type { Policy } from "./policies.ts";
import type { Job, Workload } from "./workload.ts";

export interface Started {
  job: Job;
  startMs: number;
}

const noTerms = { after: [], after_ok: [], not_before: null, when: null, group_limit: null };

/** GPUs as cards up to this many; more units are counted as cores, which are one number. */
const mostCards = 64;

function entryOf(job: Job, sequence: number, asCards: boolean): LineEntry {
  return {
    ...{
      runId: job.id,
      user: job.user,
      priority: job.priority,
      sequence,
      held: false,
      queuedAt: isoTime(job.submitMs),
    },
    requested: {
      ...{ gpus: asCards ? job.units : 0, cpu_cores: asCards ? 0 : job.units },
      ...{ gpu_memory_gb: null, ram_gb: null, disk_gb: null },
      max_runtime_hours: job.limitMs === null ? null : job.limitMs / 3_600_000,
    },
    facts: { group: null, terms: noTerms, seconds: null },
  };
}

/** Only the first that does not fit stops everybody behind it: no backfill. */
function untilBlocked(line: readonly LineEntry[], state: Parameters<typeof plan>[0]) {
  const { starts } = plan({ ...state, line });
  let count = 0;
  while (count < starts.length && starts[count]?.entry === line[count]) count += 1;
  return starts.slice(0, count);
}

/** Every job with its start, by one policy. */
export function replay({ jobs, units }: Workload, policy: Policy): Started[] {
  const asCards = units <= mostCards;
  const byId = new Map(jobs.map((job) => [job.id, job]));
  const total: Capacity = {
    ...{ slots: Infinity, cpuCores: asCards ? 0 : units, ramGb: null, diskGb: null },
    cards: plainCards(asCards ? units : 0),
  };
  let free = total;
  let waiting: LineEntry[] = [];
  let running: (RunningRun & { overMs: number })[] = [];
  const started: Started[] = [];
  let next = 0;
  while (next < jobs.length || running.length > 0 || waiting.length > 0) {
    const arrivalMs = jobs[next]?.submitMs ?? Infinity;
    const endMs = running.reduce((least, run) => Math.min(least, run.overMs), Infinity);
    const nowMs = Math.min(arrivalMs, endMs);
    if (nowMs === Infinity) break;
    for (; (jobs[next]?.submitMs ?? Infinity) <= nowMs; next += 1)
      waiting.push(entryOf(jobs[next] as Job, next, asCards));
    for (const run of running.filter((one) => one.overMs <= nowMs)) {
      free = plus(free, run);
      const { gpus, cpu_cores } = run.requested;
      const times = { started_at: isoTime(run.startedMs), ended_at: isoTime(run.overMs) };
      policy.ended?.({ run_id: run.runId, user: run.user, gpus, cpu_cores, ...times });
    }
    running = running.filter((one) => one.overMs > nowMs);
    if (waiting.length === 0 || (asCards && free.cards.every((card) => card.sharers.length > 0))) continue;
    const state = {
      ...{ nowMs, line: [], limits: { userRuns: null, userGpus: null }, reservations: [] },
      machines: [{ name: "m", total, free, running, closed: [] }],
      hours: { zone: () => 0, night: [], cheap: [] },
      parentOf: () => "missing" as const,
    };
    const line = policy.order(waiting, { nowMs, running });
    const starts = policy.backfill ? plan({ ...state, line }).starts : untilBlocked(line, state);
    const gone = new Set<string>();
    for (const { entry, placement } of starts) {
      const job = byId.get(entry.runId) as Job;
      gone.add(entry.runId);
      started.push({ job, startMs: nowMs });
      const run = { runId: job.id, user: job.user, group: null, requested: entry.requested, placement, seconds: null };
      running.push({
        ...{ ...run, startedMs: nowMs, overMs: nowMs + job.runMs },
        endsMs: job.limitMs === null ? null : nowMs + job.limitMs,
      });
    }
    if (gone.size > 0) {
      waiting = waiting.filter((entry) => !gone.has(entry.runId));
      free = running.reduce<Capacity>(minus, total);
    }
  }
  return started;
}
