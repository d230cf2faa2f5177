/** Sweeps as the server sees them: found by name, and how each stands, from its record and the run folders alone. */

import { isoTime } from "../core/clock.ts";
import { MlError } from "../core/error.ts";
import { quoteCommand } from "../core/shell-quote.ts";
import type { SweepCounts, SweepSummary } from "../protocol/sweep-requests.ts";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal } from "../run/status.ts";
import type { Sweep, SweepPlan } from "../sweep/definition.ts";
import { type Expansion, expand, type Point, pointKey, requireSize } from "../sweep/expand.ts";
import { listSweeps, readSweep, type SweepDeed, writeSweep } from "../sweep/record.ts";
import { bestOf, type PointState, type SweepRun, standing } from "../sweep/standing.ts";
import type { Context, Services } from "./context.ts";
import { recordOfRun } from "./owned.ts";

/** What was allowed when it was made is allowed for ever. */
const mostPoints = 1_000_000;
const mostRuns = 100_000;

/** Throws `not_found`, or `usage` where several sweeps begin like that. */
export function requireSweep(context: Context, reference: string): Sweep {
  const exact = readSweep(context.base, reference);
  if (exact !== null) return exact;
  const all = listSweeps(context.base);
  const named = all.find((sweep) => sweep.name === reference);
  const begin = all.filter(
    (sweep) => sweep.sweep_id.startsWith(reference) || sweep.sweep_id.startsWith(`sw-${reference}`),
  );
  const last = reference === "@last" ? all[0] : undefined;
  const found = named ?? last ?? (begin.length === 1 ? begin[0] : undefined);
  if (found !== undefined) return found;
  if (begin.length > 1) {
    const names = begin.slice(0, 5).map((sweep) => `${sweep.sweep_id} (${sweep.name})`);
    throw new MlError("usage", `\`${reference}\` may mean several sweeps: ${names.join(", ")}`, {
      hint: "give more of the id",
    });
  }
  throw new MlError("not_found", `there is no sweep \`${reference}\``, { hint: "`ml sweep list` lists them" });
}

/** The sweep, if the asker may change it. Throws `not_allowed`, noted in the audit. */
export function ownedSweep(context: Context, reference: string, action: string): Sweep {
  const sweep = requireSweep(context, reference);
  const { asker } = context;
  if (sweep.user === asker.user || asker.role === "admin") return sweep;
  context.audit.note(asker, { action: `sweep ${action}`, result: "refused", detail: sweep.sweep_id });
  throw new MlError(
    "not_allowed",
    `${action} of sweep \`${sweep.name}\` was refused: it belongs to \`${sweep.user}\``,
    {
      hint: "only its owner or an administrator may do that",
    },
  );
}

/** The last few expansions by their plan: what is shown, then queued, then looked at again and again is worked out once. */
const expansions = new Map<string, Expansion>();
const keptExpansions = 16;
const keptPoints = 20_000;

/** Errors of `expand`. */
export function expansionOf(plan: SweepPlan, limit: number): Expansion {
  const key = JSON.stringify(plan);
  const known = expansions.get(key);
  if (known !== undefined) {
    requireSize(known.size, limit);
    return known;
  }
  const made = expand(plan, limit);
  if (made.points.length > keptPoints) return made;
  const [oldest] = expansions.keys();
  if (expansions.size >= keptExpansions && oldest !== undefined) expansions.delete(oldest);
  expansions.set(key, made);
  return made;
}

/** Points of all plans, each once, in the order in which they were asked for. */
export function pointsOf(sweep: Sweep): { points: Point[]; names: string[] } {
  const seen = new Set<string>();
  const points: Point[] = [];
  const names = new Set<string>();
  for (const plan of sweep.plans) {
    const expansion = expansionOf(plan, mostPoints);
    for (const name of expansion.names) names.add(name);
    for (const point of expansion.points) {
      const key = pointKey(point);
      if (seen.has(key)) continue;
      seen.add(key);
      points.push(point);
    }
  }
  return { points, names: [...names] };
}

/** Its runs, newest first. */
export function runsOf({ catalog }: Pick<Services, "catalog">, sweep: Sweep): RunRecord[] {
  const records = catalog.list({ group: sweep.name, limit: mostRuns });
  return records.filter((record) => record.sweep?.id === sweep.sweep_id);
}

/** The newest run of each point. */
export function latestRuns(services: Pick<Services, "catalog">, sweep: Sweep): RunRecord[] {
  const latest = new Map<string, RunRecord>();
  for (const record of runsOf(services, sweep)) {
    const key = pointKey(record.sweep?.point ?? {});
    if (!latest.has(key)) latest.set(key, record);
  }
  return [...latest.values()];
}

function secondsOf(record: RunRecord, nowMs: number): number | null {
  if (record.started_at === null) return null;
  const endMs = record.ended_at === null ? nowMs : Date.parse(record.ended_at);
  return Math.max(0, endMs - Date.parse(record.started_at)) / 1000;
}

export function sweepRun(record: RunRecord, nowMs: number): SweepRun {
  return {
    run_id: record.run_id,
    name: record.name,
    status: record.status,
    held: record.held,
    point: record.sweep?.point ?? {},
    failure: record.failure?.kind ?? null,
    seconds: secondsOf(record, nowMs),
    metrics: record.metrics,
  };
}

export interface Standing {
  states: PointState[];
  names: string[];
}

export function standingOf(context: Context, sweep: Sweep): Standing {
  const { points, names } = pointsOf(sweep);
  const nowMs = context.clock.nowMs();
  const runs = runsOf(context, sweep).map((record) => sweepRun(record, nowMs));
  return { states: standing(points, runs), names };
}

function countsOf(sweep: Sweep, states: readonly PointState[]): SweepCounts {
  const counts: SweepCounts = {
    points: states.length,
    waiting: 0,
    running: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    halved: 0,
    missing: 0,
    answered: 0,
  };
  const answered = new Set(Object.keys(sweep.answered));
  for (const { run, point } of states) {
    if (run === null) counts[answered.has(pointKey(point)) ? "answered" : "missing"] += 1;
    else if (run.status === "queued") counts.waiting += 1;
    else if (run.status === "starting" || run.status === "running") counts.running += 1;
    else if (isHalved(sweep, run)) counts.halved += 1;
    else counts[run.status] += 1;
  }
  return counts;
}

/** Stopped by halving, and not by a person before. */
export const isHalved = (sweep: Sweep, run: Pick<SweepRun, "run_id" | "status">) =>
  run.status === "cancelled" && sweep.halved[run.run_id] !== undefined;

/** When the last run ends, by what its completed runs took and how many go at a time; null without any that completed. */
function etaOf(context: Context, sweep: Sweep, states: readonly PointState[]): string | null {
  const took: number[] = [];
  let busy = 0;
  let left = 0;
  for (const { run } of states) {
    if (run === null) continue;
    if (run.status === "completed" && run.seconds !== null) took.push(run.seconds);
    if (isFinal(run.status) || run.held) continue;
    left += 1;
    if (run.status !== "queued") busy += 1;
  }
  // While nothing of it runs, others are ahead, and nobody can tell from here for how long.
  if (took.length === 0 || left === 0 || busy === 0 || sweep.state !== "active") return null;
  took.sort((a, b) => a - b);
  const middle = took[Math.floor(took.length / 2)] ?? 0;
  const seconds = Math.ceil(left / busy) * middle;
  return isoTime(context.clock.nowMs() + seconds * 1000);
}

export function sweepSummary(context: Context, sweep: Sweep, known?: Standing): SweepSummary {
  const { states, names } = known ?? standingOf(context, sweep);
  const best = sweep.goal === null ? null : bestOf(states, sweep.goal);
  return {
    sweep_id: sweep.sweep_id,
    name: sweep.name,
    user: sweep.user,
    state: sweep.state,
    reason: sweep.reason,
    created_at: sweep.created_at,
    command: quoteCommand(sweep.argv),
    parameters: names,
    counts: countsOf(sweep, states),
    best:
      best === null || sweep.goal === null
        ? null
        : { run_id: best.run.run_id, metric: sweep.goal.metric, value: best.value, point: best.state.point },
    eta: etaOf(context, sweep, states),
  };
}

/** Writes the sweep, noting who did what. */
export function keepSweep(context: Context, sweep: Sweep, deed: Pick<SweepDeed, "action" | "reason">): void {
  writeSweep(context.base, sweep, { at: isoTime(context.clock.nowMs()), by: context.asker.user, ...deed });
}

/** Rows of those of its newest runs that satisfy `test`, read anew from their folders. */
export function currentRuns(context: Context, sweep: Sweep, test: (record: RunRecord) => boolean): RunRecord[] {
  return runsOf(context, sweep)
    .filter(test)
    .map((record) => recordOfRun(context, record.run_id))
    .filter(test);
}
