/** Stores that MLflow itself wrote (test/data/mlflow: its 3.3, a file store and a database of the same study), and hostile ones. */
import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import type { ForeignPoint, ForeignRun, ForeignStore } from "../../../src/foreign/foreign-run.ts";
import { layOutAll, manifestOf } from "../../../src/foreign/lay-out.ts";
import { readMlflow } from "../../../src/foreign/mlflow.ts";
import { narrativeFrom, narrativeTags } from "../../../src/foreign/mlflow-words.ts";
import { tempFolder } from "../../support/temp.ts";

const data = join(import.meta.dir, "../../data/mlflow");
const wishes = { experiment: null, artifacts: true, unfinished: false, skipBroken: false };

async function pointsOf(run: ForeignRun | undefined): Promise<ForeignPoint[]> {
  const points: ForeignPoint[] = [];
  await run?.points((point) => points.push(point));
  return points;
}

const named = (store: ForeignStore, name: string) => store.runs.find((run) => run.name === name);

for (const kind of ["mlruns", "mlflow.db"]) {
  test(`${kind}: states, parameters, tags, notes, parents, times, steps and files are as MLflow has them`, async () => {
    const store = await readMlflow(join(data, kind), kind, wishes);
    expect(store.runs.map(({ name, status }) => `${name} ${status}`).sort()).toEqual([
      "grid completed",
      "sgd-0.1-0 completed",
      "stopped cancelled",
      "übung ✓ failed",
    ]);
    expect(store.leftOut.sort()).toEqual([
      "1 run: deleted in MLflow",
      "1 run: never ended there; `--unfinished` takes them as cancelled",
    ]);
    const run = named(store, "sgd-0.1-0");
    expect(run).toMatchObject({
      experiment: "optimiser study",
      user: "ana",
      script: "train.py",
      gitCommit: "3f2a9b1c4d5e6f708192a3b4c5d6e7f8091a2b3c",
      parameters: { "optim.lr": "0.1", seed: "0", "path with space": "a b" },
      parentId: named(store, "grid")?.originId,
      startedMs: 1763900120000,
      endedMs: 1763900170000,
    });
    expect(run?.tags).toMatchObject({ keep: "true", "mlflow.source.name": "/home/ana/study/train.py" });
    expect(run?.files.map(({ as, sizeBytes }) => [as, sizeBytes])).toEqual([
      ["model.txt", 21],
      ["plots/confusion.txt", 8],
    ]);
    const points = await pointsOf(run);
    expect(points.filter(({ name }) => name === "train/loss").map(({ step, t }) => [step, t])).toEqual(
      [0, 1, 2, 3, 4, 5].map((step) => [step, 1763900121 + step]),
    );
    expect(named(store, "grid")?.note).toBe("Which step size?\nTwo values, two seeds.");
    const wild = (await pointsOf(named(store, "übung ✓"))).map(({ value }) => value);
    expect(wild).toEqual([1, Infinity, Number.NaN, -Infinity]);
    store.close();
  });
}

test("a run that never ended is taken on request, as cancelled, and says why", async () => {
  const store = await readMlflow(join(data, "mlruns"), "mlruns", { ...wishes, unfinished: true });
  const run = named(store, "notebook died");
  expect([run?.status, run?.endedMs, run?.remarks[0]]).toEqual([
    "cancelled",
    null,
    "MLflow has it as RUNNING: nobody recorded how it ended.",
  ]);
});

test("the record has no exit code, no host and no code that nobody knows; parents are found again", async () => {
  const store = await readMlflow(join(data, "mlruns"), "mlruns", wishes);
  const composed = await layOutAll(store.runs, { folder: tempFolder("foreign-"), nowMs: Date.now() });
  const ids = new Map(store.runs.map((run, at) => [run.originId, composed.record.runs[at]?.run_id ?? ""]));
  const child = named(store, "sgd-0.1-0") as ForeignRun;
  const manifest = manifestOf(child, { ids, nowMs: Date.now() });
  expect(manifest).toMatchObject({
    status: "completed",
    exit_code: null,
    started_at: "2025-11-23T12:15:20.000Z",
    resources: { host: null, actual: null },
    environment: { snapshot: null, git_commit: child.gitCommit },
    narrative: { experiment_group: "optimiser study", tags: ["keep"], parent_run: ids.get(child.parentId ?? "") },
    lineage: { kind: "import", origin: { from: "mlflow", run_id: child.originId, user: "ana" } },
  });
  expect(narrativeFrom(narrativeTags(manifest))).toEqual({ tags: ["keep"] });
});

/** A store with one run that a test spoils. */
function oneRun(): { root: string; run: string; put: (path: string, text: string) => void } {
  const root = tempFolder("mlruns-");
  const run = join(root, "1", "a".repeat(32));
  const put = (path: string, text: string) => {
    fs.mkdirSync(join(root, path, ".."), { recursive: true });
    fs.writeFileSync(join(root, path), text);
  };
  put("1/meta.yaml", "name: e\nexperiment_id: '1'\n");
  put(
    `1/${"a".repeat(32)}/meta.yaml`,
    `run_id: ${"a".repeat(32)}\nstatus: 3\nstart_time: 1763900000000\nend_time: 1763900001000\n`,
  );
  return { root, run, put };
}

test("names and ids that look like numbers stay as they were written", async () => {
  const root = tempFolder("numbers-");
  const put = (path: string, text: string) => {
    fs.mkdirSync(join(root, path, ".."), { recursive: true });
    fs.writeFileSync(join(root, path), text);
  };
  put("1/meta.yaml", "name: 1e-3\nexperiment_id: '1'\n");
  const ids = ["0".repeat(32), `${"1".repeat(15)}e${"1".repeat(16)}`];
  for (const id of ids)
    put(`1/${id}/meta.yaml`, `run_id: ${id}\nrun_name: 0o7\nstatus: 3\nstart_time: 1763900000000\n`);
  const { runs } = await readMlflow(root, "x", wishes);
  expect(runs.map(({ originId, name, experiment }) => [originId, name, experiment])).toEqual(
    ids.map((id) => [id, "0o7", "1e-3"]),
  );
});

const why = async (path: string, given = wishes) => {
  try {
    const store = await readMlflow(path, "x", given);
    for (const run of store.runs) await run.points(() => {});
    return store.leftOut.join("; ") || "read";
  } catch (cause) {
    return (cause as Error).message;
  }
};

describe("[S4] hostile stores get one sentence", () => {
  const spoil: Record<string, [(store: ReturnType<typeof oneRun>) => void, RegExp]> = {
    "broken YAML": [({ run }) => fs.writeFileSync(join(run, "meta.yaml"), "a: [b\n c: {"), /it is no YAML/],
    "a record that is a list": [({ run }) => fs.writeFileSync(join(run, "meta.yaml"), "- a\n"), /not a record/],
    "a record without a run": [({ run }) => fs.writeFileSync(join(run, "meta.yaml"), "status: 3\n"), /names no run/],
    "a huge record": [({ run }) => fs.writeFileSync(join(run, "meta.yaml"), "a".repeat(2 ** 21)), /longer than/],
    "bytes that are no text": [
      ({ run }) => fs.writeFileSync(join(run, "meta.yaml"), Buffer.from([0xff, 0xfe, 0x80])),
      /no UTF-8/,
    ],
    "a metric of words": [
      ({ put, run }) => put(`1/${run.slice(-32)}/metrics/loss`, "now low 3\n"),
      /timestamp value step/,
    ],
    "a huge parameter": [({ put, run }) => put(`1/${run.slice(-32)}/params/p`, "x".repeat(100_000)), /longer than/],
  };
  for (const [what, [act, pattern]] of Object.entries(spoil)) {
    test(what, async () => {
      const store = oneRun();
      act(store);
      expect(await why(store.root)).toMatch(pattern);
      if (!what.startsWith("a metric"))
        expect(await why(store.root, { ...wishes, skipBroken: true })).toMatch(/cannot be read/);
    });
  }

  test("links and addresses that lead out of the folder bring nothing", async () => {
    const { root, run } = oneRun();
    const secret = tempFolder("secret-");
    fs.mkdirSync(join(secret, "artifacts"));
    fs.writeFileSync(join(secret, "artifacts", "key"), "secret");
    fs.appendFileSync(join(run, "meta.yaml"), `artifact_uri: file://${secret}/artifacts\n`);
    fs.mkdirSync(join(run, "params"));
    fs.symlinkSync(join(secret, "artifacts", "key"), join(run, "params", "p"));
    fs.symlinkSync("/", join(root, "2"));
    const [first] = (await readMlflow(root, "x", wishes)).runs;
    expect([first?.files, first?.parameters]).toEqual([[], {}]);
    fs.mkdirSync(join(run, "artifacts"));
    fs.symlinkSync(join(secret, "artifacts", "key"), join(run, "artifacts", "key"));
    fs.symlinkSync(secret, join(run, "artifacts", "folder"));
    const [again] = (await readMlflow(root, "x", wishes)).runs;
    expect(again?.files).toEqual([]);
    expect(again?.remarks).toEqual(["2 of its files were left out: links, or names that no file of ours may have."]);
  });

  test("a file that is no database, one of somebody else's, one with a view in place of a table, one cut off", async () => {
    const folder = tempFolder("db-");
    const path = join(folder, "mlflow.db");
    fs.writeFileSync(path, "no database at all, but long enough to have a header of a hundred bytes".repeat(9));
    expect(await why(path)).toMatch(/no SQLite database/);
    const other = new Database(join(folder, "other.db"));
    other.run("CREATE TABLE experiments (experiment_id, name)");
    other.run(
      "CREATE VIEW runs AS WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x AS run_uuid FROM n",
    );
    other.close();
    expect(await why(join(folder, "other.db"))).toMatch(/no table `runs`/);
    fs.writeFileSync(path, fs.readFileSync(join(data, "mlflow.db")).subarray(0, 9000));
    expect(await why(path)).toMatch(/damaged/);
    expect(await why(join(folder, "none"))).toMatch(/there is no folder/);
    expect(await why(folder)).toMatch(/damaged/);
  });

  test("very many steps are read one after the other", async () => {
    const { root, run, put } = oneRun();
    const lines = Array.from({ length: 200_000 }, (_, step) => `${1763900000000 + step} 0.5 ${step}`);
    put(`1/${run.slice(-32)}/metrics/loss`, `${lines.join("\n")}\n`);
    let count = 0;
    await (await readMlflow(root, "x", wishes)).runs[0]?.points(() => {
      count += 1;
    });
    expect(count).toBe(200_000);
  });
});
