/**
 * What this worker plans from: its machine with what runs on it, the rules, who used how much lately, what became of the
 * runs that others wait for. Reads files of the base (other workers' heartbeats only where a limit asks for them);
 * decides nothing, that is schedule/'s.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { isoTime } from "../core/clock.ts";
import { openUntil } from "../core/hours.ts";
import { readJsonFile } from "../core/json-lines.ts";
import type { WaitingEntry } from "../queue/port.ts";
import { type ParentState, parentState } from "../run/parent.ts";
import { ReservationReader } from "../run/reservations.ts";
import { UseReader } from "../run/use-ledger.ts";
import type { HoldingFacts } from "../run/worker-facts.ts";
import { inOrder, type Lasting, longestMs } from "../schedule/order.ts";
import type { Policy } from "../schedule/policy.ts";
import { RecentUse } from "../schedule/recent-use.ts";
import { reservationOf } from "../schedule/reservations.ts";
import type { PlanState, RunningRun } from "../schedule/state.ts";
import { freeCapacity, type Planner, type Shop } from "./shop.ts";
import { forgetSilent, silentDataOf } from "./silent-data.ts";

type Holder = Omit<Shop, "planning">;

/** When a run will have ended, by its limit or by what runs like it took; null where neither says. */
function endOfRun(run: Lasting & { startedMs: number }, nowMs: number): number | null {
  const longest = longestMs(run);
  if (longest === null) return null;
  // A limit is enforced; a prediction that has been passed says nothing more.
  const passed = run.startedMs + longest <= nowMs && run.requested.max_runtime_hours === null;
  return passed ? null : run.startedMs + longest;
}

function holdingRuns(shop: Holder): RunningRun[] {
  const nowMs = shop.clock.nowMs();
  return [...shop.live.values()]
    .filter((run) => run.holding)
    .map(({ runId, requested, placement, about }) => {
      const { user = "", startedAtMs: startedMs = nowMs, facts = null } = about ?? {};
      const [group, seconds] = [facts?.group ?? null, facts?.seconds ?? null];
      const endsMs = endOfRun({ requested, seconds, startedMs }, nowMs);
      return { runId, user, group, requested, placement, startedMs, seconds, endsMs };
    });
}

/** What our runs hold, for servers and other workers. */
export function holdingFacts(shop: Holder): HoldingFacts[] {
  return holdingRuns(shop).map(({ runId, user, group, requested, placement, startedMs, seconds, endsMs }) => ({
    run_id: runId,
    ...{ user, group, requested, seconds },
    cards: placement.cards.map(({ id, index, memoryGb }) => ({ id, index, memory_gb: memoryGb })),
    started_at: isoTime(startedMs),
    ends_at: endsMs === null ? null : isoTime(endsMs),
  }));
}

/** Runs on other machines of the base, by their heartbeats. */
function runsElsewhere(shop: Holder): NonNullable<PlanState["elsewhere"]> {
  let names: string[] = [];
  try {
    names = fs.readdirSync(shop.base.workers).filter((name) => name.endsWith(".json") && name !== `${shop.name}.json`);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const beat = readJsonFile(join(shop.base.workers, name)) as { holding?: HoldingFacts[] } | null;
    const held = Array.isArray(beat?.holding) ? beat.holding : [];
    return held.map(({ run_id: runId, user, group, requested }) => ({ runId, user, group, requested }));
  });
}

/** Remembers what is final; asks the folder once a look for what is not. */
class Parents {
  readonly #final = new Map<string, ParentState>();
  readonly #now = new Map<string, ParentState>();

  constructor(private readonly shop: Pick<Shop, "base">) {}

  forgetLive(): void {
    this.#now.clear();
    if (this.#final.size > 10_000) this.#final.clear();
  }

  of(runId: string): ParentState {
    const known = this.#final.get(runId) ?? this.#now.get(runId);
    if (known !== undefined) return known;
    const state = parentState(this.shop.base, runId);
    (state === "waiting" || state === "running" ? this.#now : this.#final).set(runId, state);
    return state;
  }
}

/** Lines are put in order anew at least so often, because use decays and waiting counts. */
const orderEveryMs = 1000;

export class Planning implements Planner {
  readonly #shop: Omit<Shop, "planning">;
  readonly #policy: Policy;
  readonly #use: RecentUse;
  readonly #reservations: ReservationReader;
  readonly #parents: Parents;
  #ordered: { key: string; atMs: number; line: WaitingEntry[] } = { key: "", atMs: 0, line: [] };

  constructor(shop: Omit<Shop, "planning">, policy: Policy) {
    this.#shop = shop;
    this.#policy = policy;
    this.#use = new RecentUse(new UseReader(shop.base), policy.rules, shop.clock.nowMs());
    this.#reservations = new ReservationReader(shop.base.reservations);
    this.#parents = new Parents(shop);
  }

  quietUntilMs(): number | null {
    const { quiet, hours } = this.#policy;
    return quiet.length === 0 ? null : openUntil(quiet, this.#shop.clock.nowMs(), hours.zone);
  }

  parentOf(runId: string): ParentState {
    return this.#parents.of(runId);
  }

  forgetLiveParents(): void {
    this.#parents.forgetLive();
  }

  state(entries: readonly WaitingEntry[], version: number): PlanState & { line: WaitingEntry[] } {
    const { limits, hours } = this.#policy;
    const shop = this.#shop;
    forgetSilent(shop, entries);
    const counted = limits.userRuns !== null || limits.userGpus !== null;
    const limited = counted || entries.some(({ facts }) => facts.terms.group_limit !== null);
    const { capacity: total, name } = shop;
    const running = holdingRuns(shop);
    const machine = { name, total, free: freeCapacity(shop), running, closed: [...shop.door.values()] };
    return {
      nowMs: shop.clock.nowMs(),
      line: this.#order(entries, version, running),
      machines: [machine],
      elsewhere: limited ? runsElsewhere(shop) : [],
      limits,
      hours,
      reservations: this.#reservations.read().map(reservationOf),
      parentOf: (runId) => this.#parents.of(runId),
      isWarm: (what) => (what.startsWith("venv:") ? shop.venvs?.isReady(what) : shop.prewarmer?.isReady(what)) ?? true,
      silentData: (runId) => silentDataOf(shop, runId),
    };
  }

  #order(entries: readonly WaitingEntry[], version: number, running: readonly RunningRun[]): WaitingEntry[] {
    const { clock } = this.#shop;
    const { rules } = this.#policy;
    const key = `${version}/${running.map((run) => run.runId).join()}`;
    const atMs = clock.monotonicMs();
    if (this.#ordered.key !== key || atMs - this.#ordered.atMs > orderEveryMs) {
      const nowMs = clock.nowMs();
      const usage = this.#use.now(nowMs, running);
      this.#ordered = { key, atMs, line: inOrder(entries, { nowMs, rules, usage }) };
    }
    return this.#ordered.line;
  }
}
