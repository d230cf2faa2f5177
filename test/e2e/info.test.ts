/** `ml info` and `ml metrics` through the executable. */
import { expect, test } from "bun:test";
import { openLab } from "./lab.ts";

const script = `from ml_runner import log_metric
for step in range(20):
    log_metric("val_loss", 1 / (step + 1), step=step)
    log_metric("odd", float("nan") if step % 2 else float("inf"))
open("out.csv", "w").write("a,b\\n")
`;

test("info tells why, what, result, environment, resources and files", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  await lab.ml([
    "queue",
    "-q",
    "-f",
    "--hypothesis",
    "it helps",
    "--tag",
    "a,b",
    "--group",
    "g",
    "train.py",
    "--x",
    "a b",
  ]);
  const page = (await lab.ml(["info", "@last", "--show-metrics"])).stdout;
  for (const word of [
    "hypothesis     it helps",
    "tags           a, b",
    "command        python3 train.py --x 'a b'",
    "exit code      0",
  ])
    expect(page.replaceAll(/ {2,}/g, " ")).toContain(word.replaceAll(/ {2,}/g, " "));
  for (const title of ["Why", "What", "Result", "Environment", "Resources", "Files", "Metrics"])
    expect(page).toContain(`\n${title}\n`);
  const value = await lab.json(["info", "@last"]);
  expect(value).toMatchObject({
    schema: "ml.info/1",
    manifest: { status: "completed", schema_version: 1 },
    folder: expect.any(String),
  });
  expect((await lab.ml(["info", "@last", "--plain"])).stdout).toContain("status\tcompleted\n");
}, 120_000);

test("[I6] metrics: a table, points as CSV and JSON, NaN and infinities kept", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  await lab.ml(["queue", "-q", "-f", "train.py"]);
  const table = (await lab.ml(["metrics", "@last"])).stdout;
  expect(table).toMatch(/^metric +course +last +best +at step +min +max +points\n/);
  expect(table).toMatch(/val_loss +\S+ +0\.05 +0\.05 +19 +0\.05 +1 +20\n/);
  expect(table).toMatch(/odd .*NaN +— +— +— +— +20\n/);
  const csv = (await lab.ml(["metrics", "@last", "val_loss", "--csv"])).stdout.split("\n");
  expect([csv[0], csv[2]?.slice(0, 15), csv.length]).toEqual(["name,step,value,t", "val_loss,1,0.5,", 22]);
  const { points } = await lab.json<{ points: { name: string; value: unknown }[] }>(["metrics", "@last", "odd"]);
  expect(points.slice(0, 2).map((point) => point.value)).toEqual(["Infinity", "NaN"]);
  const missing = await lab.ml(["metrics", "@last", "nope"]);
  expect([missing.code, missing.stderr.includes("`nope`")]).toEqual([3, true]);
}, 120_000);

test("a name that means several runs lists them, and one that means none is exit 3", async () => {
  const lab = openLab();
  const ids = [
    await lab.queue(["--hold", "--no-code", "--", "true"]),
    await lab.queue(["--hold", "--no-code", "--", "true"]),
  ];
  const day = ids[0]!.slice(0, 10);
  const many = await lab.ml(["info", day]);
  expect(many.code).toBe(2);
  for (const id of ids) expect(many.stderr).toContain(id);
  expect((await lab.ml(["info", "zzzzzz"])).code).toBe(3);
  const short = ids[0]!.slice(11);
  expect((await lab.json<{ summary: { run_id: string } }>(["info", short])).summary.run_id).toBe(ids[0]!);
}, 120_000);
