/** MLflow → run folders → MLflow: what went in comes out, to the last digit; and what our own runs become there. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { packBundle } from "../../../src/bundle/write-archive.ts";
import type { ForeignRun } from "../../../src/foreign/foreign-run.ts";
import { layOutAll } from "../../../src/foreign/lay-out.ts";
import { readMlflow } from "../../../src/foreign/mlflow.ts";
import { MlflowNames } from "../../../src/foreign/mlflow-names.ts";
import { writeMlflow } from "../../../src/foreign/mlflow-write.ts";
import { unpackRuns } from "../../../src/foreign/unpack.ts";
import { newManifest } from "../../../src/run/manifest.ts";
import { tempFolder } from "../../support/temp.ts";

const wishes = { experiment: null, artifacts: true, unfinished: false, skipBroken: false };

async function facts(run: ForeignRun) {
  const points: unknown[] = [];
  await run.points((point) => points.push(point));
  const { files, tags, originId, parameters, status, startedMs, endedMs, note, parentId, experiment, name, user } = run;
  const contents = files.map(({ root, inside, as }) => [as, fs.readFileSync(join(root, inside), "utf8")]);
  return {
    originId,
    name,
    user,
    experiment,
    parameters,
    status,
    startedMs,
    endedMs,
    note,
    parentId,
    tags,
    points,
    contents,
  };
}

test("parameters, metrics with steps and times, tags, states, parents and files come back as they were", async () => {
  for (const kind of ["mlruns", "mlflow.db"]) {
    const first = await readMlflow(join(import.meta.dir, "../../data/mlflow", kind), kind, wishes);
    const folder = tempFolder("trip-");
    fs.mkdirSync(join(folder, "points"));
    const composed = await layOutAll(first.runs, { folder: join(folder, "points"), nowMs: Date.now() });
    await Bun.write(join(folder, "bundle"), new Response(packBundle(composed, "zstd")));
    const unpacked = await unpackRuns(join(folder, "bundle"), join(folder, "runs"));
    const runs = unpacked.map((run) => ({ ...run, parameters: {} }));
    const target = join(folder, "out");
    await writeMlflow(runs, { folder: target, finalFolder: target });
    const second = await readMlflow(target, "out", wishes);
    expect(second.runs.length).toBe(4);
    for (const run of first.runs) {
      const again = second.runs.find(({ originId }) => originId === run.originId) as ForeignRun;
      const [before, after] = [await facts(run), await facts(again)];
      expect(after).toEqual({ ...before, tags: after.tags });
      expect(after.tags).toMatchObject(before.tags);
      expect(Object.keys(after.tags).filter((tag) => !(tag in before.tags) && !tag.startsWith("ml."))).toEqual([]);
    }
    first.close();
  }
});

test("a run of ours keeps its thoughts as tags, what it printed as a file, and a step for each point", async () => {
  const folder = tempFolder("ours-");
  const manifest = {
    ...newManifest({
      ...{ run_id: "2026-11-23_k3f9ab", name: "wide", user: "ana", queued_at: "2026-11-23T20:00:00.000Z" },
      ...{ command: "python train.py --lr 0.1", argv: ["python", "train.py", "--lr", "0.1"] },
      narrative: { hypothesis: "wider: better", learnings: ["a", "b"], validation_status: "refutes" },
    }),
    status: "failed" as const,
  };
  fs.writeFileSync(
    join(folder, "metrics.jsonl"),
    '{"name":"loss@1","value":0.5,"step":null,"t":0}\n{"name":"loss@1","value":"NaN","step":null,"t":2.5}\n',
  );
  fs.writeFileSync(join(folder, "metrics.passive.jsonl"), '{"name":"acc","value":1e-7,"step":3,"t":3}\n');
  fs.writeFileSync(join(folder, "output.log"), "hello\n");
  const target = join(folder, "out");
  await writeMlflow([{ manifest, folder, parameters: { lr: 0.1 } }], { folder: target, finalFolder: target });
  const { runs } = await readMlflow(target, "out", wishes);
  const [run] = await Promise.all(runs.map(facts));
  expect(run).toMatchObject({
    ...{ name: "wide", status: "failed", experiment: "Default", parameters: { lr: "0.1" }, user: "ana" },
    tags: { "ml.hypothesis": "wider: better", "ml.learnings": '["a","b"]', "ml.verdict": "refutes" },
    points: [
      { name: "acc", value: 1e-7, step: 3, t: 3 },
      { name: "loss_1", value: 0.5, step: 0 },
      { name: "loss_1", value: Number.NaN, step: 1, t: 2.5 },
    ],
    contents: [["ml/output.log", "hello\n"]],
  });
});

test("names become files of the store, whatever they are, and no two become one", () => {
  const names = new MlflowNames();
  const paths = ["loss", "loss/train", "../../etc/passwd", "a//b", "acc@5", "acc%5", "", "/abs", "loss"].map((name) =>
    names.pathOf(name),
  );
  expect(paths).toEqual(["loss", "loss.train", "__/__/etc/passwd", "a/_/b", "acc_5", "acc_5_", "_", "_.abs", "loss"]);
  expect(names.pathOf("x".repeat(5000)).length).toBeLessThan(256);
});
