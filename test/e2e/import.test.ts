/** Bringing one's past through the executable: MLflow, TensorBoard and tables become runs that are found, compared and checked. */
import { expect, test } from "bun:test";
import { appendFileSync, cpSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openLab } from "./lab.ts";

interface Brought {
  runs: { run_id: string; bundled_as: string; name: string; status: string; state: string }[];
}
interface Grown {
  runs: (Brought["runs"][number] & { new_points?: number })[];
}
const data = join(import.meta.dir, "../data/mlflow");
const states = ({ runs }: { runs: { state: string }[] }) => runs.map(({ state }) => state);

test("runs of MLflow are brought once, are found by their parameters, compared, and valid without an exit code", async () => {
  const lab = openLab();
  cpSync(data, join(lab.project, "study"), { recursive: true });
  const both = await lab.ml(["import", "--mlflow", "study"]);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("two stores")]);
  const preview = await lab.json<{ runs: unknown[]; left_out: string[] }>(["import", "--mlflow", "study/mlruns", "-n"]);
  expect([preview.runs.length, preview.left_out.length]).toEqual([4, 2]);
  const unasked = await lab.ml(["import", "--mlflow", "study/mlruns", "-n"]);
  expect(unasked.stderr).toContain("which of them were imported before is not known: no server");
  const first = await lab.json<Brought>(["import", "--mlflow", "study/mlruns"]);
  expect(states(first)).toEqual(["imported", "imported", "imported", "imported"]);
  expect(states(await lab.json<Brought>(["import", "--mlflow", "study/mlruns"]))).toEqual(
    Array(4).fill("here_already"),
  );
  expect(states(await lab.json<Brought>(["import", "--mlflow", "study/mlflow.db"]))).toEqual(Array(4).fill("imported"));

  const run = first.runs.find(({ name }) => name === "sgd-0.1-0")?.run_id ?? "";
  expect((await lab.ml(["find", "-q", "optim.lr=0.1"])).stdout).toContain(run);
  expect((await lab.ml(["validate", run])).code).toBe(0);
  expect((await lab.ml(["cat", run, "plots/confusion.txt"])).stdout).toBe("1 2\n3 4\n");
  const { points } = await lab.json<{ points: { name: string; step: number; t: number }[] }>(["metrics", run]);
  expect(points.filter(({ name }) => name === "val_acc").map(({ step, t }) => [step, t])).toEqual(
    [0, 1, 2, 3, 4, 5].map((step) => [step, 1763900121 + step]),
  );
  expect((await lab.ml(["compare", "--group", "optimiser study"])).stdout).toContain("optim.lr");
  expect((await lab.ml(["report", "optimiser study"])).stdout).toContain("Which step size?");
  expect((await lab.ml(["info", run])).stdout).toContain("imported from mlflow: run");
  const again = await lab.ml(["clone", run]);
  expect([again.code, again.stderr]).toEqual([7, expect.stringContaining("mlflow kept no command")]);

  const back = ["export", ...first.runs.map(({ run_id }) => run_id), "--mlflow", "back"];
  const exported = await lab.json<{ runs: { mlflow_id: string }[] }>(back);
  expect(exported.runs.map(({ mlflow_id }) => mlflow_id).sort()).toEqual(
    first.runs.map((one) => one.bundled_as).sort(),
  );
  expect((await lab.ml(back)).code).toBe(7);
  expect(states(await lab.json<Brought>(["import", "--mlflow", "back"]))).toEqual(Array(4).fill("here_already"));
});

test("what went on where it came from is told and comes in no second time; what is new beside it does", async () => {
  const lab = openLab();
  const store = join(lab.project, "mlruns");
  cpSync(join(data, "mlruns"), store, { recursive: true });
  const first = await lab.json<Brought>(["import", "--mlflow", "mlruns"]);
  const run = first.runs.find(({ name }) => name === "sgd-0.1-0");
  await lab.ml(["annotate", run?.run_id ?? "", "read by somebody"]);
  const [points = ""] = [...new Bun.Glob(`*/${run?.bundled_as}/metrics/val_acc`).scanSync(store)];
  appendFileSync(join(store, points), "1763900200000 0.99 6\n1763900201000 0.991 7\n");
  const again = await lab.json<Grown>(["import", "--mlflow", "mlruns"]);
  expect(again.runs.find(({ name }) => name === "sgd-0.1-0")).toMatchObject({
    ...{ run_id: run?.run_id, state: "grown", new_points: 2 },
  });
  expect(states(again).sort()).toEqual(["grown", "here_already", "here_already", "here_already"]);
  const page = (await lab.ml(["import", "--mlflow", "mlruns"])).stdout;
  expect(page).toContain("grew since: 2 new points");
  expect(page).toContain("imported 0 runs, 3 were here already, 1 changed there since and stays here as imported");
  expect(page).toContain("the same again with `--update` takes over what is new there");
  expect((await lab.ml(["info", run?.run_id ?? ""])).stdout).toContain("read by somebody");

  const table = (rows: string) => writeFileSync(join(lab.project, "past.csv"), `id,val_acc\n${rows}`);
  const bring = () => lab.json<Brought>(["import", "--csv", "past.csv", "--date", "2024-05-01", "--yes"]);
  table("a,0.91\nb,0.92\n");
  expect(states(await bring())).toEqual(["imported", "imported"]);
  table("a,0.91\nb,0.95\nc,0.93\n");
  expect(states(await bring()).sort()).toEqual(["grown", "here_already", "imported"]);
  expect((await lab.ml(["find", "-q", "group:past"])).stdout.trim().split("\n").length).toBe(3);
});

test("with --update a run takes over what is new there, and keeps what was said here; a contradiction changes nothing", async () => {
  const lab = openLab();
  const store = join(lab.project, "mlruns");
  cpSync(join(data, "mlruns"), store, { recursive: true });
  const first = await lab.json<Brought>(["import", "--mlflow", "mlruns"]);
  const { run_id: run = "", bundled_as: there = "" } = first.runs.find(({ name }) => name === "sgd-0.1-0") ?? {};
  await lab.ml(["annotate", run, "read by somebody"]);
  await lab.ml(["tag", "add", "mine", run]);
  const [meta = ""] = [...new Bun.Glob(`*/${there}/meta.yaml`).scanSync(store)];
  const of = (path: string) => join(store, dirname(meta), path);
  appendFileSync(of("metrics/val_acc"), "1763900200000 0.99 6\n");
  appendFileSync(of("artifacts/plots/confusion.txt"), "5 6\n");
  writeFileSync(of("artifacts/new.txt"), "new");
  const text = readFileSync(join(store, meta), "utf8");
  writeFileSync(
    join(store, meta),
    text.replace("status: 3", "status: 4").replace(/end_time: \d+/, "end_time: 1763900300000"),
  );

  const dry = await lab.json<{ runs: { standing: { run_id: string; state: string } | null }[] }>([
    ...["import", "--mlflow", "mlruns", "-n"],
  ]);
  expect(dry.runs.map(({ standing }) => standing?.state).sort()).toEqual(["grown", ...Array(3).fill("here_already")]);
  expect(dry.runs.map(({ standing }) => standing?.run_id)).toContain(run);
  const shown = (await lab.ml(["import", "--mlflow", "mlruns", "-n"])).stdout;
  expect(shown).toContain(
    "0 runs would be imported from MLflow's files in mlruns, 3 are here already, 1 changed there since",
  );

  const bring = ["import", "--mlflow", "mlruns", "--update"];
  const updated = await lab.json<Brought>(bring);
  expect(updated.runs.find(({ run_id }) => run_id === run)).toMatchObject({
    ...{ state: "updated", new_points: 1 },
    changes: ["1 new point", "completed, now failed", "1 new file", "1 file longer"],
  });
  expect(states(updated).sort()).toEqual(["here_already", "here_already", "here_already", "updated"]);
  for (const again of [bring, bring.slice(0, 3)])
    expect(states(await lab.json<Brought>(again))).toEqual(Array(4).fill("here_already"));
  expect((await lab.ml(["validate", run])).code).toBe(0);
  expect((await lab.ml(["cat", run, "plots/confusion.txt"])).stdout).toBe("1 2\n3 4\n5 6\n");
  const info = (await lab.ml(["info", run])).stdout;
  for (const word of ["failed", "read by somebody", "mine", "val_acc 0.99", ", updated "]) expect(info).toContain(word);
  expect((await lab.ml(["find", "-q", "val_acc>0.985 status:failed"])).stdout.trim()).toBe(run);

  writeFileSync(of("params/seed"), "1");
  writeFileSync(of("artifacts/new.txt"), "other");
  appendFileSync(of("metrics/val_acc"), "1763900201000 0.991 7\n");
  const refused = await lab.ml(bring);
  expect([refused.code, refused.stderr]).toEqual([
    7,
    expect.stringContaining(
      "parameter `seed` was `0` and is `1` there now; `work/new.txt` was imported with other content",
    ),
  ]);
  const left = await lab.json<Grown>([...bring, "--skip-broken"]);
  expect(left.runs.find(({ run_id }) => run_id === run)).toMatchObject({ state: "grown", new_points: 1 });
  expect((await lab.ml(["info", run])).stdout).toContain("val_acc 0.99\n");
  expect((await lab.ml(["import", "x.tar.gz", "--update"])).code).toBe(2);

  const { key } = await lab.json<{ key: string }>(["key", "add", "eve"]);
  const { url } = await lab.json<{ url: string }>(["server", "status"]);
  writeFileSync(of("params/seed"), "0");
  writeFileSync(of("artifacts/new.txt"), "new");
  const others = await lab.ml(bring, { env: { ML_SERVER_URL: url, ML_API_KEY: key } });
  expect([others.code, others.stderr]).toEqual([4, expect.stringContaining("it was imported by")]);
});

test("a table is shown as it was understood and kept once somebody agrees; a broken one leaves nothing", async () => {
  const lab = openLab();
  writeFileSync(join(lab.project, "past.csv"), "lr,val_acc,note\n0.1,0.91,first try\n0.2,0.93,second\n");
  const asked = await lab.ml(["import", "--csv", "past.csv", "--date", "2024-05-01"]);
  expect([asked.code, asked.stderr]).toEqual([2, expect.stringMatching(/val_acc\s+metric/)]);
  const brought = await lab.json<Brought>(["import", "--csv", "past.csv", "--date", "2024-05-01", "--yes"]);
  expect(brought.runs.map(({ run_id, state }) => [run_id.slice(0, 10), state])).toEqual([
    ["2024-05-01", "imported"],
    ["2024-05-01", "imported"],
  ]);
  const second = brought.runs.find(({ name }) => name === "row 2")?.run_id;
  expect((await lab.ml(["find", "-q", "group:past val_acc>0.92"])).stdout.trim()).toBe(second as string);
  writeFileSync(join(lab.project, "past.csv"), 'lr,val_acc\n0.3,"0.9\n');
  const broken = await lab.ml(["import", "--csv", "past.csv", "--date", "2024-05-01", "--yes"]);
  expect(broken.code).toBe(7);
  expect((await lab.ml(["find", "-q", "group:past"])).stdout.trim().split("\n").length).toBe(2);
});
