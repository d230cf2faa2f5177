/**
 * The waiting line as the server shows it: places, starts to be expected, reasons. It plans with the workers' own
 * functions from their heartbeats, and decides nothing: they start what they start.
 *
 * A plan is kept until the line or what runs has changed, or a few seconds have passed, because many rows and many clients ask.
 */
import type { Catalog } from "../catalog/catalog.ts";
import type { WaitingRun } from "../catalog/waiting-runs.ts";
import type { Clock } from "../core/clock.ts";
import type { WorkerState } from "../protocol/requests.ts";
import type { Blocker } from "../run/blocker.ts";
import { parentState } from "../run/parent.ts";
import type { BasePaths } from "../run/paths.ts";
import { ReservationReader } from "../run/reservations.ts";
import { UseReader } from "../run/use-ledger.ts";
import { type Explained, explain } from "../schedule/explain.ts";
import { capacityOf, freeOf } from "../schedule/facts.ts";
import { inOrder, type LineEntry } from "../schedule/order.ts";
import { plan } from "../schedule/plan.ts";
import type { Policy } from "../schedule/policy.ts";
import { RecentUse } from "../schedule/recent-use.ts";
import { reservationOf } from "../schedule/reservations.ts";
import { type Eta, expectedStarts } from "../schedule/starts.ts";
import type { Closed, Machine, PlanState, RunningRun } from "../schedule/state.ts";
import type { WorkerBoard } from "./worker-board.ts";

export interface LineBoardOptions {
  catalog: Catalog;
  workers: Pick<WorkerBoard, "states">;
  base: BasePaths;
  clock: Clock;
  policy: Policy;
}

/** Use decays and waiting counts: a plan is made anew after this even if nothing else has changed. */
const keptMs = 3000;
/** More at a time are on no machines that we know. */
const mostLive = 10_000;

const holdingOf = (state: WorkerState): RunningRun[] =>
  state.holding.map(({ run_id, user, group, requested, cards, seconds, started_at, ends_at }) => ({
    ...{ runId: run_id, user, group, requested, seconds },
    placement: { cards: cards.map(({ id, index, memory_gb }) => ({ id, index, memoryGb: memory_gb })) },
    startedMs: Date.parse(started_at),
    endsMs: ends_at === null ? null : Date.parse(ends_at),
  }));

function machineOf(state: WorkerState): Machine {
  const closed: Closed[] = state.door.map(({ why, until }) => ({
    why,
    untilMs: until === null ? null : Date.parse(until),
  }));
  if (state.draining) closed.push({ why: "it is draining and starts nothing new", untilMs: null });
  return { name: state.worker, total: capacityOf(state), free: freeOf(state), running: holdingOf(state), closed };
}

/** Whether it matters how many run of a user or of a group. */
function isLimited(entries: readonly WaitingRun[], { limits }: Policy): boolean {
  const { userRuns, userGpus } = limits;
  return userRuns !== null || userGpus !== null || entries.some(({ facts }) => facts.terms.group_limit !== null);
}

interface Kept extends Explained {
  key: string;
  madeAtMs: number;
  /** The line, with those that a machine has taken from it while their records still say that they wait. */
  standing: LineEntry[];
  places: Map<string, number>;
  etas: Map<string, Eta>;
}

export interface LineView {
  /** Place from 1 of a waiting run; null for held runs and those that do not wait. */
  placeOf(runId: string): number | null;
  /** The first of the line in their order, of one user where one is named; held ones stand where they would. */
  first(limit: number, user: string | null): LineEntry[];
  /** Works out when these will start, for `etaOf`. */
  foresee(runIds: readonly string[]): void;
  /** When a run will start, as far as that was foreseen; costs nothing. */
  etaOf(runId: string): Eta | null;
  /** Every reason for which a run waits; empty for one that does not. */
  why(runId: string): Blocker[];
}

/** Makes the plan, or sees whether it still holds, with the first question. */
function viewOf(make: () => Kept): LineView {
  let made: Kept | null = null;
  const kept = () => {
    made ??= make();
    return made;
  };
  return {
    placeOf: (runId) => kept().places.get(runId) ?? null,
    first(limit, user) {
      const line = kept().standing;
      return (user === null ? line : line.filter((entry) => entry.user === user)).slice(0, limit);
    },
    foresee(runIds) {
      const { etas, places, state } = kept();
      const missing = runIds.filter((runId) => !etas.has(runId) && places.has(runId));
      if (missing.length === 0) return;
      for (const [runId, eta] of expectedStarts(state, new Set(missing))) etas.set(runId, eta);
    },
    etaOf: (runId) => kept().etas.get(runId) ?? null,
    why(runId) {
      const { state, standing } = kept();
      const entry = state.line.find((one) => one.runId === runId);
      if (entry !== undefined) return explain(entry, kept());
      if (!standing.some((one) => one.runId === runId)) return [];
      const machine = state.machines.find(({ running }) => running.some((run) => run.runId === runId));
      return machine === undefined ? [] : [{ kind: "starting", worker: machine.name }];
    },
  };
}

export class LineBoard {
  readonly #options: LineBoardOptions;
  readonly #use: RecentUse;
  readonly #reservations: ReservationReader;
  #kept: Kept | null = null;

  constructor(options: LineBoardOptions) {
    this.#options = options;
    const { base, clock, policy } = options;
    this.#use = new RecentUse(new UseReader(base), policy.rules, clock.nowMs());
    this.#reservations = new ReservationReader(base.reservations);
  }

  /**
   * The line as it is now, for all questions of one answer: to know that the plan still holds is to look at the workers' folder, which
   * takes longer than most questions. Not to be kept beyond that answer.
   */
  now(): LineView {
    return viewOf(() => this.#plan());
  }

  placeOf(runId: string): number | null {
    return this.now().placeOf(runId);
  }

  etaOf(runId: string): Eta | null {
    return this.now().etaOf(runId);
  }

  /** Place, start and reasons of runs that are not in the line, as if they had just been put there. */
  asIf(entries: readonly LineEntry[]): { place: number | null; eta: Eta | null; why: Blocker[] }[] {
    const made = this.#make([...this.#options.catalog.waitingRuns.all(), ...entries]);
    const etas = expectedStarts(made.state, new Set(entries.map((entry) => entry.runId)));
    return entries.map((entry) => ({
      place: made.places.get(entry.runId) ?? null,
      eta: etas.get(entry.runId) ?? null,
      why: explain(entry, made),
    }));
  }

  /** Weighted seconds by user, as they count in the order. */
  usage(): ReadonlyMap<string, number> {
    return this.#plan().order.usage;
  }

  #plan(): Kept {
    const { catalog, clock } = this.#options;
    const states = this.#options.workers.states();
    const running = states.map(({ worker, alive, running: runs, door, silent_data: silent }) => {
      const shut = [...door.map(({ why }) => why), ...silent.map(({ run_id }) => run_id)];
      return `${worker}:${alive}:${runs.join()}:${shut.join()}`;
    });
    const key = `${catalog.waitingRuns.version}/${running.join(";")}`;
    const nowMs = clock.monotonicMs();
    if (this.#kept?.key === key && nowMs - this.#kept.madeAtMs < keptMs) return this.#kept;
    this.#kept = { ...this.#make(catalog.waitingRuns.all()), key, madeAtMs: nowMs };
    return this.#kept;
  }

  #make(entries: readonly WaitingRun[]): Omit<Kept, "key" | "madeAtMs"> {
    const { workers, clock, policy, base } = this.#options;
    const alive = workers.states().filter((state) => state.alive);
    const machines = alive.map(machineOf);
    const silent = new Map(alive.flatMap((state) => state.silent_data.map((one) => [one.run_id, one.datasets])));
    const nowMs = clock.nowMs();
    const running = machines.flatMap((machine) => machine.running);
    const taken = new Set(running.map(({ runId }) => runId));
    const order = { nowMs, rules: policy.rules, usage: this.#use.now(nowMs, running) };
    const standing = inOrder(entries, order);
    const line = standing.filter(({ runId }) => !taken.has(runId));
    const state = {
      ...{ nowMs, line, machines, limits: policy.limits, hours: policy.hours },
      elsewhere: isLimited(entries, policy) ? this.#elsewhere(taken) : [],
      reservations: this.#reservations.read().map(reservationOf),
      parentOf: (runId: string) => parentState(base, runId),
      silentData: (runId: string) => silent.get(runId) ?? [],
    };
    const planned = plan(state, { startsOnly: false });
    const places = new Map<string, number>();
    for (const entry of standing) if (!entry.held) places.set(entry.runId, places.size + 1);
    return { standing, state, planned, order, places, etas: new Map() };
  }

  /**
   * What counts for the limits beside the machines that are planned for: what workers that are gone had, and what left the line a
   * moment ago, so that no heartbeat has it yet. A run that still runs by its record and that no heartbeat has any more is at its end.
   */
  #elsewhere(taken: ReadonlySet<string>): NonNullable<PlanState["elsewhere"]> {
    const { catalog, workers } = this.#options;
    const states = workers.states();
    const gone = states.filter(({ alive }) => !alive).flatMap(holdingOf);
    const known = new Set([...taken, ...gone.map(({ runId }) => runId)]);
    const seenAt = states.flatMap(({ alive, seen_at: at }) => (alive ? [at] : [])).sort()[0] ?? "";
    const left = catalog.list({ status: ["starting", "running"], limit: mostLive });
    const fresh = left.filter(({ run_id: runId, status, started_at: started }) => {
      return !known.has(runId) && (status === "starting" || (started ?? "") > seenAt);
    });
    return [...gone, ...fresh.map(({ run_id: runId, user, group, requested }) => ({ runId, user, group, requested }))];
  }
}
