import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { pointArguments } from "../../../src/sweep/command.ts";
import { parseCondition } from "../../../src/sweep/condition.ts";
import { type SweepPlan, sweepPlanSchema } from "../../../src/sweep/definition.ts";
import { parseDimension } from "../../../src/sweep/dimension.ts";
import { expand, pointKey } from "../../../src/sweep/expand.ts";

const plan = (given: Partial<SweepPlan>) => sweepPlanSchema.parse(given);
const points = (given: Partial<SweepPlan>, limit = 1000) =>
  expand(plan(given), limit).points.map((point) => Object.values(point).join(" "));
const values = (text: string) => {
  const dimension = parseDimension(text, { fewDigits: true });
  return dimension.kind === "values" ? dimension.values : [dimension.spread, dimension.low, dimension.high];
};

test.each([
  ["lr=1e-3,3e-4", ["1e-3", "3e-4"]],
  ["bs=32:256:x2", ["32", "64", "128", "256"]],
  ["bs=32:200:x2", ["32", "64", "128"]],
  ["n=1:10:3", ["1", "4", "7", "10"]],
  ["n=1:10:+3", ["1", "4", "7", "10"]],
  ["p=0.1:0.5:0.1", ["0.1", "0.2", "0.3", "0.4", "0.5"]],
  ["lr=1e-4:1e-1:log4", ["0.0001", "0.001", "0.01", "0.1"]],
  ["x=0:1:lin5", ["0", "0.25", "0.5", "0.75", "1"]],
  // Between the ends four digits, more where neighbours are nearer; what is whole or short stays as it is.
  ["lr=0.001:3:log9", ["0.001", "0.00272", "0.007401", "0.02013", "0.05477", "0.149", "0.4054", "1.103", "3"]],
  ["x=0:1:lin4", ["0", "0.3333", "0.6667", "1"]],
  ["x=1000:1001:lin4", ["1000", "1000.33", "1000.67", "1001"]],
  ["n=1:1048576:log21", Array.from({ length: 21 }, (_, at) => String(2 ** at))],
  ["lr=0.123456789:1:lin2", ["0.123456789", "1"]],
  ["lr=1e-5:1e-2:log", ["log", 1e-5, 1e-2]],
  ["k=1:8:int", ["int", 1, 8]],
  ["opt=adam,sgd", ["adam", "sgd"]],
  ["url=http://a:1,http://b:2", ["http://a:1", "http://b:2"]],
  ["layers=1\\,2,3", ["1,2", "3"]],
  ["model.depth=2,4", ["2", "4"]],
])("`%s` has the values %j", (text, wanted) => {
  expect(values(text)).toEqual(wanted as string[]);
});

test.each([
  ["lr", "NAME=VALUES"],
  ["lr=", "empty"],
  ["lr=1,1", "twice"],
  ["lr=1:10:x1", "factor"],
  ["lr=0:10:x2", "factor"],
  ["lr=1:10:0", "greater than 0"],
  ["lr=10:1:1", "ends before"],
  ["lr=0:1:log5", "above 0"],
  ["k=0.5:2:int", "whole"],
  ["n=0:1e9:1", "more than"],
])("`%s` is refused: %s", (text, why) => {
  expect(() => parseDimension(text, { fewDigits: true })).toThrow(why);
});

test("a definition from before values were rounded has the points that it had", () => {
  expect(points({ grid: ["lr=0.001:3:log3"] })[1]).toBe("0.0547722557505");
  expect(points({ grid: ["lr=0.001:3:log3"], few_digits: true })[1]).toBe("0.05477");
});

describe("points", () => {
  test("a grid is every value with every other, in the order of definition", () => {
    expect(points({ grid: ["lr=1,2", "bs=8,16"] })).toEqual(["1 8", "1 16", "2 8", "2 16"]);
  });

  test("zipped parameters go together, constants along, repeats stand side by side", () => {
    expect(points({ zip: ["a=1,2", "b=x,y"], constants: ["c=k"], repeat: 2 })).toEqual([
      ...["1 x k 0", "1 x k 1"],
      ...["2 y k 0", "2 y k 1"],
    ]);
    expect(() => points({ zip: ["a=1,2", "b=x"] })).toThrow("`a` has 2, `b` has 1");
  });

  test("conditions leave out points, or a parameter that does not apply", () => {
    expect(points({ grid: ["opt=adam,sgd", "lr=0.1,1"], skip: ["opt=adam lr>=1"] })).toEqual([
      "adam 0.1",
      "sgd 0.1",
      "sgd 1",
    ]);
    expect(points({ grid: ["opt=adam,sgd", "m=0,0.9"], only: ["m: opt=sgd"] })).toEqual(["adam", "sgd 0", "sgd 0.9"]);
    expect(() => points({ grid: ["a=1,2"], skip: ["b=1"] })).toThrow("no parameter of this sweep");
    expect(() => points({ grid: ["a=1,2"], only: ["b: a=1"] })).toThrow("names no parameter");
  });

  test("random points are the same for the same seed, differ, and are fewer where there are no more", () => {
    const given = { grid: ["lr=1e-5:1e-1:log", "k=1:8:int"], random: 20, seed: 7 };
    expect(points(given)).toEqual(points(given));
    expect(points(given)).not.toEqual(points({ ...given, seed: 8 }));
    expect(new Set(points(given)).size).toBe(20);
    expect(points({ grid: ["a=1,2"], random: 10 }).sort()).toEqual(["1", "2"]);
  });

  test("[I10] a sweep beyond the limit is refused with its count, without making its points", () => {
    const given = { grid: ["a=1:1000:1", "b=1:1000:1", "c=1:1000:1"] };
    expect(() => points(given)).toThrow("1,000,000,000 runs, more than the limit of 1,000");
    expect(() => points({ grid: ["a=0:1:uniform"], random: 5000 })).toThrow("5,000 runs");
  });

  test("what makes no sense is refused", () => {
    expect(() => points({})).toThrow("a parameter that varies");
    expect(() => points({ grid: ["a=1,2", "a=3,4"] })).toThrow("given twice");
    expect(() => points({ grid: ["a=0:1:uniform"] })).toThrow("a grid needs them");
    expect(() => points({ grid: ["seed=1,2"], repeat: 2 })).toThrow("given twice");
  });

  test("every point is there once, whatever is asked for", () => {
    const dimension = fc
      .tuple(fc.constantFrom("a", "b", "c"), fc.uniqueArray(fc.constantFrom("1", "2", "3", "x"), { minLength: 1 }))
      .map(([name, list]) => `${name}=${list.join(",")}`);
    const grid = fc.uniqueArray(dimension, { minLength: 1, selector: (text) => text[0] });
    fc.assert(
      fc.property(grid, fc.integer({ min: 1, max: 3 }), (given, repeat) => {
        const { points: made } = expand(plan({ grid: given, repeat }), 1000);
        const size = given.reduce((product, text) => product * text.split(",").length, repeat);
        expect(made.length).toBe(size);
        expect(new Set(made.map(pointKey)).size).toBe(size);
      }),
    );
  });
});

test("two ways to write a number are one point, and a text is not a number", () => {
  expect(pointKey({ lr: "1e-2", bs: "32" })).toBe(pointKey({ bs: "32.0", lr: "0.01" }));
  expect(pointKey({ a: "0x10" })).not.toBe(pointKey({ a: "16" }));
});

test("conditions compare numbers as numbers, and texts as texts", () => {
  const holds = (text: string, point: Record<string, string>) => parseCondition(text).holds(point);
  expect(holds("lr=1e-3", { lr: "0.001" })).toBe(true);
  expect(holds("lr>=1e-2", { lr: "0.1" })).toBe(true);
  expect(holds("lr<1e-2, opt=sgd", { lr: "0.001", opt: "sgd" })).toBe(true);
  expect(holds("lr<1e-2 opt!=sgd", { lr: "0.001", opt: "sgd" })).toBe(false);
  expect(holds("lr<1", {})).toBe(false);
  expect(() => parseCondition("nonsense")).toThrow("compares nothing");
});

test("values take the place of their names, or become options", () => {
  const point = { lr: "1e-3", bs: "32" };
  expect(pointArguments(["python3", "t.py", "-v"], point, "flag").slice(2)).toEqual([
    "-v",
    "--lr",
    "1e-3",
    "--bs",
    "32",
  ]);
  expect(pointArguments(["t.py"], point, "equals")).toEqual(["t.py", "--lr=1e-3", "--bs=32"]);
  expect(pointArguments(["t.py"], point, "bare")).toEqual(["t.py", "lr=1e-3", "bs=32"]);
  expect(pointArguments(["t.py", "--out=o-{lr}", "{else}"], point, "flag")).toEqual([
    "t.py",
    "--out=o-1e-3",
    "{else}",
    "--bs",
    "32",
  ]);
});
