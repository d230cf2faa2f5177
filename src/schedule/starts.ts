/**
 * When waiting runs will start: the plan played forward, from event to event, three times: with runs as short, as likely
 * and as long as they are known to be. Pure; the order of the line stays as it is now. A run behind one of unknown length
 * has an unknown start. Each playing stops when all that were asked for have started, or after `mostSteps`.
 */
import type { ParentState } from "../run/parent.ts";
import { plus } from "./fit.ts";
import { type LineEntry, longestMs } from "./order.ts";
import { plan } from "./plan.ts";
import type { Machine, PlanState, RunningRun } from "./state.ts";
import { wishOpensAt } from "./wish.ts";

export interface Eta {
  /** The earliest start that is likely; null where unknown, like the others. */
  fromMs: number | null;
  likelyMs: number | null;
  /** The latest. */
  untilMs: number | null;
}

type Scenario = "low" | "likely" | "high";

const mostSteps = 2000;
/** So many of the line are considered at a time; those behind them start later. */
const depth = 100;

/** How long a run takes in a scenario; infinite where nothing is known. A time limit alone says how long at most. */
function lastsMs({ requested, seconds }: Pick<RunningRun, "requested" | "seconds">, scenario: Scenario): number {
  const limit = longestMs({ requested, seconds: null }) ?? Infinity;
  if (seconds === null) return scenario === "low" && limit < Infinity ? 0 : limit;
  return Math.min(limit, seconds[scenario] * 1000);
}

interface Playing {
  machine: Machine;
  running: { run: RunningRun; overMs: number }[];
}

/** When a run that runs now is over; one that has lasted longer than predicted says nothing but its limit. */
function overMs(run: RunningRun, scenario: Scenario, nowMs: number): number {
  const over = run.startedMs + lastsMs(run, scenario);
  if (over > nowMs) return over;
  return scenario === "low" ? nowMs : (run.endsMs ?? Infinity);
}

/** The next moment at which a gate of the clock or a door opens. */
function nextOpening(pending: readonly LineEntry[], state: PlanState, nowMs: number): number {
  let next = Infinity;
  const consider = (ms: number | null) => {
    if (ms !== null && ms > nowMs) next = Math.min(next, ms);
  };
  for (const { closed } of state.machines) for (const { untilMs } of closed) consider(untilMs);
  for (const { fromMs, toMs } of state.reservations) for (const ms of [fromMs, toMs]) consider(ms);
  for (const { facts, queuedAt } of pending) {
    const { not_before: notBefore, when } = facts.terms;
    if (notBefore !== null) consider(Date.parse(notBefore));
    if (when !== null) consider(wishOpensAt(when, { nowMs, queuedAtMs: Date.parse(queuedAt) || 0 }, state.hours));
  }
  return next;
}

/** Starts by run id in one scenario. */
function playForward(state: PlanState, wanted: ReadonlySet<string>, scenario: Scenario): Map<string, number> {
  const starts = new Map<string, number>();
  const ended = new Set<string>();
  let pending = state.line.filter((entry) => !entry.held);
  let left = wanted.size;
  let nowMs = state.nowMs;
  let seats: Playing[] = state.machines.map((machine) => ({
    machine,
    running: machine.running.map((run) => ({ run, overMs: overMs(run, scenario, nowMs) })),
  }));
  const parentOf = (runId: string): ParentState =>
    ended.has(runId) ? "completed" : starts.has(runId) ? "running" : state.parentOf(runId);
  for (let step = 0; step < mostSteps && left > 0 && pending.length > 0; step += 1) {
    const machines = seats.map(({ machine, running }) => ({
      ...machine,
      running: running.map(({ run }) => run),
      closed: machine.closed.filter(({ untilMs }) => untilMs === null || untilMs > nowMs),
    }));
    const planned = plan({ ...state, nowMs, machines, parentOf, line: pending.slice(0, depth) });
    for (const { entry } of planned.starts) {
      starts.set(entry.runId, nowMs);
      if (wanted.has(entry.runId)) left -= 1;
    }
    if (planned.starts.length > 0) pending = pending.filter((entry) => !starts.has(entry.runId));
    seats = planned.seats.map(({ machine, free, started }, at) => ({
      machine: { ...machine, free },
      running: [
        ...(seats[at]?.running ?? []),
        ...started.map((run) => ({ run, overMs: nowMs + lastsMs(run, scenario) })),
      ],
    }));
    let next = nextOpening(pending.slice(0, depth), state, nowMs);
    for (const { running } of seats) for (const one of running) next = Math.min(next, Math.max(one.overMs, nowMs));
    if (next === Infinity) break;
    nowMs = next;
    seats = seats.map((seat) => endThose(seat, nowMs, ended));
  }
  return starts;
}

function endThose({ machine, running }: Playing, nowMs: number, ended: Set<string>): Playing {
  let { free } = machine;
  const left = running.filter(({ run, overMs }) => {
    if (overMs > nowMs) return true;
    free = plus(free, run);
    ended.add(run.runId);
    return false;
  });
  return { machine: { ...machine, free }, running: left };
}

/** When each of `wanted` starts; those of which nothing is known have nulls. */
export function expectedStarts(state: PlanState, wanted: ReadonlySet<string>): Map<string, Eta> {
  const [likely, low, high] = (["likely", "low", "high"] as const).map((each) => playForward(state, wanted, each));
  const etas = new Map<string, Eta>();
  for (const { runId } of state.line) {
    if (!wanted.has(runId)) continue;
    const at = (starts: Map<string, number> | undefined) => starts?.get(runId) ?? null;
    const known = [at(low), at(likely), at(high)].filter((ms): ms is number => ms !== null);
    // Shorter runs ahead can make a longer wait where they let others pass: the interval holds all three.
    const fromMs = at(low) === null ? null : Math.min(...known);
    const untilMs = at(high) === null ? null : Math.max(...known);
    etas.set(runId, { fromMs, likelyMs: at(likely), untilMs });
  }
  return etas;
}
