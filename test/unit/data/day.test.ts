/**
 * A day of 200 queued runs over 8 datasets, with a disk for 3: who finds his data warm, by what is known of the future. Seeded
 * and pure; what it prints stands in docs/data.md.
 */
import { describe, expect, test } from "bun:test";
import { type CachedCopy, makeRoom } from "../../../src/data/eviction.ts";
import { seeded } from "../../support/seeded.ts";

interface Run {
  arrives: number;
  lasts: number;
  dataset: number;
}
/** What the copier knows: nothing (a run fetches when it starts), who waits, or all who will ever come. */
type Knows = "nothing" | "the line" | "the future";

const [datasets, fitting, slots, copyMinutes] = [8, 3, 2, 4];

function dayOf(seed: number): Run[] {
  const random = seeded(seed);
  // Some datasets are used much more than others, and people queue several runs on one at a time.
  const runs: Run[] = [];
  let at = 0;
  while (runs.length < 200) {
    at += 2 + random() * 40;
    const dataset = Math.floor(datasets * random() ** 2);
    for (let left = 1 + Math.floor(random() * 6); left > 0 && runs.length < 200; left -= 1)
      runs.push({ arrives: at, lasts: 4 + random() * 16, dataset });
  }
  return runs;
}

interface Copy {
  lastUsed: number;
  readers: number;
}

/** Plays the day minute by minute; gives the share of runs that found their data warm, and the minutes that slots stood and copied. */
function play(runs: readonly Run[], knows: Knows): { hits: number; waited: number } {
  const cache = new Map<number, Copy>();
  const waiting = [...runs];
  const running: { over: number; dataset: number }[] = [];
  let copying: { dataset: number; over: number } | null = null;
  let [hits, waited] = [0, 0];
  const usesFrom = (now: number) => {
    if (knows === "nothing") return [];
    const seen = knows === "the line" ? waiting.filter((run) => run.arrives <= now) : waiting;
    return [...new Set(seen.map((run) => run.dataset))];
  };
  const evictFor = (dataset: number, now: number, uses: readonly number[]): boolean => {
    const copies: CachedCopy[] = [...cache].map(([id, { lastUsed, readers }]) => {
      const at = uses.indexOf(id);
      return {
        checksum: String(id),
        sizeBytes: 1,
        lastUsedMs: lastUsed,
        pinned: false,
        held: readers > 0,
        nextUse: at < 0 ? null : at,
      };
    });
    const at = uses.indexOf(dataset);
    const used = cache.size + (copying === null ? 0 : 1);
    const gone = makeRoom(
      copies,
      { sizeBytes: 1, nextUse: at < 0 ? null : at },
      { usedBytes: used, limitBytes: fitting },
    );
    for (const { checksum } of gone ?? []) cache.delete(Number(checksum));
    return gone !== null && now >= 0;
  };
  for (let now = 0; waiting.length > 0; now += 1) {
    for (const done of running.filter((run) => run.over <= now)) {
      running.splice(running.indexOf(done), 1);
      const copy = cache.get(done.dataset);
      if (copy !== undefined) copy.readers -= 1;
    }
    if (copying !== null && copying.over <= now) {
      cache.set(copying.dataset, { lastUsed: now, readers: 0 });
      copying = null;
    }
    while (running.length < slots && waiting[0] !== undefined && waiting[0].arrives <= now) {
      const run = waiting.shift() as Run;
      const copy = cache.get(run.dataset);
      if (copy !== undefined) hits += 1;
      // A miss copies before the start, or reads in place where there is no room.
      const wait = copy !== undefined ? 0 : copyMinutes;
      waited += wait;
      if (copy === undefined && copying?.dataset !== run.dataset && evictFor(run.dataset, now, usesFrom(now)))
        cache.set(run.dataset, { lastUsed: now, readers: 0 });
      const held = cache.get(run.dataset);
      if (held !== undefined) {
        held.lastUsed = now;
        held.readers += 1;
      }
      running.push({ over: now + wait + run.lasts, dataset: held === undefined ? -1 : run.dataset });
    }
    if (copying !== null) continue;
    const uses = usesFrom(now);
    const next = uses.find((dataset) => !cache.has(dataset));
    if (next !== undefined && evictFor(next, now, uses)) copying = { dataset: next, over: now + copyMinutes };
  }
  return { hits: hits / runs.length, waited };
}

describe("a day of 200 runs over 8 datasets with room for 3", () => {
  const days = Array.from({ length: 20 }, (_, seed) => dayOf(seed + 1));
  const mean = (knows: Knows) => {
    const played = days.map((day) => play(day, knows));
    const sum = (pick: (one: (typeof played)[number]) => number) => played.reduce((all, one) => all + pick(one), 0);
    return { hits: sum((one) => one.hits) / days.length, waited: sum((one) => one.waited) / days.length };
  };
  const known = (["nothing", "the line", "the future"] as const).map((knows) => ({ knows, ...mean(knows) }));
  const [lru, ours, oracle] = known.map(({ hits }) => hits) as [number, number, number];

  test("knowing who waits makes most of what can be made of knowing the future", () => {
    for (const { knows, hits, waited } of known)
      console.log(`${knows.padEnd(10)}  ${(hits * 100).toFixed(1)} % warm, slots waited ${waited.toFixed(0)} minutes`);
    expect(ours).toBeGreaterThan(lru);
    expect(oracle).toBeGreaterThanOrEqual(ours - 0.01);
    expect(ours - lru).toBeGreaterThan(0.5 * (oracle - lru));
  });
});
