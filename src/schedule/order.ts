/**
 * The order of the line: higher priority first, which waiting raises slowly; then users who have used less lately; then
 * who came first. Everything that is ahead of a run counts as used by then, so that the lines of equal users interleave
 * one by one. Pure; everybody who starts, predicts or explains calls the same function.
 *
 * Runs that wait for an idle machine stand behind all others. n entries cost n·log(users): each user's own line is sorted
 * (it comes nearly sorted), then the lines are merged through a heap of users.
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

/** The priority that counts: what was given, and a step for each `agingMs` of waiting. Never lower than given. */
export function effectivePriority(
  entry: Pick<LineEntry, "priority" | "queuedAt" | "facts">,
  state: OrderState,
): number {
  const { agingMs } = state.rules;
  if (agingMs <= 0) return entry.priority;
  const { not_before: notBefore } = entry.facts.terms;
  const since = Math.max(Date.parse(entry.queuedAt) || 0, notBefore === null ? 0 : Date.parse(notBefore) || 0);
  return entry.priority + Math.max(0, Math.floor((state.nowMs - since) / agingMs));
}

interface Ranked<T> {
  entry: T;
  /** Of an entry that waits for an idle machine: below everything. */
  rank: number;
}

interface UserLine<T> {
  entries: readonly Ranked<T>[];
  at: number;
  usage: number;
}

const first = <T extends LineEntry>(a: Ranked<T>, b: Ranked<T>) =>
  b.rank - a.rank || a.entry.sequence - b.entry.sequence;

function isBefore<T extends LineEntry>(a: UserLine<T>, b: UserLine<T>): boolean {
  const [x, y] = [a.entries[a.at], b.entries[b.at]];
  if (x === undefined || y === undefined) return y === undefined && x !== undefined;
  if (x.rank !== y.rank) return x.rank > y.rank;
  return a.usage === b.usage ? x.entry.sequence < y.entry.sequence : a.usage < b.usage;
}

/** Lets the top of a binary heap sink to its place. */
function sink<T extends LineEntry>(heap: UserLine<T>[], from: number): void {
  for (let at = from; ; ) {
    let best = at;
    for (const child of [2 * at + 1, 2 * at + 2]) {
      const [x, y] = [heap[child], heap[best]];
      if (x !== undefined && y !== undefined && isBefore(x, y)) best = child;
    }
    if (best === at) return;
    [heap[at], heap[best]] = [heap[best] as UserLine<T>, heap[at] as UserLine<T>];
    at = best;
  }
}

function linesOf<T extends LineEntry>(entries: readonly T[], state: OrderState): UserLine<T>[] {
  const lines = new Map<string, Ranked<T>[]>();
  for (const entry of entries) {
    const rank = entry.facts.terms.when === "idle" ? -1 : effectivePriority(entry, state);
    const line = lines.get(entry.user);
    if (line === undefined) lines.set(entry.user, [{ entry, rank }]);
    else line.push({ entry, rank });
  }
  return [...lines].map(([user, line]) => ({ entries: line.sort(first), at: 0, usage: state.usage.get(user) ?? 0 }));
}

/** A copy in order, first to start first. */
export function inOrder<T extends LineEntry>(entries: readonly T[], state: OrderState): T[] {
  const heap = linesOf(entries, state);
  for (let at = heap.length >> 1; at >= 0; at -= 1) sink(heap, at);
  const ordered: T[] = [];
  const { rules } = state;
  while (ordered.length < entries.length) {
    const top = heap[0];
    const ranked = top?.entries[top.at];
    if (top === undefined || ranked === undefined) break;
    ordered.push(ranked.entry);
    top.at += 1;
    const lastsMs = likelyMs(lastingOf(ranked.entry)) ?? rules.unknownRuntimeMs;
    if (!ranked.entry.held) top.usage += (rateOf(ranked.entry.requested, rules) * lastsMs) / 1000;
    sink(heap, 0);
  }
  return ordered;
}

/** By which rule `ahead` stands before `behind`. */
export function ruleBetween(ahead: LineEntry, behind: LineEntry, state: OrderState): OrderRule {
  const difference = effectivePriority(ahead, state) - effectivePriority(behind, state);
  if (behind.facts.terms.when === "idle" && ahead.facts.terms.when !== "idle") return "priority";
  if (difference !== 0) return ahead.priority > behind.priority ? "priority" : "waiting_longer";
  return ahead.user === behind.user || ahead.sequence < behind.sequence ? "came_first" : "less_use";
}
