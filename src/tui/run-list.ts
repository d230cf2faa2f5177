/**
 * Which runs a list shows, in which order: what runs, what waits in the order of the line, what ended, newest first; or
 * by the chosen order; only those that the filter fits. Remembered until a run or a choice changes, since it is asked
 * for with every picture.
 */
import type { RunSummary } from "../protocol/summary.ts";
import { stateOf } from "../view/mark.ts";
import { headline, metricNumber } from "../view/metric.ts";
import { elapsedMs, timeMs } from "../view/time.ts";
import type { Sort } from "./state.ts";

const rankOf: Record<RunSummary["status"], number> = {
  running: 0,
  starting: 0,
  queued: 1,
  completed: 2,
  failed: 2,
  cancelled: 2,
};

/** Order of the line: by place, held ones last, then by arrival. */
export function byPlace(left: RunSummary, right: RunSummary): number {
  const place = (left.position ?? Infinity) - (right.position ?? Infinity);
  if (place !== 0 && !Number.isNaN(place)) return place;
  return left.queued_at.localeCompare(right.queued_at) || left.run_id.localeCompare(right.run_id);
}

function newestFirst(left: RunSummary, right: RunSummary): number {
  const rank = rankOf[left.status] - rankOf[right.status];
  if (rank !== 0) return rank;
  if (left.status === "queued") return byPlace(left, right);
  const time = (run: RunSummary) => run.ended_at ?? run.started_at ?? run.queued_at;
  return time(right).localeCompare(time(left)) || right.run_id.localeCompare(left.run_id);
}

function comparison(sort: Sort, nowMs: number): (left: RunSummary, right: RunSummary) => number {
  if (sort === "newest") return newestFirst;
  if (sort === "name") return (left, right) => left.name.localeCompare(right.name) || newestFirst(left, right);
  const size = (run: RunSummary) => {
    const found = sort === "longest" ? elapsedMs(run.started_at, run.ended_at, nowMs) : headline(run.metrics)?.value;
    const value = found === null || found === undefined ? Number.NaN : metricNumber(found);
    return Number.isFinite(value) ? value : Number.NEGATIVE_INFINITY;
  };
  const sizes = new Map<string, number>();
  const known = (run: RunSummary) => {
    const before = sizes.get(run.run_id);
    const value = before ?? size(run);
    if (before === undefined) sizes.set(run.run_id, value);
    return value;
  };
  return (left, right) => (known(right) > known(left) ? 1 : known(right) < known(left) ? -1 : newestFirst(left, right));
}

/** All words of the filter must stand somewhere in what is known of the run. */
export function fits(run: RunSummary, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const { name, run_id, user, command, group, tags, note, hypothesis, failure } = run;
  const text = [name, run_id, user, command, group, ...tags, note, hypothesis, failure?.kind, stateOf(run)]
    .filter((part) => typeof part === "string")
    .join("\n")
    .toLowerCase();
  return words.every((word) => text.includes(word));
}

export function filterWords(filter: string): string[] {
  return filter
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
}

export interface ListWish {
  version: number;
  filter: string;
  sort: Sort;
  /** Ids that the server found for the filter; null where the filter is only our own. */
  found: readonly string[] | null;
}

/** One remembered list. */
export class RunList {
  private wish: ListWish | null = null;
  private list: RunSummary[] = [];

  of(runs: ReadonlyMap<string, RunSummary>, wish: ListWish, nowMs: number): readonly RunSummary[] {
    const before = this.wish;
    const same =
      before !== null &&
      before.version === wish.version &&
      before.filter === wish.filter &&
      before.sort === wish.sort &&
      before.found === wish.found;
    if (same) return this.list;
    this.wish = wish;
    if (wish.found !== null) this.list = wish.found.flatMap((runId) => runs.get(runId) ?? []);
    else {
      const words = filterWords(wish.filter);
      this.list = [...runs.values()].filter((run) => fits(run, words)).sort(comparison(wish.sort, nowMs));
    }
    return this.list;
  }
}

/** How many of the known runs ended as `status` since local midnight. */
export function endedToday(runs: Iterable<RunSummary>, status: RunSummary["status"], dayStartMs: number): number {
  let count = 0;
  for (const run of runs) if (run.status === status && (timeMs(run.ended_at) ?? 0) >= dayStartMs) count += 1;
  return count;
}
