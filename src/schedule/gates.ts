/**
 * What keeps a run from starting whatever is free: held, a parent, the clock, the limits of its user and its group. A run
 * behind a gate is passed over: it neither starts nor keeps anything free for itself. Pure.
 */
import { isoTime } from "../core/clock.ts";
import type { Blocker } from "../run/blocker.ts";
import type { Requested } from "../run/manifest.ts";
import type { LineEntry } from "./order.ts";
import type { PlanState } from "./state.ts";
import { wishOpensAt } from "./wish.ts";

export interface Counted {
  runId: string;
  user: string;
  group: string | null;
  requested: Requested;
}

/** Who holds how much, by user and by group. */
export class Tally {
  readonly #users = new Map<string, { runs: string[]; gpus: number }>();
  readonly #groups = new Map<string, string[]>();

  constructor(runs: Iterable<Counted>) {
    for (const run of runs) this.add(run);
  }

  add({ runId, user, group, requested }: Counted): void {
    const known = this.#users.get(user) ?? { runs: [], gpus: 0 };
    known.runs.push(runId);
    known.gpus += requested.gpus;
    this.#users.set(user, known);
    if (group !== null) this.#groups.set(group, [...(this.#groups.get(group) ?? []), runId]);
  }

  of(user: string): { runs: readonly string[]; gpus: number } {
    return this.#users.get(user) ?? { runs: [], gpus: 0 };
  }

  inGroup(group: string): readonly string[] {
    return this.#groups.get(group) ?? [];
  }
}

/** An entry of the line, as it will count once it runs. */
export function countedAs({ runId, user, requested, facts }: LineEntry): Counted {
  return { runId, user, requested, group: facts.group };
}

function parentGates({ facts: { terms } }: LineEntry, state: PlanState): Blocker[] {
  const { after, after_ok: afterOk } = terms;
  if (after.length + afterOk.length === 0) return [];
  const found: Blocker[] = [];
  for (const runId of afterOk) {
    const parent = state.parentOf(runId);
    if (parent !== "completed") found.push({ kind: "parent", run_id: runId, need: "success", status: parent });
  }
  for (const runId of after) {
    const parent = state.parentOf(runId);
    if (parent === "waiting" || parent === "running")
      found.push({ kind: "parent", run_id: runId, need: "end", status: parent });
  }
  return found;
}

function clockGates({ facts: { terms }, queuedAt }: LineEntry, { nowMs, hours }: PlanState): Blocker[] {
  const found: Blocker[] = [];
  const { not_before: notBefore, when } = terms;
  if (notBefore !== null && Date.parse(notBefore) > nowMs) found.push({ kind: "not_before", until: notBefore });
  if (when === null || when === "idle") return found;
  const opensMs = wishOpensAt(when, { nowMs, queuedAtMs: Date.parse(queuedAt) || 0 }, hours);
  if (opensMs !== null && opensMs > nowMs) found.push({ kind: "when", wish: when, until: isoTime(opensMs) });
  return found;
}

function limitGates(entry: LineEntry, state: PlanState, tally: Tally): Blocker[] {
  const { user, requested } = entry;
  const { group, terms } = entry.facts;
  const { userRuns, userGpus } = state.limits;
  const found: Blocker[] = [];
  const own = tally.of(user);
  if (userRuns !== null && own.runs.length >= userRuns)
    found.push({ kind: "user_runs", user, limit: userRuns, runs: [...own.runs] });
  if (userGpus !== null && requested.gpus > 0 && own.gpus + requested.gpus > userGpus)
    found.push({ kind: "user_gpus", user, limit: userGpus, held: own.gpus, wanted: requested.gpus });
  if (group !== null && terms.group_limit !== null) {
    const runs = tally.inGroup(group);
    if (runs.length >= terms.group_limit)
      found.push({ kind: "group_limit", group, limit: terms.group_limit, runs: [...runs] });
  }
  return found;
}

function dataGates({ runId, facts: { data = [] } }: LineEntry, { isWarm, silentData }: PlanState): Blocker[] {
  const found: Blocker[] = [];
  const silent = silentData?.(runId) ?? [];
  if (silent.length > 0) found.push({ kind: "silent_data", datasets: [...silent] });
  const cold = isWarm === undefined ? [] : data.filter(({ checksum }) => !isWarm(checksum));
  if (cold.length > 0) found.push({ kind: "data", datasets: cold.map(({ name }) => name) });
  return found;
}

/** Every gate that is shut for this run; empty where it may start as soon as it fits. */
export function gatesOf(entry: LineEntry, state: PlanState, tally: Tally): Blocker[] {
  const held: Blocker[] = entry.held ? [{ kind: "held" }] : [];
  return [
    ...held,
    ...parentGates(entry, state),
    ...clockGates(entry, state),
    ...dataGates(entry, state),
    ...limitGates(entry, state, tally),
  ];
}

/** Whether any gate is shut; most runs have none, and cost nothing here. */
export function isGated(entry: LineEntry, state: PlanState, tally: Tally): boolean {
  if (entry.held) return true;
  const { terms, data } = entry.facts;
  const plain =
    data === undefined &&
    (state.silentData?.(entry.runId).length ?? 0) === 0 &&
    terms.after.length + terms.after_ok.length === 0 &&
    terms.not_before === null &&
    terms.when === null;
  const unlimited = state.limits.userRuns === null && state.limits.userGpus === null && terms.group_limit === null;
  return !(plain && unlimited) && gatesOf(entry, state, tally).length > 0;
}
