/**
 * The order of the line: higher priority first, which waiting raises slowly; then users who have used less lately; then
 * who came first. Everything that is ahead of a run counts as used by then, so that the lines of equal users interleave
 * one by one. Pure; everybody who starts, predicts or explains calls the same function.
 *
 * Runs that wait for an idle machine stand behind all others. n entries cost n·log(users): each user's own line is put
 * together from its priorities (it comes nearly sorted), then the lines are merged through a heap of users.
 */
import type { OrderRule } from "../run/blocker.ts";
import type { Requested, Terms } from "../run/manifest.ts";
import { rateOf, type Weights } from "./share.ts";

export interface LineEntry {
  runId: string;
  user: string;
  priority: number;
  /** Order of arrival. */
  sequence: number;
  /** RFC 3339. */
  queuedAt: string;
  held: boolean;
  requested: Requested;
  facts: {
    group: string | null;
    terms: Terms;
    /** Seconds that it will take, as predicted. */
    seconds: { low: number; likely: number; high: number } | null;
    /** Datasets that must be warm before it may start; left out where none must. */
    data?: readonly { name: string; checksum: string }[];
  };
}

export interface OrderRules extends Weights {
  /** Waiting so long raises the priority by one; 0: never. */
  agingMs: number;
  /** What a run is taken to last where nothing is known. */
  unknownRuntimeMs: number;
}

export interface OrderState {
  nowMs: number;
  rules: OrderRules;
  /** Recent use by user, weighted seconds; missing is none. */
  usage: ReadonlyMap<string, number>;
}

export interface Lasting {
  requested: Requested;
  seconds: { low: number; likely: number; high: number } | null;
}

const limitMs = ({ max_runtime_hours: hours }: Requested) => (hours === null ? null : hours * 3_600_000);

/** How long a run will probably take, as predicted, else as declared; null where nothing is known. */
export function likelyMs({ requested, seconds }: Lasting): number | null {
  const limit = limitMs(requested);
  return seconds === null ? limit : Math.min(seconds.likely * 1000, limit ?? Infinity);
}

/** The longest that it can take: its declared limit, which is enforced, else as predicted; null where nothing is known. */
export function longestMs({ requested, seconds }: Lasting): number | null {
  return limitMs(requested) ?? (seconds === null ? null : seconds.high * 1000);
}

/** What an entry of the line is known to take. */
export function lastingOf({ requested, facts }: LineEntry): Lasting {
  return { requested, seconds: facts.seconds };
}

/** Reading a time costs as much as placing an entry, and the same entries are put in order again and again. */
const arrivals = new WeakMap<object, number>();

/** When an entry began to wait: when it was queued, or the hour that it was asked for. */
function waitsSince(entry: Pick<LineEntry, "queuedAt" | "facts">): number {
  const known = arrivals.get(entry);
  if (known !== undefined) return known;
  const { not_before: notBefore } = entry.facts.terms;
  const since = Math.max(Date.parse(entry.queuedAt) || 0, notBefore === null ? 0 : Date.parse(notBefore) || 0);
  arrivals.set(entry, since);
  return since;
}

/** The priority that counts: what was given, and a step for each `agingMs` of waiting. Never lower than given. */
export function effectivePriority(
  entry: Pick<LineEntry, "priority" | "queuedAt" | "facts">,
  state: OrderState,
): number {
  const { agingMs } = state.rules;
  if (agingMs <= 0) return entry.priority;
  return entry.priority + Math.max(0, Math.floor((state.nowMs - waitsSince(entry)) / agingMs));
}

/** One user's own line, in order, and how far it has been merged. */
interface UserLine<T> {
  entries: T[];
  ranks: number[];
  at: number;
  usage: number;
}

/** Entries mostly come in order of arrival already; then nothing is sorted. */
function byArrival<T extends LineEntry>(entries: T[]): T[] {
  for (let at = 1; at < entries.length; at += 1) {
    const [before, after] = [entries[at - 1] as T, entries[at] as T];
    if (before.sequence > after.sequence) return entries.sort((a, b) => a.sequence - b.sequence);
  }
  return entries;
}

function lineOf<T extends LineEntry>(byRank: ReadonlyMap<number, T[]>, usage: number): UserLine<T> {
  const line: UserLine<T> = { entries: [], ranks: [], at: 0, usage };
  for (const rank of [...byRank.keys()].sort((a, b) => b - a)) {
    for (const entry of byArrival(byRank.get(rank) ?? [])) {
      line.entries.push(entry);
      line.ranks.push(rank);
    }
  }
  return line;
}

function linesOf<T extends LineEntry>(entries: readonly T[], state: OrderState): UserLine<T>[] {
  const users = new Map<string, Map<number, T[]>>();
  for (const entry of entries) {
    // Those that wait for an idle machine stand below everything.
    const rank = entry.facts.terms.when === "idle" ? -1 : effectivePriority(entry, state);
    let byRank = users.get(entry.user);
    if (byRank === undefined) {
      byRank = new Map();
      users.set(entry.user, byRank);
    }
    const same = byRank.get(rank);
    if (same === undefined) byRank.set(rank, [entry]);
    else same.push(entry);
  }
  return [...users].map(([user, byRank]) => lineOf(byRank, state.usage.get(user) ?? 0));
}

function isBefore<T extends LineEntry>(a: UserLine<T>, b: UserLine<T>): boolean {
  const x = a.entries[a.at];
  const y = b.entries[b.at];
  if (x === undefined || y === undefined) return x !== undefined;
  const ahead = (a.ranks[a.at] ?? 0) - (b.ranks[b.at] ?? 0);
  if (ahead !== 0) return ahead > 0;
  return a.usage === b.usage ? x.sequence < y.sequence : a.usage < b.usage;
}

/** Lets what stands at `from` of a binary heap sink to its place. */
function sink<T extends LineEntry>(heap: UserLine<T>[], from: number): void {
  let at = from;
  const sinking = heap[at];
  if (sinking === undefined) return;
  for (;;) {
    let child = 2 * at + 1;
    let best = heap[child];
    if (best === undefined) break;
    const other = heap[child + 1];
    if (other !== undefined && isBefore(other, best)) {
      best = other;
      child += 1;
    }
    if (!isBefore(best, sinking)) break;
    heap[at] = best;
    at = child;
  }
  heap[at] = sinking;
}

/** A copy in order, first to start first. */
export function inOrder<T extends LineEntry>(entries: readonly T[], state: OrderState): T[] {
  const heap = linesOf(entries, state);
  for (let at = heap.length >> 1; at >= 0; at -= 1) sink(heap, at);
  const ordered: T[] = [];
  const { rules } = state;
  while (ordered.length < entries.length) {
    const top = heap[0];
    const entry = top?.entries[top.at];
    if (top === undefined || entry === undefined) break;
    ordered.push(entry);
    top.at += 1;
    const lastsMs = likelyMs(lastingOf(entry)) ?? rules.unknownRuntimeMs;
    if (!entry.held) top.usage += (rateOf(entry.requested, rules) * lastsMs) / 1000;
    sink(heap, 0);
  }
  return ordered;
}

/** By which rule `ahead` stands before `behind`. */
export function ruleBetween(ahead: LineEntry, behind: LineEntry, state: OrderState): OrderRule {
  const difference = effectivePriority(ahead, state) - effectivePriority(behind, state);
  if (behind.facts.terms.when === "idle" && ahead.facts.terms.when !== "idle") return "idle_last";
  if (difference !== 0) return ahead.priority > behind.priority ? "priority" : "waiting_longer";
  return ahead.user === behind.user || ahead.sequence < behind.sequence ? "came_first" : "less_use";
}
