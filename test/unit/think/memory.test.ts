/** Memory: lessons said once, dead ends that are none any more, trees that end, insights that claim no more than they know. */
import { expect, test } from "bun:test";
import { collectDeadEnds } from "../../../src/think/dead-ends.ts";
import { insightsOf, tellingMetric } from "../../../src/think/insights.ts";
import { collectLessons, type GroupWords } from "../../../src/think/lessons.ts";
import { lineageOf } from "../../../src/think/lineage.ts";
import type { RunFacts } from "../../../src/think/run-facts.ts";
import { facts } from "./facts.ts";

const group = (given: Partial<GroupWords> = {}): GroupWords => ({
  group: "bs",
  user: "ana",
  at: "2026-11-20T00:00:00Z",
  hypothesis: null,
  outcome: null,
  verdict: null,
  tags: [],
  learnings: [],
  next_steps: [],
  ...given,
});

test("a lesson that several drew is said once, the latest first", () => {
  const runs = [facts({ learnings: ["Warmup helps."] }), facts({ learnings: ["warmup  helps", "batch 96 fits"] })];
  const lessons = collectLessons(runs, [group({ learnings: ["scaling holds"] })], "learnings");
  expect(lessons.map(({ text, sources }) => [text, sources.length])).toEqual([
    ["Warmup helps.", 2],
    ["batch 96 fits", 1],
    ["scaling holds", 1],
  ]);
});

const failing = (given: Partial<RunFacts> = {}) =>
  facts({ status: "failed", failure: "gpu_oom", parameters: { batch: 512, seed: 1 }, ...given });

test("what failed every time in one way is a dead end; once is chance, and one success ends it", () => {
  expect(collectDeadEnds([failing()], [])).toEqual([]);
  const twice = [failing(), failing({ parameters: { batch: 512, seed: 2 }, snapshot: "other" })];
  expect(collectDeadEnds(twice, [])).toMatchObject([
    { kind: "always_failed", failure: "gpu_oom", parameters: { batch: 512 } },
  ]);
  expect(collectDeadEnds([...twice, facts({ parameters: { batch: 512 } })], [])).toEqual([]);
  expect(collectDeadEnds([...twice, failing({ failure: "timeout" })], [])).toEqual([]);
});

test("what was refuted is told with its reason, runs of one hypothesis together, groups too", () => {
  const said = { verdict: "refutes", hypothesis: "warmup helps" } as const;
  const ends = collectDeadEnds(
    [facts(said), facts({ ...said, outcome: "worse", learnings: ["not at 1e-3"] })],
    [group({ verdict: "refutes", hypothesis: "linear scaling", at: "2026-11-25T00:00:00Z" })],
  );
  expect(ends.map(({ what, because, runs }) => [what, because, runs.length])).toEqual([
    ["linear scaling", null, 0],
    ["warmup helps", "worse; not at 1e-3", 2],
  ]);
});

test("a tree is drawn depth first, and a loop in damaged records ends", () => {
  const root = facts({ run_id: "r" });
  const left = facts({ run_id: "l", parent: "r" });
  const right = facts({ run_id: "x", parent: "r" });
  const leaf = facts({ run_id: "f", parent: "l" });
  const beyond = facts({ run_id: "b", parent: "elsewhere" });
  const nodes = lineageOf([leaf, right, left, root, beyond]);
  expect(nodes.map(({ run_id, depth }) => [run_id, depth])).toEqual([
    ["r", 0],
    ["l", 1],
    ["f", 2],
    ["x", 1],
    ["b", 0],
  ]);
  expect(nodes.find(({ run_id }) => run_id === "f")?.last).toEqual([false, true]);
  expect(nodes.at(-1)?.beyond).toBe("elsewhere");
  expect(lineageOf([facts({ run_id: "p", parent: "q" }), facts({ run_id: "q", parent: "p" })])).toHaveLength(2);
});

test("a parameter that moves the metric is named, one that does not is not, and few runs say so", () => {
  const runs = [1, 2, 3, 4, 5, 6].flatMap((lr) =>
    [0, 1].map((seed) =>
      facts({
        parameters: { lr, seed, other: (lr * 7 + seed) % 3 },
        metrics: { val_acc: lr / 10 + seed / 1000, loss: 1 },
      }),
    ),
  );
  const { parameters, metric, best, noise } = insightsOf(runs, null);
  expect(metric).toBe("val_acc");
  expect(parameters.map(({ parameter, finding }) => [parameter, finding])).toEqual([
    ["lr", "moves"],
    ["other", "no_sign"],
  ]);
  expect(best?.value).toBeCloseTo(0.601);
  // Repeats differ in `other` here: there are none, so nothing is said of noise.
  expect(noise).toBeNull();
  expect(insightsOf(runs.slice(0, 4), null).parameters[0]?.finding).toBe("too_few");
  expect(tellingMetric([])).toBeNull();
});

/** Numbers from 0 to 1, the same every time. */
function drawn(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

const finding = (runs: RunFacts[]) =>
  Object.fromEntries(insightsOf(runs, "val_acc").parameters.map((one) => [one.parameter, one.finding]));

test("two parameters that change together are both named, and neither is said to move the metric", () => {
  const random = drawn(4);
  const runs = [1, 2, 4, 8].flatMap((step) =>
    [0, 1, 2].map((seed) => {
      const parameters = { lr: step * 0.001, batch_size: step * 32, optimizer: step > 2 ? "sgd" : "adam", seed };
      return facts({ parameters, metrics: { val_acc: 0.5 + step / 20 + random() / 100 } });
    }),
  );
  const { parameters } = insightsOf(runs, null);
  expect(parameters.map((one) => [one.parameter, one.finding, one.alone])).toEqual([
    ["lr", "not_alone", 0],
    ["batch_size", "not_alone", 0],
    ["optimizer", "not_alone", 0],
  ]);
  expect(parameters[0]?.along).toEqual(["batch_size"]);
  // As soon as enough runs differ in one alone, these are asked, and the other is out of it.
  const apart = [1, 2, 4, 8].flatMap((step) =>
    [0, 1, 2].map((seed) => {
      const parameters = { lr: step * 0.001, batch_size: 32, optimizer: "adam", seed };
      return facts({ parameters, metrics: { val_acc: 0.6 + random() / 100 } });
    }),
  );
  expect(finding([...runs, ...apart])).toMatchObject({ lr: "no_sign" });
});

test("a change of the code along with a parameter is named", () => {
  const runs = [0.1, 0.2].flatMap((lr) =>
    [0, 1, 2, 3].map((seed) =>
      facts({ parameters: { lr, seed }, snapshot: `code-${lr}`, metrics: { val_acc: lr + seed / 1000 } }),
    ),
  );
  expect(insightsOf(runs, null).parameters[0]).toMatchObject({ finding: "not_alone", along: ["code"] });
});

test("where nothing moves the metric, hardly ever is anything said to, however few the runs", () => {
  const random = drawn(11);
  let wrong = 0;
  const sweeps = 200;
  for (let at = 0; at < sweeps; at++) {
    const runs = Array.from({ length: 5 + (at % 6) }, (_, seed) =>
      facts({
        parameters: { lr: random(), depth: Math.floor(random() * 3), optimizer: random() < 0.5 ? "adam" : "sgd", seed },
        metrics: { val_acc: random() },
      }),
    );
    if (Object.values(finding(runs)).some((one) => one === "moves" || one === "not_alone")) wrong += 1;
  }
  expect(wrong / sweeps).toBeLessThan(0.07);
});

test("an effect that is less than what repeats differ by is called small; runs that broke off are left out", () => {
  const random = drawn(3);
  const runs = [0, 1].flatMap((amp) =>
    Array.from({ length: 200 }, (_, seed) =>
      facts({ parameters: { amp, seed }, metrics: { val_acc: 0.9 + amp / 100 + (random() - 0.5) / 10 } }),
    ),
  );
  const cut = Array.from({ length: 50 }, () =>
    facts({ status: "failed", failure: "oom", parameters: { amp: 1 }, metrics: { val_acc: 0.1 } }),
  );
  const insights = insightsOf([...runs, ...cut], null);
  expect(insights).toMatchObject({ measured: 400, not_counted: 50 });
  expect(insights.parameters[0]).toMatchObject({ finding: "moves", small: true, n: 400, alone: 400 });
});

test("many numbers are told in ranges of equally many runs, many words by the most frequent", () => {
  const runs = Array.from({ length: 40 }, (_, at) =>
    facts({ parameters: { lr: at + 1, arch: `w${at % 12}` }, metrics: { val_acc: at } }),
  );
  const without = facts({ parameters: {}, metrics: { val_acc: 1 } });
  const seeds = [3, 1, 2].map((depth) => facts({ parameters: { depth }, metrics: { val_acc: depth } }));
  expect(insightsOf([without, ...seeds, ...seeds], null).parameters[0]?.values.map(({ value }) => value)).toEqual([
    1,
    2,
    3,
    null,
  ]);
  const [lr, words] = insightsOf(runs, null).parameters;
  expect(lr?.values.map(({ value, n }) => [value, n])).toEqual([
    ["1 to 10", 10],
    ["11 to 20", 10],
    ["21 to 30", 10],
    ["31 to 40", 10],
  ]);
  expect([words?.values.length, words?.more]).toEqual([8, 4]);
});

test("failures are set apart by what they have in common, requests by what was used of them", () => {
  const asked = { requested: { gpus: 0, cpu_cores: 8, ram_gb: 64, max_runtime_hours: null } };
  const runs = [32, 64, 128, 256].flatMap((batch) => [
    facts({ ...asked, parameters: { batch }, used: { ram_gb: 8, cpu_cores: 7, gpu_share: null } }),
    batch < 128 ? facts({ parameters: { batch } }) : failing({ parameters: { batch } }),
    batch < 128 ? facts({ parameters: { batch } }) : failing({ parameters: { batch } }),
  ]);
  const { failures, waste } = insightsOf(runs, null);
  expect(failures).toMatchObject([
    { failure: "gpu_oom", where: "batch >= 128", failed: 4, of: 6, elsewhere: { failed: 0, of: 6 } },
  ]);
  expect(waste).toMatchObject([{ what: "ram", n: 4, asked: 64, used: 8 }]);
});
