import { describe, expect, test } from "bun:test";
import { compareRuns } from "../../../src/keep/compare.ts";
import { type Manifest, newManifest } from "../../../src/run/manifest.ts";

function run(id: string, metrics: Manifest["metrics"], more: Partial<Manifest> = {}): Manifest {
  const made = newManifest({
    run_id: id,
    name: "t",
    user: "ana",
    command: "x",
    argv: ["x"],
    queued_at: "2026-01-01T00:00:00Z",
  });
  return { ...made, status: "completed", exit_code: 0, metrics, ...more };
}
const compare = (a: Manifest, b: Manifest, more: { tolerance?: number; repeats?: Manifest[]; names?: string[] } = {}) =>
  compareRuns(a, b, { tolerance: null, repeats: [], names: [], ...more });

describe("did it come out the same again?", () => {
  test("to within rounding where nothing else is known", () => {
    expect(compare(run("a", { loss: 0.5 }), run("b", { loss: 0.5 + 1e-8 }))).toMatchObject({ verdict: "reproduced" });
    const found = compare(run("a", { loss: 0.5 }), run("b", { loss: 0.501 }));
    expect(found).toMatchObject({ verdict: "not_reproduced", sentence: "0 of 1 metric is the same" });
    expect(found.metrics[0]).toMatchObject({ by: "default", allowed: 1e-6, equal: false });
    expect(found.metrics[0]?.difference).toBeCloseTo(0.002, 9);
  });

  test("within a tolerance that was asked for", () => {
    const [a, b] = [run("a", { loss: 0.5, acc: 0 }), run("b", { loss: 0.504, acc: 0.005 })];
    expect(compare(a, b, { tolerance: 0.01 }).verdict).toBe("reproduced");
    expect(compare(a, b, { tolerance: 0.001 }).metrics.map((match) => match.equal)).toEqual([false, false]);
  });

  test("within the noise of earlier repeats, and not beyond", () => {
    const repeats = [0.5, 0.51, 0.49, 0.505, 0.495].map((loss, at) => run(`r${at}`, { loss }));
    const source = repeats[0] as Manifest;
    expect(compare(source, run("b", { loss: 0.52 }), { repeats })).toMatchObject({
      verdict: "reproduced",
      metrics: [{ by: "noise" }],
    });
    expect(compare(source, run("b", { loss: 0.6 }), { repeats }).verdict).toBe("not_reproduced");
  });

  test("noise is claimed of a metric only where two repeats have a value of it, and names those alone", () => {
    const repeats = [
      run("r0", { loss: 0.5, acc: 0.9 }),
      run("r1", { acc: 0.92 }),
      run("r2", { acc: "NaN" }),
      run("r3", {}),
    ];
    const found = compare(repeats[0] as Manifest, run("b", { loss: 0.5, acc: 0.91 }), { repeats });
    expect(found.metrics.map(({ name, by, repeats }) => [name, by, repeats])).toEqual([
      ["loss", "default", 0],
      ["acc", "noise", 2],
    ]);
    expect(found.repeats).toEqual(["r0", "r1"]);
    const without = compare(run("a", { loss: 0.5 }), run("b", { loss: 0.5 }), { repeats: repeats.slice(1) });
    expect(without).toMatchObject({ verdict: "reproduced", repeats: [] });
  });

  test("time and load are left out, and so is what we derived; a metric that is missing now is not the same", () => {
    const source = run("a", {
      loss: 1,
      best_loss: 1,
      final_loss: 1,
      training_time_hours: 1,
      "step/sec": 3,
      fps: 2,
      acc: 1,
    });
    const found = compare(source, run("b", { loss: 1, training_time_hours: 2 }));
    expect(found.metrics.map(({ name, equal }) => `${name} ${equal}`)).toEqual(["loss true", "acc false"]);
    expect(found.not_compared).toEqual(["training_time_hours", "step/sec", "fps"]);
  });

  test("NaN is NaN, and infinity has a sign", () => {
    const values: Manifest["metrics"] = { a: "NaN", b: "Infinity" };
    expect(compare(run("a", values), run("b", values)).verdict).toBe("reproduced");
    expect(compare(run("a", values), run("b", { a: "NaN", b: "-Infinity" })).verdict).toBe("not_reproduced");
    expect(compare(run("a", { a: 1 }), run("b", { a: "NaN" })).verdict).toBe("not_reproduced");
  });

  test("without metrics the artifacts decide; without either nothing is claimed", () => {
    const artifacts = (sha256: string) => ({
      artifacts: {
        discovery_time: "",
        files: [{ path: "w.bin", size_bytes: 1, modified: "", sha256 }],
        total_size_bytes: 1,
        not_listed: 0,
      },
    });
    expect(compare(run("a", {}, artifacts("1")), run("b", {}, artifacts("1"))).verdict).toBe("reproduced");
    expect(compare(run("a", {}, artifacts("1")), run("b", {}, artifacts("2")))).toMatchObject({
      verdict: "not_reproduced",
      artifacts: { same: 0, compared: 1, differing: ["w.bin"] },
    });
    expect(compare(run("a", {}), run("b", {})).verdict).toBe("undecided");
  });

  test("another end is no reproduction; one that has not ended is pending", () => {
    const failed = run("b", { loss: 1 }, { status: "failed", exit_code: 1 });
    expect(compare(run("a", { loss: 1 }), failed)).toMatchObject({
      verdict: "not_reproduced",
      sentence: "it is failed, and a is completed",
    });
    expect(compare(run("a", { loss: 1 }), run("b", {}, { status: "running" })).verdict).toBe("pending");
  });

  test("what differs around them is named: packages, versions, variables, hardware", () => {
    const a = run("a", { loss: 1 });
    const b = run("b", { loss: 1 });
    a.environment = {
      ...a.environment,
      python_version: "3.11.7",
      pip_freeze: "numpy==1\nsix==1\n",
      env_vars: { OMP_NUM_THREADS: "1", PATH: "x" },
    };
    b.environment = {
      ...b.environment,
      python_version: "3.12.1",
      pip_freeze: "numpy==2\ntorch==2\n",
      env_vars: { PATH: "y" },
    };
    b.environment.os = "Debian";
    a.environment.os = "Debian";
    b.resources = { ...b.resources, cpu_model: "EPYC" };
    const found = compare(a, b);
    expect(found.environment).toEqual([
      { what: "python_version", source: "3.11.7", again: "3.12.1" },
      { what: "package numpy", source: "1", again: "2" },
      { what: "package six", source: "1", again: null },
      { what: "package torch", source: null, again: "2" },
      { what: "variable OMP_NUM_THREADS", source: "1", again: null },
    ]);
    expect(found.hardware).toEqual([{ what: "cpu_model", source: null, again: "EPYC" }]);
  });
});
