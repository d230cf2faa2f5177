/** Successive halving without barriers: who is stopped, by which value, whatever the order of the reports. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { type Contender, halve, halvedReason, RungValues, rungsOf } from "../../../src/sweep/halving.ts";

const rule = { min: 1, factor: 3 };
const rungs = rungsOf(9, rule);
const stopped = (contenders: Contender[], direction: "max" | "min" = "max") =>
  halve(contenders, { rungs, direction }).map(({ runId, step }) => `${runId}@${step}`);
const run = (runId: string, ...values: number[]): Contender => ({ runId, values, live: true });

test("the rungs of a sweep keep a share, down to one", () => {
  expect(rungs).toEqual([
    { step: 1, keep: 3 },
    { step: 3, keep: 1 },
  ]);
  expect(rungsOf(27, { min: 2, factor: 3 }).map(({ step, keep }) => [step, keep])).toEqual([
    [2, 9],
    [6, 3],
    [18, 1],
  ]);
  expect(rungsOf(2, rule)).toEqual([]);
});

describe("a run", () => {
  test("goes on until as many as its rung keeps were better there", () => {
    const three = [run("a", 0.9), run("b", 0.8), run("c", 0.7)];
    expect(stopped([...three, run("d")])).toEqual([]);
    expect(stopped([...three, run("d", 0.6)])).toEqual(["d@1"]);
    expect(stopped([...three, run("d", 0.75)])).toEqual(["c@1"]);
  });

  test("is stopped at a later rung by those who were better there", () => {
    expect(stopped([run("a", 0.9, 0.91), run("b", 0.8, 0.95), run("c", 0.7)])).toEqual(["a@3"]);
  });

  test("that is no better and no worse is not stopped, and none whose value is not known", () => {
    expect(stopped([run("a", 1), run("b", 1), run("c", 1), run("d", 1), run("e")])).toEqual([]);
  });

  test("whose value is not a number is behind every number", () => {
    expect(stopped([run("a", 1), run("b", 2), run("c", 3), run("d", Number.NaN)], "min")).toEqual(["d@1"]);
    expect(stopped([run("a", 1), run("b", 2), run("c", 3), run("d", Number.POSITIVE_INFINITY)], "min")).toEqual([
      "d@1",
    ]);
  });

  test("that has ended is not stopped, and its values count", () => {
    const ended = ["a", "b", "c"].map((runId) => ({ ...run(runId, 0.9), live: false }));
    expect(stopped([...ended, run("d", 0.1)])).toEqual(["d@1"]);
    expect(stopped([...ended, { ...run("d", 0.1), live: false }])).toEqual([]);
  });
});

test("the values at the rungs are the first at or behind them, by step or by count", () => {
  const values = new RungValues(rungs);
  for (const [step, value] of [[0, 9], [2, 5], [3, 4], [4, 3]] as const) values.take({ step, value }); // biome-ignore format: a table
  expect(values.values).toEqual([5, 4]);
  expect(values.isComplete).toBe(true);
  const counted = new RungValues(rungs);
  for (const value of [7, "NaN", 5] as const) counted.take({ step: null, value });
  expect(counted.values).toEqual([7, 5]);
  const skipped = new RungValues(rungs);
  skipped.take({ step: 10, value: 1 });
  expect(skipped.values).toEqual([1, 1]);
});

test("who is stopped in the end follows from the values alone, not from the order in which they came", () => {
  const values = fc.uniqueArray(fc.integer({ min: 0, max: 1000 }), { minLength: 9, maxLength: 9 });
  fc.assert(
    fc.property(values, fc.array(fc.nat(), { maxLength: 9 }), (finals, picks) => {
      const order = [...finals.keys()];
      for (const [at, pick] of picks.entries()) {
        const other = pick % 9;
        [order[at], order[other]] = [order[other] ?? 0, order[at] ?? 0];
      }
      const contenders = finals.map((_, index) => run(String(index)));
      const gone = new Set<string>();
      for (const index of order) {
        contenders[index] = { ...run(String(index), finals[index] ?? 0), live: true };
        for (const { runId } of halve(contenders, { rungs: rungs.slice(0, 1), direction: "max" })) gone.add(runId);
      }
      const best = [...finals.keys()].sort((a, b) => (finals[b] ?? 0) - (finals[a] ?? 0)).slice(0, 3);
      expect(finals.flatMap((_, index) => (gone.has(String(index)) ? [] : [index])).sort()).toEqual(best.sort());
    }),
  );
});

test("the reason has the value, the step and the count", () => {
  expect(halvedReason({ runId: "d", step: 3, value: 0.41, behind: 3, keep: 3 }, "val_acc", 9)).toBe(
    "halving: val_acc 0.41 at step 3 is behind 3 others, and 3 of 9 go on from there",
  );
});
