/** What is learned from past runs: signatures, distances, intervals that hold as often as they say, proposals. */
import { describe, expect, test } from "bun:test";
import { newManifest } from "../../../src/run/manifest.ts";
import { argumentsOf, type PastRun, pastRunOf, signatureOf } from "../../../src/run/past-run.ts";
import { estimateFrom, intervalBeyond, intervalOf, together } from "../../../src/schedule/estimate.ts";
import { distanceOf, predict, predictedOf, propose } from "../../../src/schedule/predict.ts";
import { seeded } from "../../support/seeded.ts";

const queued = (argv: string[], gpus = 0) =>
  newManifest({
    run_id: "2026-11-23_aaaaaa",
    name: "n",
    user: "ana",
    command: argv.join(" "),
    argv,
    queued_at: "2026-11-23T10:00:00.000Z",
    resources: { requested: { gpus } },
  });

function past(seconds: number, args: Record<string, string> = {}, also: Partial<PastRun> = {}): PastRun {
  return {
    run_id: `2026-11-23_${Math.random().toString(36).slice(2, 8)}`,
    user: "ana",
    group: null,
    script: "train.py",
    args,
    ended_at_ms: 0,
    outcome: "completed",
    why: null,
    seconds,
    ram_gb: 4,
    gpu_memory_gb: null,
    host: null,
    gpu_ids: [],
    forecasts: [],
    ...also,
  };
}

describe("the signature of a run", () => {
  test("names the script and its arguments, however they are written", () => {
    const args = { lr: "3e-4", epochs: "5", "0": "x", fast: "", gpus: "0" };
    for (const words of [
      ["--lr", "3e-4", "--epochs=5", "x", "--fast"],
      ["--lr=3e-4", "epochs=5", "x", "--fast"],
    ])
      expect(signatureOf(queued(["python3", "train.py", ...words]))).toEqual({ script: "train.py", args });
  });

  test("leaves out what only names things", () => {
    expect(argumentsOf(["--seed", "3", "--output-dir", "o", "--run_name=a", "--lr", "-1"])).toEqual({ lr: "-1" });
  });

  test("knows modules and plain programs", () => {
    expect(signatureOf(queued(["python3", "-m", "pkg.train", "--lr", "1"])).script).toBe("-m pkg.train");
    expect(signatureOf(queued(["sleep", "5"]))).toEqual({ script: "sleep", args: { "0": "5", gpus: "0" } });
  });

  test("a run that has not ended teaches nothing", () => {
    expect(pastRunOf(queued(["true"]))).toBeNull();
    const ended = { ...queued(["true"]), status: "completed" as const, started_at: "2026-11-23T10:00:01.000Z" };
    expect(pastRunOf({ ...ended, ended_at: "2026-11-23T10:00:03.500Z" })?.seconds).toBe(2.5);
  });
});

describe("a prediction", () => {
  test("nothing known gives none", () => {
    expect(predict([], { script: "train.py", args: {} })).toBeNull();
    expect(predict([past(60)], { script: "other.py", args: {} })).toBeNull();
    const failed = past(60, {}, { outcome: "code_error", ram_gb: null });
    expect(predict([failed], { script: "train.py", args: {} })).toBeNull();
  });

  test("rests on equal runs where there are any, else on near ones, and says which", () => {
    const runs = [past(100, { lr: "1" }), past(110, { lr: "1" }), past(9000, { lr: "2" })];
    const same = predict(runs, { script: "train.py", args: { lr: "1" } });
    expect(same).toMatchObject({ basis: "same", runs: 2 });
    expect(same?.seconds?.middle).toBeGreaterThan(99);
    expect(same?.seconds?.middle).toBeLessThan(111);
    const similar = predict(runs, { script: "train.py", args: { lr: "1.5" } });
    expect(similar).toMatchObject({ basis: "similar", runs: 3 });
    const width = (interval: { low: number; high: number } | null | undefined) =>
      (interval?.high ?? 0) / (interval?.low ?? 1);
    expect(width(similar?.seconds)).toBeGreaterThan(width(same?.seconds));
  });

  test("runs that failed count for memory and not for time", () => {
    const oom = past(5, {}, { outcome: "oom", ram_gb: 16 });
    const found = predict([oom, past(100), past(100)], { script: "train.py", args: {} });
    expect(found?.ram_gb).toEqual({ typical: 4, most: 16 });
    expect(found?.seconds?.low).toBeGreaterThan(50);
  });

  test("nearer arguments weigh more", () => {
    expect(distanceOf({ lr: "1" }, { lr: "10" })).toBe(1);
    expect(distanceOf({ lr: "1" }, { lr: "2" })).toBeCloseTo(0.301, 3);
    expect(distanceOf({ model: "a" }, { model: "b" })).toBe(1);
    expect(distanceOf({ a: "1" }, {})).toBe(1);
    const runs = [past(100, { n: "100" }), past(1000, { n: "1000" })];
    const near = predict(runs, { script: "train.py", args: { n: "900" } })?.seconds?.middle ?? 0;
    expect(near).toBeGreaterThan(Math.sqrt(100 * 1000));
  });

  test("an interval narrows with experience and holds about 8 times of 10", () => {
    const random = seeded(7);
    const normal = () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    for (const [size, sd] of [
      [3, 0.15],
      [10, 0.3],
      [40, 0.05],
    ] as const) {
      let hits = 0;
      const rounds = 2000;
      for (let round = 0; round < rounds; round += 1) {
        const draw = () => 600 * Math.exp(sd * normal());
        const runs = Array.from({ length: size }, () => past(draw()));
        const interval = predict(runs, { script: "train.py", args: {} })?.seconds;
        const next = draw();
        if (interval && next >= interval.low && next <= interval.high) hits += 1;
      }
      expect(hits / rounds).toBeGreaterThan(0.75);
      expect(hits / rounds).toBeLessThan(0.93);
    }
  });

  test("a proposal has room above what was seen; no time limit is guessed from other arguments", () => {
    const runs = [past(100, { lr: "1" }), past(100, { lr: "1" })];
    const same = predict(runs, { script: "train.py", args: { lr: "1" } });
    const similar = predict(runs, { script: "train.py", args: { lr: "2" } });
    if (same === null || similar === null) throw new Error("nothing predicted");
    expect(propose(same)).toMatchObject({ ram_gb: 5, gpu_memory_gb: null });
    expect((propose(same).max_runtime_hours ?? 0) * 3600).toBeGreaterThanOrEqual(200);
    expect(propose(similar).max_runtime_hours).toBeNull();
    expect(predictedOf(same)).toMatchObject({ basis: "same", runs: 2, ram_peak_gb: 4, gpu_memory_peak_gb: null });
  });
});

describe("an estimate", () => {
  test("known to last longer moves up, and is null once refuted", () => {
    const estimate = { mean: Math.log(100), sd: 0.2 };
    const after = intervalBeyond(estimate, 110);
    expect(after?.low).toBeGreaterThan(110);
    expect(after?.high).toBeGreaterThan(intervalOf(estimate).middle);
    expect(intervalBeyond(estimate, 500)).toBeNull();
    expect(intervalBeyond(estimate, 0)).toEqual(intervalOf(estimate));
  });

  test("two beliefs together are surer than either", () => {
    const both = together({ mean: 1, sd: 0.2 }, { mean: 2, sd: 0.2 });
    expect(both?.mean).toBeCloseTo(1.5);
    expect(both?.sd).toBeLessThan(0.2);
    expect(together(null, { mean: 1, sd: 1 })).toEqual({ mean: 1, sd: 1 });
    expect(estimateFrom([], { sd: 1, degrees: 2 })).toBeNull();
  });
});
