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
