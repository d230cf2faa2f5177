/** The simulator: it must be right where the answer is known by hand, and say the same again for the same seed. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { figuresOf, jainIndex } from "../../../scripts/simulate/figures.ts";
import { easy, fifo, ours, type Policy, strict } from "../../../scripts/simulate/policies.ts";
import { replay } from "../../../scripts/simulate/replay.ts";
import { generate, type Job, readSwf, type Workload } from "../../../scripts/simulate/workload.ts";
import { policy } from "../schedule/world.ts";

const hourMs = 3_600_000;
const policies = (): Policy[] => [ours(policy.rules), easy, strict, fifo];

function job(id: string, submit: number, hours: number, more: Partial<Job> = {}): Job {
  const base = { id, user: "ana", priority: 5, submitMs: submit * hourMs, runMs: hours * hourMs, units: 1 };
  return { ...base, limitMs: hours * hourMs, ...more };
}

const startsOf = (workload: Workload, by: Policy) =>
  Object.fromEntries(replay(workload, by).map(({ job: { id }, startMs }) => [id, startMs / hourMs]));

describe("by hand", () => {
  const workload: Workload = {
    ...{ name: "hand", units: 2 },
    jobs: [job("a", 0, 4), job("big", 1, 2, { units: 2 }), job("long", 2, 5), job("short", 2, 2)],
  };

  test("first come first served lets nobody past, backfill only who is gone in time", () => {
    expect(startsOf(workload, fifo)).toEqual({ a: 0, big: 4, long: 6, short: 6 });
    expect(startsOf(workload, easy)).toEqual({ a: 0, short: 2, big: 4, long: 6 });
  });

  test("figures are those of the waits", () => {
    const { waitHours, utilisation, runs } = figuresOf(workload, replay(workload, fifo));
    expect(runs).toBe(4);
    expect(waitHours).toEqual({ p50: 3, p90: 4, p99: 4, most: 4 });
    expect(utilisation).toBeCloseTo((4 + 4 + 5 + 2) / (2 * 11), 6);
    expect(jainIndex([1, 1, 1])).toBe(1);
    expect(jainIndex([1, 0, 0, 0])).toBe(0.25);
  });

  test("ours gives a second user their turn before the flood of the first", () => {
    const flood = Array.from({ length: 6 }, (_, at) => job(`f${at}`, 0, 1));
    const two: Workload = { name: "two", units: 1, jobs: [...flood, job("mine", 0.5, 1, { user: "bob" })] };
    expect(startsOf(two, ours(policy.rules)).mine).toBe(1);
    expect(startsOf(two, fifo).mine).toBe(6);
  });
});

test("a log in the Standard Workload Format is read: its machine, its users, what is unknown left out", () => {
  const text = [
    "; Version: 2.2",
    "; MaxProcs: 128",
    "  1  0  5  3600  64 -1 -1  64  7200 -1 1 3 1 -1 1 -1 -1 -1",
    "  2 60 -1    -1  -1 -1 -1  32  7200 -1 0 4 1 -1 1 -1 -1 -1",
    "  3 90  1   600  -1 -1 -1 128    -1 -1 1 4 1 -1 1 -1 -1 -1",
    "torn line",
  ].join("\n");
  const { units, jobs } = readSwf(text, "log");
  expect(units).toBe(128);
  expect(jobs).toMatchObject([
    { id: "j1", user: "u3", submitMs: 0, runMs: 3_600_000, limitMs: 7_200_000, units: 64 },
    { id: "j3", user: "u4", submitMs: 90_000, runMs: 600_000, limitMs: null, units: 128 },
  ]);
  for (const by of policies()) expect(replay({ name: "log", units, jobs }, by)).toHaveLength(2);
});

test("the same seed gives the same weeks, another seed others", () => {
  const of = (seed: number) => JSON.stringify(generate({ seed, weeks: 1, units: 4 }).jobs);
  expect(of(3)).toBe(of(3));
  expect(of(3)).not.toBe(of(4));
});

test("whatever comes, every policy starts every run once, never before it came, never on more than there is", () => {
  const anyJobs = fc.array(
    fc.record({
      submit: fc.integer({ min: 0, max: 40 }),
      hours: fc.integer({ min: 1, max: 9 }),
      units: fc.integer({ min: 1, max: 3 }),
      user: fc.constantFrom("ana", "bob"),
      limited: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  );
  fc.assert(
    fc.property(anyJobs, (wants) => {
      const jobs = wants
        .map(({ submit, hours, units, user, limited }, at) =>
          job(`j${at}`, submit, hours, { units, user, limitMs: limited ? (hours + 1) * hourMs : null }),
        )
        .sort((a, b) => a.submitMs - b.submitMs);
      for (const by of policies()) {
        const started = replay({ name: "any", units: 3, jobs }, by);
        expect(started.map((one) => one.job.id).sort()).toEqual(jobs.map((one) => one.id).sort());
        for (const { job: one, startMs } of started) {
          expect(startMs).toBeGreaterThanOrEqual(one.submitMs);
          const beside = started.filter(
            (other) => other.startMs <= startMs && startMs < other.startMs + other.job.runMs,
          );
          expect(beside.reduce((sum, other) => sum + other.job.units, 0)).toBeLessThanOrEqual(3);
        }
      }
    }),
    { numRuns: 60 },
  );
});
