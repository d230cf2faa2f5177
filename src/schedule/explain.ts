/** Why a run of the line does not start now: every reason, from the same plan that decides. Pure. */
import { isoTime } from "../core/clock.ts";
import type { Blocker } from "../run/blocker.ts";
import { cannotEver, type Free, type Lack, lacksOf } from "./fit.ts";
import { gatesOf, isGated, Tally } from "./gates.ts";
import { type LineEntry, type OrderState, ruleBetween } from "./order.ts";
import { type Plan, type Seat, whenFits } from "./plan.ts";
import { reservedFor } from "./reservations.ts";
import type { PlanState } from "./state.ts";

/** Longer lists of runs say no more. */
const mostNamed = 10;

const iso = (ms: number | null) => (ms === null ? null : isoTime(ms));

export interface Explained {
  state: PlanState;
  /** Made with `startsOnly: false`, so that every machine's head is known. */
  planned: Plan;
  order: OrderState;
}

/** Who holds what is lacking. */
function holdersOf(lack: Lack, { machine, started }: Seat): Extract<Blocker, { kind: "resource" }>["held_by"] {
  const running = [...machine.running, ...started];
  const named = lack.heldBy.length > 0 ? running.filter((run) => lack.heldBy.includes(run.runId)) : running;
  return named
    .filter(({ requested }) => (lack.lacks === "ram" ? requested.ram_gb !== null : true))
    .slice(0, mostNamed)
    .map(({ runId, user, endsMs }) => ({ run_id: runId, user, until: iso(endsMs) }));
}

function machineBlockers(entry: LineEntry, { state, planned }: Explained): Blocker[] {
  if (planned.seats.length === 0) return [{ kind: "no_worker" }];
  const never = planned.seats.map((seat) => cannotEver(entry.requested, seat.machine.total));
  if (!never.includes(null)) return [{ kind: "never_fits", why: never[0] ?? "" }];
  const reserved = reservedFor(entry, state);
  const found: Blocker[] = [];
  for (const [at, seat] of planned.seats.entries()) {
    if (never[at] !== null) continue;
    const worker = seat.machine.name;
    for (const { why, untilMs } of seat.machine.closed) found.push({ kind: "door", worker, why, until: iso(untilMs) });
    if (entry.facts.terms.when === "idle" && seat.machine.running.length + seat.started.length > 0)
      found.push({ kind: "when", wish: "idle", until: null });
    const free = reserved === null ? seat.free : reserved.without(seat.free, worker);
    const lacking = lacksOf(entry.requested, free);
    for (const lack of lacking) {
      const fits = (then: Free) => !lacksOf(entry.requested, then).some(({ lacks }) => lacks === lack.lacks);
      const until = iso(whenFits(entry, seat, { state, fits })?.atMs ?? null);
      const { lacks, wanted, free: left, blocked } = lack;
      const held_by = holdersOf(lack, seat);
      found.push({ kind: "resource", worker, lacks, wanted, free: left, held_by, blocked: [...blocked], until });
    }
    if (lacking.length === 0 && seat.head !== null && seat.head.entry.runId !== entry.runId) {
      found.push({ kind: "head", run_id: seat.head.entry.runId, until: iso(seat.head.shadowMs) });
    }
  }
  return found;
}

/** Those that go first: they stand before it, nothing but resources keeps them, and they do not start now. */
function turnBlocker(entry: LineEntry, { state, planned, order }: Explained, tally: Tally): Blocker[] {
  const started = new Set(planned.starts.map((start) => start.entry.runId));
  let ahead = 0;
  let next: LineEntry | null = null;
  for (const other of state.line) {
    if (other.runId === entry.runId) break;
    if (started.has(other.runId) || isGated(other, state, tally)) continue;
    ahead += 1;
    next = other;
  }
  if (next === null) return [];
  const rule = ruleBetween(next, entry, order);
  return [{ kind: "turn", ahead, next: next.runId, user: next.user, rule }];
}

/** Every reason for which the entry waits, those that it can do something about first; empty where it starts now. */
export function explain(entry: LineEntry, given: Explained): Blocker[] {
  const { state, planned } = given;
  const start = planned.starts.find((one) => one.entry.runId === entry.runId);
  if (start !== undefined) return [{ kind: "starting", worker: start.worker }];
  const running = planned.seats.flatMap((seat) => [...seat.machine.running, ...seat.started]);
  const tally = new Tally([...running, ...(state.elsewhere ?? [])]);
  return [...gatesOf(entry, state, tally), ...machineBlockers(entry, given), ...turnBlocker(entry, given, tally)];
}
