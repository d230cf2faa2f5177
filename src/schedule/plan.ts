/**
 * One decision: who of the line starts now, and where. Pure; the worker that starts runs, the server that explains and
 * predicts, and the simulator all call it.
 *
 * The line is walked in order. A run that is behind a gate (gates.ts) is passed over. The first that may start and does not
 * fit on a machine becomes that machine's head: what it waits for is kept. From the known ends of what runs follows the
 * moment at which it will fit (its shadow). A later run may start early only if it is over by then, or if the head still
 * fits at that moment with it beside; where no such moment is known, only with what the head does not need at all. So
 * the head is never later for it: that is backfill as EASY has it (Lifka 1995), over cards and parts of cards.
 *
 * What a run is expected to take is its declared limit, which is enforced, or a prediction. Where that is wrong the head
 * waits for as long as the prediction was short.
 */
import type { Requested } from "../run/manifest.ts";
import { cannotEver, type Free, isPlacement, minus, type Placement, place, plus, without } from "./fit.ts";
import { countedAs, isGated, Tally } from "./gates.ts";
import { type LineEntry, lastingOf, longestMs } from "./order.ts";
import { ownReserved, type Reserved, reservedFor } from "./reservations.ts";
import type { Machine, PlanState, RunningRun } from "./state.ts";

export interface Start<T extends LineEntry = LineEntry> {
  entry: T;
  worker: string;
  placement: Placement;
}

export interface Head {
  entry: LineEntry;
  /** When it will fit, by the known ends of what runs; null where those do not say. */
  shadowMs: number | null;
}

/** A machine while the line is walked. */
export interface Seat {
  machine: Machine;
  /** Free after the starts so far. */
  free: Free;
  started: RunningRun[];
  head: Head | null;
  /** What will be free when the head fits, with the runs that last beyond that taken off. */
  atShadow: Free | null;
}

export interface Plan<T extends LineEntry = LineEntry> {
  starts: Start<T>[];
  seats: Seat[];
  tally: Tally;
}

export interface PlanOptions {
  /** Stop where no machine has a slot left: enough to know what starts, not to know who is the head. Default true. */
  startsOnly?: boolean;
}

/** Requests that need the same in every respect fail alike. */
export function shapeOf({ gpus, gpu_memory_gb, cpu_cores, ram_gb, disk_gb }: Requested): string {
  return `${gpus}/${gpu_memory_gb}/${cpu_cores}/${ram_gb}/${disk_gb}`;
}

/** The same entries are planned again and again. */
const kinds = new WeakMap<LineEntry, string>();

/** Entries of one kind need the same, for as long: where one finds no place, none does. */
function kindOf(entry: LineEntry): string {
  const known = kinds.get(entry);
  if (known !== undefined) return known;
  const kind = `${shapeOf(entry.requested)}/${longestMs(lastingOf(entry))}/${entry.facts.terms.when === "idle"}`;
  kinds.set(entry, kind);
  return kind;
}

export function openSeats(state: PlanState): Seat[] {
  return state.machines.map((machine) => ({ machine, free: machine.free, started: [], head: null, atShadow: null }));
}

export function plan<T extends LineEntry>(
  state: PlanState & { line: readonly T[] },
  { startsOnly = true }: PlanOptions = {},
): Plan<T> {
  const seats = openSeats(state);
  const tally = new Tally([...state.machines.flatMap(({ running }) => running), ...(state.elsewhere ?? [])]);
  const starts: Start<T>[] = [];
  const open = seats.filter(({ machine }) => machine.closed.length === 0);
  const refused = new Set<string>();
  for (const entry of state.line) {
    if (open.length === 0 || (startsOnly && open.every((seat) => seat.free.slots < 1))) break;
    if (isGated(entry, state, tally)) continue;
    const shape = kindOf(entry);
    const reserved = reservedFor(entry, state);
    const key = reserved === null ? shape : `${shape}/${entry.user}`;
    // What is free only shrinks while the line is walked.
    if (refused.has(key)) continue;
    const start = seatFor(entry, open, { state, reserved });
    if (start === null) {
      refused.add(key);
      if (entry.facts.terms.when !== "idle") becomeHead(entry, open, { state, tally });
      continue;
    }
    const { seat, placement } = start;
    occupy(seat, entry, { placement, state });
    tally.add(countedAs(entry));
    starts.push({ entry, worker: seat.machine.name, placement });
  }
  return { starts, seats, tally };
}

interface Surroundings {
  state: PlanState;
  reserved: Reserved | null;
}

function seatFor(
  entry: LineEntry,
  seats: readonly Seat[],
  around: Surroundings,
): { seat: Seat; placement: Placement } | null {
  for (const seat of seats) {
    const placement = placementIn(seat, entry, around);
    if (placement !== null) return { seat, placement };
  }
  return null;
}

export function endOf(entry: LineEntry, state: PlanState): number {
  return state.nowMs + (longestMs(lastingOf(entry)) ?? Infinity);
}

/** Where the entry may go on this machine now, without delaying its head; null where it may not. */
function placementIn(seat: Seat, entry: LineEntry, { state, reserved }: Surroundings): Placement | null {
  const { requested, runId } = entry;
  if (seat.free.slots < 1) return null;
  if (entry.facts.terms.when === "idle" && (seat.machine.running.length > 0 || seat.started.length > 0)) return null;
  const open = (free: Free) => (reserved === null ? free : reserved.without(free, seat.machine.name));
  const anywhere = place(requested, open(seat.free));
  if (!isPlacement(anywhere) || seat.head === null) return isPlacement(anywhere) ? anywhere : null;
  const own = requested.gpus === 0 ? null : ownReserved(entry, state, seat.machine.name);
  const kept = own === null ? null : place(requested, own(seat.free));
  if (kept !== null && isPlacement(kept)) return kept;
  const { head, atShadow } = seat;
  if (head.shadowMs !== null && endOf(entry, state) <= head.shadowMs) return anywhere;
  const beside = place(requested, open(without(seat.free, head.entry.requested)));
  if (atShadow === null) return isPlacement(beside) ? beside : null;
  for (const placement of [beside, anywhere]) {
    if (!isPlacement(placement)) continue;
    const left = minus(atShadow, { runId, requested, placement });
    const barred = reservedFor(head.entry, { ...state, nowMs: head.shadowMs ?? state.nowMs });
    const forHead = barred === null ? left : barred.without(left, seat.machine.name);
    if (isPlacement(place(head.entry.requested, forHead))) return placement;
  }
  return null;
}

function occupy(seat: Seat, entry: LineEntry, { placement, state }: { placement: Placement; state: PlanState }): void {
  const { runId, user, requested } = entry;
  const { group, seconds } = entry.facts;
  const endsMs = endOf(entry, state);
  const holding = { runId, requested, placement };
  const about = { user, group, seconds, startedMs: state.nowMs, endsMs: endsMs === Infinity ? null : endsMs };
  seat.free = minus(seat.free, holding);
  seat.started.push({ ...holding, ...about });
  const outlasts = seat.head?.shadowMs != null && endsMs > seat.head.shadowMs;
  if (outlasts && seat.atShadow !== null) seat.atShadow = minus(seat.atShadow, holding);
}

/** The first entry that could run here and does not fit keeps what it needs; it counts for the limits as if it ran. */
function becomeHead(
  entry: LineEntry,
  seats: readonly Seat[],
  { state, tally }: { state: PlanState; tally: Tally },
): void {
  let counted = false;
  for (const seat of seats) {
    if (seat.head !== null || cannotEver(entry.requested, seat.machine.total) !== null) continue;
    const fit = whenFits(entry, seat, { state });
    seat.head = { entry, shadowMs: fit?.atMs ?? null };
    seat.atShadow = fit?.free ?? null;
    if (!counted) tally.add(countedAs(entry));
    counted = true;
  }
}

/**
 * The first moment at which the entry will fit, by the known ends of runs and of reservations, and what is free then. Null
 * where those do not say. `fits` asks for less than a place for all of it.
 */
export function whenFits(
  entry: LineEntry,
  seat: Pick<Seat, "machine" | "free" | "started">,
  {
    state,
    fits = (free) => isPlacement(place(entry.requested, free)),
  }: { state: PlanState; fits?: (free: Free) => boolean },
): { atMs: number; free: Free } | null {
  const ending = [...seat.machine.running, ...seat.started].filter((run) => run.endsMs !== null);
  const moments = new Set([
    ...ending.map((run) => Math.max(state.nowMs, run.endsMs ?? 0)),
    ...state.reservations.map(({ toMs }) => toMs).filter((toMs) => toMs > state.nowMs),
  ]);
  let free = seat.free;
  let beforeMs = Number.NEGATIVE_INFINITY;
  for (const atMs of [...moments].sort((a, b) => a - b)) {
    for (const run of ending) {
      const endsMs = Math.max(state.nowMs, run.endsMs ?? 0);
      if (endsMs > beforeMs && endsMs <= atMs) free = plus(free, run);
    }
    beforeMs = atMs;
    const reserved = reservedFor(entry, { ...state, nowMs: atMs });
    const view = reserved === null ? free : reserved.without(free, seat.machine.name);
    if (fits(view)) return { atMs, free };
  }
  return null;
}
