/** What differs, what varies, what explains it: only what the runs themselves bear witness of. */
import { expect, test } from "bun:test";
import { newManifest } from "../../../src/run/manifest.ts";
import { compareRuns } from "../../../src/think/comparison.ts";
import { differencesOf, packagesOf, type Side } from "../../../src/think/difference.ts";
import { explainGap } from "../../../src/think/explanation.ts";
import { signatureOf } from "../../../src/think/run-facts.ts";
import {
  differenceChance,
  median,
  pooledSpread,
  rankChance,
  rankCorrelation,
  tailOfF,
} from "../../../src/think/statistics.ts";
import { facts } from "./facts.ts";

function side(given: object, parameters: Side["parameters"] = {}): Side {
  const manifest = newManifest({
    run_id: "x",
    name: "x",
    user: "ana",
    command: "x",
    argv: ["x"],
    queued_at: "x",
    ...given,
  });
  return { manifest, script: "train.py", parameters };
}

test("equal runs do not differ", () => {
  expect(differencesOf(side({}), side({}), [])).toEqual([]);
});

test("causes come before results, the likeliest first; seeds and folders last", () => {
  const a = side(
    { environment: { pip_freeze: "torch==2.0.1\nsix==1" } },
    { lr: 0.1, seed: 1, save_dir: "a", epochs: 10 },
  );
  const b = side(
    { environment: { pip_freeze: "torch==2.1.0\nsix==2" }, metrics: { val_acc: 0.9 } },
    { lr: 0.001, seed: 2, save_dir: "b", epochs: 12 },
  );
  const found = differencesOf(a, b, [{ key: "README.md", a: "there", b: "changed", weight: 10 }]);
  expect(found.map(({ facet }) => facet)).toEqual(["arguments", "packages", "code", "metrics"]);
  expect(found[0]?.rows.map(({ key }) => key)).toEqual(["lr", "epochs", "seed", "save_dir"]);
  expect(found[1]?.rows.map(({ key }) => key)).toEqual(["torch", "six"]);
});

test("a best value that is the last one is told once", () => {
  const metrics = (best_loss: number, loss: number) => {
    const one = side({});
    return { ...one, manifest: { ...one.manifest, metrics: { best_loss, loss } } };
  };
  const keys = (a: Side, b: Side) => differencesOf(a, b, []).flatMap(({ rows }) => rows.map(({ key }) => key));
  expect(keys(metrics(1, 1), metrics(2, 2))).toEqual(["loss"]);
  expect(keys(metrics(1, 1), metrics(2, 3))).toEqual(["best_loss", "loss"]);
});

test("packages are read from a freeze, also those from a path", () => {
  expect(packagesOf("Torch==2.0\nmy_lib @ file:///x\n-e git+https://x\n")).toEqual({
    torch: "2.0",
    "my-lib": "file:///x",
  });
});

test("a comparison shows what varies, and says what is the same", () => {
  const runs = [
    facts({ parameters: { lr: 0.1, epochs: 5 }, metrics: { val_acc: 0.8, best_val_acc: 0.85 }, verdict: "refutes" }),
    facts({ parameters: { lr: 0.2, epochs: 5 }, metrics: { val_acc: 0.9 } }),
  ];
  const { columns, same } = compareRuns(runs, { metrics: null, all: false });
  expect(columns.map(({ name }) => name)).toEqual(["lr", "val_acc", "seconds", "verdict"]);
  expect(columns.find(({ name }) => name === "val_acc")).toMatchObject({ values: [0.8, 0.9], better: "max" });
  expect(same).toContainEqual({ name: "epochs", value: 5 });
  expect(compareRuns(runs, { metrics: ["best_val_acc"], all: true }).columns.map(({ name }) => name)).toContain(
    "epochs",
  );
});

test("what a waiting run does not know yet is no difference; that a run had no GPU is one", () => {
  const waiting = facts({ status: "queued", started_at: null, ended_at: null, host: null, python: null });
  const names = (...runs: Parameters<typeof compareRuns>[0]) =>
    compareRuns(runs, { metrics: null, all: false }).columns.map(({ name }) => name);
  expect(names(facts(), waiting)).toEqual(["seconds", "status"]);
  expect(compareRuns([waiting, facts()], { metrics: null, all: false }).same).toContainEqual({
    name: "host",
    value: "gpu01",
  });
  expect(names(facts({ gpu: "A100" }), facts())).toContain("gpu");
});

test("a signature leaves out seeds and places, and nothing else", () => {
  const run = facts({ parameters: { lr: 0.1, seed: 1, save_dir: "a" } });
  expect(signatureOf({ ...run, parameters: { lr: 0.1, seed: 2, save_dir: "b" } })).toBe(signatureOf(run));
  expect(signatureOf({ ...run, parameters: { lr: 0.2 } })).not.toBe(signatureOf(run));
  expect(signatureOf({ ...run, snapshot: "s2" })).not.toBe(signatureOf(run));
});

const sweep = (lr: number, values: number[]) =>
  values.map((val_acc, seed) => facts({ parameters: { lr, seed }, metrics: { val_acc } }));
const lrRow = [{ facet: "arguments" as const, rows: [{ key: "lr", a: 0.1, b: 0.2, weight: 90 }] }];

test("a gap beyond what repeats show is explained by the pairs that differ in one thing", () => {
  const pool = [...sweep(0.1, [0.8, 0.801, 0.799]), ...sweep(0.2, [0.9, 0.902, 0.898])];
  const [a, b] = [pool[0], pool[3]];
  if (a === undefined || b === undefined) throw new Error("no runs");
  const explained = explainGap({ a, b, metric: "val_acc", pool, differences: lrRow });
  expect(explained.verdict).toBe("beyond_noise");
  expect(explained.noise).toMatchObject({ runs: 6, groups: 2, freedom: 4, own: true });
  expect(explained.causes[0]).toMatchObject({ key: "lr", evidence: { pairs: 2, same_way: 2, runs: 4 } });
});

test("a gap that repeats show as well is within noise, and without repeats nothing is claimed", () => {
  const noisy = [...sweep(0.1, [0.8, 0.7, 0.9]), ...sweep(0.2, [0.85, 0.75, 0.95])];
  const [a, b] = [noisy[0], noisy[3]];
  if (a === undefined || b === undefined) throw new Error("no runs");
  expect(explainGap({ a, b, metric: "val_acc", pool: noisy, differences: lrRow }).verdict).toBe("within_noise");
  const alone = explainGap({ a, b, metric: "val_acc", pool: [a, b], differences: lrRow });
  expect(alone).toMatchObject({ verdict: "cannot_tell", noise: null, causes: [{ evidence: null }] });
});

test("neither the two themselves nor what broke off bears witness, and a run that broke off is said to be one", () => {
  const pool = [...sweep(0.1, [0.8, 0.801, 0.799]), ...sweep(0.2, [0.9, 0.902])];
  const cut = facts({ status: "failed", failure: "oom", parameters: { lr: 0.2, seed: 9 }, metrics: { val_acc: 0.1 } });
  const [a] = pool;
  if (a === undefined) throw new Error("no runs");
  const explained = explainGap({ a, b: cut, metric: "val_acc", pool: [...pool, cut], differences: lrRow });
  expect(explained.reserves).toEqual(["b broke off (oom): its last value may be of an earlier step"]);
  expect(explained.noise).toMatchObject({ runs: 5 });
  // Seed 1 has a pair that neither of the two is in; it went the other way than the run that broke off.
  expect(explained.causes[0]?.evidence).toMatchObject({ pairs: 1, same_way: 0, runs: 2 });
});

test("the statistics say nothing where there is nothing to say", () => {
  expect(pooledSpread([[1], [2]])).toBeNull();
  expect(
    pooledSpread([
      [1, 3],
      [5, 7],
    ]),
  ).toMatchObject({ deviation: Math.SQRT2, freedom: 2 });
  expect(median([3, 1, 2])).toBe(2);
  expect(median([4, 1, 2, 3])).toBe(2.5);
  expect(
    rankCorrelation([
      [1, 1],
      [2, 1],
    ]),
  ).toBeNull();
  expect(
    rankCorrelation([
      [1, 10],
      [2, 20],
      [3, 30],
    ]),
  ).toBeCloseTo(1);
  expect(rankChance([1, 2, 3, 4].map((x) => [x, x]))).toBeNull();
  expect(differenceChance([[1, 2]])).toBeNull();
  expect(differenceChance([[1], [2], [3]])).toBeNull();
});

test("chances are those of the tables", () => {
  // Student's t at 95 %, two-sided, squared: 4 degrees 2.776, 10 degrees 2.228; F(2, 9) at 95 %: 4.256.
  expect(tailOfF(2.776 ** 2, 1, 4)).toBeCloseTo(0.05, 3);
  expect(tailOfF(2.228 ** 2, 1, 10)).toBeCloseTo(0.05, 3);
  expect(tailOfF(4.256, 2, 9)).toBeCloseTo(0.05, 3);
  expect(tailOfF(1, 1, 100_000)).toBeCloseTo(0.3173, 3);
  expect(tailOfF(Number.POSITIVE_INFINITY, 1, 4)).toBe(0);
  // Five in order are 2 of 120 ways; one neighbour changed, 10 of 120, is not beyond chance at 95 %.
  const inOrder = [1, 2, 3, 4, 5].map((x): [number, number] => [x, x]);
  expect(rankChance(inOrder)).toBeCloseTo(2 / 120, 2);
  expect(rankChance(inOrder.map(([x, y]) => [x, y === 4 ? 5 : y === 5 ? 4 : y]))).toBeGreaterThan(0.05);
  expect(rankChance(Array.from({ length: 40 }, (_, x) => [x, (x * 17) % 40]))).toBeGreaterThan(0.05);
  expect(
    differenceChance(
      [
        [1, 1],
        [2, 2],
      ].map((group) => [...group, ...group]),
    ),
  ).toBe(0);
  expect(
    differenceChance([
      [1, 1],
      [1, 1],
    ]),
  ).toBe(1);
});
