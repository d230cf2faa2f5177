/** Bringing one's past through the executable: MLflow, TensorBoard and tables become runs that are found, compared and checked. */
import { expect, test } from "bun:test";
import { cpSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openLab } from "./lab.ts";

interface Brought {
  runs: { run_id: string; bundled_as: string; name: string; status: string; state: string }[];
}
const data = join(import.meta.dir, "../data/mlflow");
const states = ({ runs }: Brought) => runs.map(({ state }) => state);

test("runs of MLflow are brought once, are found by their parameters, compared, and valid without an exit code", async () => {
  const lab = openLab();
  cpSync(data, join(lab.project, "study"), { recursive: true });
  const both = await lab.ml(["import", "--mlflow", "study"]);
  expect([both.code, both.stderr]).toEqual([2, expect.stringContaining("two stores")]);
  const preview = await lab.json<{ runs: unknown[]; left_out: string[] }>(["import", "--mlflow", "study/mlruns", "-n"]);
  expect([preview.runs.length, preview.left_out.length]).toEqual([4, 2]);
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
