/** What is new of a run of another tracker, and what contradicts that which was imported of it. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { artifactsWith, growthOf, growthWords, takeOver } from "../../../src/bundle/grown.ts";
import { grownPoints } from "../../../src/bundle/grown-points.ts";
import { leftOutOnRequest } from "../../../src/core/foreign-origin.ts";
import { type Manifest, newManifest } from "../../../src/run/manifest.ts";
import { tempFolder } from "../../support/temp.ts";

const origin = {
  ...{ run_id: "abc", user: "ana", host: null, from: "mlflow", experiment: "study", parameters: {}, tags: {} },
  ...{ imported_at: null, imported_by: null, updated_at: null, updated_by: null },
};

function foreign(more: Partial<Manifest> = {}, from: Partial<typeof origin> = {}): Manifest {
  const made = newManifest({
    ...{ run_id: "2025-01-02_k3f9ab", name: "r", user: "ana", command: "unknown", argv: ["unknown"] },
    queued_at: "2025-01-02T10:00:00.000Z",
    lineage: { kind: "import", origin: { ...origin, ...from } },
  });
  const times = { started_at: "2025-01-02T10:00:00.000Z", ended_at: "2025-01-02T11:00:00.000Z" };
  return { ...made, status: "cancelled", ...times, ...more };
}

const file = (path: string, size: number) => ({
  ...{ path, size_bytes: size, modified: "2025-01-02T10:00:00.000Z", sha256: `${path}${size}` },
});
const artifacts = (...files: ReturnType<typeof file>[]) => ({
  ...{ discovery_time: "2025-01-02T10:00:00.000Z", files, not_listed: 0 },
  total_size_bytes: files.reduce((sum, { size_bytes: size }) => sum + size, 0),
});

describe("a run that went on", () => {
  test("takes over its end, its values, parameters and labels; every word that was written here stays", () => {
    const here = foreign({ metadata: { note: "mine" } }, { parameters: { lr: "1", seed: "0" }, tags: { stage: "a" } });
    here.narrative.tags = ["keep"];
    const ended_at = "2025-01-02T12:00:00.000Z";
    const given = foreign(
      { status: "completed", ended_at, metrics: { loss: 0.1 }, metadata: { note: "theirs" }, name: "renamed" },
      { parameters: { lr: "1", epochs: "3" }, tags: { stage: "b" } },
    );
    const growth = growthOf(here, given);
    expect(growth.contradictions).toEqual([]);
    expect(growth.was).toMatchObject({ status: "cancelled", metrics: {}, tags: { stage: "a" } });
    takeOver(here, growth, { user: "bob", at: "2025-02-01T00:00:00.000Z" });
    expect(here).toMatchObject({ status: "completed", ended_at, metrics: { loss: 0.1 }, name: "r" });
    expect(here.lineage.origin).toMatchObject({
      ...{ parameters: { lr: "1", seed: "0", epochs: "3" }, tags: { stage: "b" } },
      ...{ updated_at: "2025-02-01T00:00:00.000Z", updated_by: "bob", user: "ana" },
    });
    expect([here.metadata.note, here.narrative.tags]).toEqual(["mine", ["keep"]]);
    expect(growthWords(growth, { newPoints: 1200, fresh: 1, grown: 2 })).toEqual([
      ...["1,200 new points", "cancelled, now completed", "1 new parameter", "other labels"],
      ...["1 new file", "2 files longer"],
    ]);
    expect(growthOf(here, given).value).toEqual({});
  });

  test("may be running again there, and may have lost files that are here", () => {
    const here = foreign({ status: "completed", artifacts: artifacts(file("a", 1), file("b", 2)) });
    const again = growthOf(here, foreign({ ended_at: null, remarks: [leftOutOnRequest("artifacts")] }));
    expect([again.contradictions, again.value]).toEqual([[], { status: "cancelled", ended_at: null }]);
    const joined = artifactsWith(here.artifacts, artifacts(file("b", 5), file("c", 1)));
    expect(joined?.files.map(({ path, size_bytes: size }) => [path, size])).toEqual([
      ["a", 1],
      ["b", 5],
      ["c", 1],
    ]);
    expect(joined?.total_size_bytes).toBe(7);
  });

  test("contradicts what was imported where it logged or began otherwise, or ended before that", () => {
    const here = foreign({}, { parameters: { lr: "1" } });
    const given = foreign(
      { started_at: "2025-01-02T10:30:00.000Z", ended_at: "2025-01-02T10:45:00.000Z" },
      { parameters: { lr: "2" } },
    );
    expect(growthOf(here, given).contradictions).toEqual([
      "parameter `lr` was `1` and is `2` there now",
      "it began at 2025-01-02T10:00:00.000Z, and there it did not",
      "it ended at 2025-01-02T11:00:00.000Z, and there it ended before that",
    ]);
  });
});

describe("points", () => {
  const written = (...points: [string, number | string, number | null, number?][]) => {
    const path = join(tempFolder(), "metrics.jsonl");
    const lines = points.map(([name, value, step, t = 0]) => JSON.stringify({ name, value, step, t }));
    writeFileSync(path, `${lines.join("\n")}\n`);
    return path;
  };

  test("go on where each metric begins as it did, whatever stands between", async () => {
    const here = written(["a", 1, 0], ["b", "NaN", 0], ["a", 2, 1]);
    const there = written(["b", "NaN", 0], ["a", 1, 0], ["a", 2, 1], ["c", 1, 0], ["a", 3, 2]);
    expect(await grownPoints(here, there, { withTimes: true })).toEqual({ fresh: 2, others: [] });
    expect(await grownPoints("/nowhere", there, { withTimes: true })).toEqual({ fresh: 5, others: [] });
  });

  test("that are gone, others, or in another order are named; in a table the time alone says nothing", async () => {
    const here = written(["a", 1, 0, 5], ["a", 2, 1, 5], ["b", 1, 0, 5]);
    const swapped = written(["a", 2, 1, 5], ["a", 1, 0, 5], ["b", 1, 0, 5]);
    expect(await grownPoints(here, swapped, { withTimes: true })).toEqual({ fresh: 0, others: ["a"] });
    const fewer = written(["a", 1, 0, 5], ["b", 2, 0, 5], ["c", 2, 0, 5]);
    expect((await grownPoints(here, fewer, { withTimes: true })).others).toEqual(["a", "b"]);
    const later = written(["a", 1, 0, 9], ["a", 2, 1, 9], ["b", 1, 0, 9]);
    expect((await grownPoints(here, later, { withTimes: true })).others).toEqual(["a", "b"]);
    expect((await grownPoints(here, later, { withTimes: false })).others).toEqual([]);
    expect((await grownPoints(here, "/nowhere", { withTimes: true })).others).toEqual(["a", "b"]);
  });
});
