/** `ml sweep` through the executable: expanded, shown, queued whole, interrupted and resumed, and judged by its metric. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../support/temp.ts";
import { openLab, runsOnDisk } from "./lab.ts";

const script = `import sys
from ml_runner import log_metric
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
if args.get("--bs") == "13": sys.exit(3)
log_metric("val_acc", float(args["--lr"]) / 10 + int(args.get("--bs", "0")) / 1e4)
`;

interface Whole {
  sweep: {
    name: string;
    state: string;
    reason: string | null;
    counts: Record<string, number>;
    best: { value: number };
  };
  points: { point: Record<string, string>; run: { run_id: string; status: string } | null; attempts: number }[];
  importance: { parameter: string; share: number | null }[];
}

test("a sweep is shown before it is queued, runs, and says what moved the metric", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  const words = ["sweep", "train.py", "--grid", "lr=1,2,3", "--grid", "bs=8:32:x2", "--goal", "val_acc"];
  const dry = await lab.ml([...words, "-n"]);
  expect(dry.stdout).toContain("sweep train-lr-bs: 9 runs; how long they take is not known yet\n");
  expect(dry.stdout).toContain("  python3 train.py --lr 1 --bs 16\n");
  expect(runsOnDisk(lab)).toEqual([]);
  const ran = await lab.ml([...words, "--hypothesis", "lr matters"]);
  expect(ran.stdout).toMatch(/^queued 9 runs as sweep train-lr-bs \(sw-[0-9a-z]{8}\): `ml sweep show train-lr-bs`\n$/);
  const show = () => lab.json<Whole>(["sweep", "show", "@last"]);
  await until("all of it", async () => (await show()).sweep.counts.completed === 9);
  const whole = await show();
  expect(whole.sweep.best.value).toBeCloseTo(0.3032);
  expect(whole.importance.map((row) => row.parameter)).toEqual(["lr", "bs"]);
  expect(whole.importance[0]?.share).toBeGreaterThan(0.9);
  const page = (await lab.ml(["sweep", "show", "train-lr-bs"])).stdout;
  expect(page).toContain("best     val_acc 0.3032 with lr=3 bs=32");
  expect(page).toContain("What moved val_acc");
  // The same question again is answered already, point by point.
  const again = await lab.json<{ preview: { count: number; answered: number } }>([...words, "-n"]);
  expect(again.preview).toMatchObject({ count: 9, answered: 9 });
}, 120_000);

test("what fails is retried alone, what is added runs alone, and equal points are one however they are written", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  await lab.ml(["sweep", "train.py", "--name", "s", "--grid", "lr=1,2", "--grid", "bs=8,13"]);
  const show = () => lab.json<Whole>(["sweep", "show", "s"]);
  await until("the failures", async () => (await show()).sweep.counts.failed === 2);
  expect((await lab.ml(["sweep", "retry", "s"])).stdout).toBe("retried s: 2 runs queued\n");
  await until(
    "their second try",
    async () => (await show()).points.filter((one) => one.attempts === 2).length === 2,
    120_000,
  );
  expect((await lab.ml(["sweep", "extend", "s", "--grid", "lr=1.0,5", "--grid", "bs=8"])).stdout).toBe(
    "extended s: 1 run queued\n",
  );
  expect((await lab.ml(["sweep", "retry", "nobody"])).code).toBe(3);
}, 120_000);

test("paused runs wait, resuming releases them, and a sweep stops where its aim was reached", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  const words = ["--grid", "lr=1:40:1", "--name", "s", "--hold", "--stop-if", "val_acc>=0.1"];
  await lab.ml(["sweep", "train.py", ...words]);
  const show = () => lab.json<Whole>(["sweep", "show", "s"]);
  expect((await show()).sweep.counts).toMatchObject({ points: 40, waiting: 40 });
  expect((await show()).sweep.state).toBe("paused");
  expect((await lab.ml(["sweep", "resume", "s"])).stdout).toContain("resumed s: 40 runs released, 0 runs queued");
  await until("the aim", async () => (await show()).sweep.state === "reached");
  const { sweep } = await show();
  expect(sweep.reason).toMatch(/^run \S+ met `val_acc>=0.1`$/);
  await until("what waited", async () => (await show()).sweep.counts.waiting === 0);
  expect((await show()).sweep.counts.cancelled).toBeGreaterThan(0);
}, 120_000);

const climbing = `import os, sys, time
from ml_runner import log_metric
lr, wait = float(sys.argv[sys.argv.index("--lr") + 1]), sys.argv[sys.argv.index("--wait") + 1]
for step in range(1, 10): log_metric("val_acc", lr * step / 100, step=step)
while not os.path.exists(wait): time.sleep(0.05)
`;

test("halving stops what is behind at its rungs, says why in the run folder, and retries none of it", async () => {
  const lab = openLab();
  lab.put("train.py", climbing);
  const wait = join(lab.project, "go");
  const words = ["sweep", "train.py", "--name", "h", "--grid", "lr=1:9:1", "--cpus", "0"];
  const rule = ["--goal", "val_acc", "--halving", "min=1,factor=3"];
  const aimless = await lab.ml([...words, "--halving", "3", "--", "--wait", wait]);
  expect([aimless.code, aimless.stderr]).toEqual([2, expect.stringContaining("the sweep has no goal")]);
  await lab.ml(["server", "start"], { env: { ML_SLOTS: "9" } });
  await lab.ml([...words, ...rule, "--", "--wait", wait]);
  // Somebody who watches has the server look every second.
  lab.start(["status", "--watch", "--json"]);
  const show = () => lab.json<Whole>(["sweep", "show", "h"]);
  await until("one that is left", async () => (await show()).sweep.counts.halved === 8);
  const { points } = await show();
  const reasons = points.map(({ point, run }) => {
    const manifest = JSON.parse(readFileSync(join(lab.folder(run?.run_id ?? ""), "run_manifest.json"), "utf8"));
    return [
      point.lr,
      manifest.status,
      manifest.cancelled?.by,
      manifest.cancelled?.reason?.replace(/.* at (step \d).*/, "$1"),
    ];
  });
  expect(reasons.filter(([, status]) => status === "cancelled")).toHaveLength(8);
  expect(reasons.find(([lr]) => lr === "9")).toEqual(["9", "running", undefined, undefined]);
  for (const [lr, , by, reason] of reasons)
    if (lr !== "9") expect([by, reason]).toEqual(["ml (server)", expect.stringMatching(/^step [13]$/)]);
  const page = (await lab.ml(["sweep", "show", "h"])).stdout;
  expect(page).toMatch(/halved at [13]/);
  expect(page).toContain("8 halved");
  expect((await lab.ml(["sweep", "retry", "h"])).stdout).toBe("retried h: 0 runs queued\n");
  lab.put("go", "");
  await until("the best", async () => (await show()).sweep.counts.completed === 1);
  expect((await show()).sweep.best.value).toBeCloseTo(0.81);
}, 120_000);

test("[I10] a sweep that is too large, or makes no sense, is refused with its count or its reason", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  const refused = async (...words: string[]) => {
    const ran = await lab.ml(["sweep", ...words]);
    return [ran.code, ran.stderr.split("\n").find((line) => line.startsWith("ml:"))];
  };
  const large = ["train.py", "--grid", "a=1:1000:1", "--grid", "b=1:1000:1"];
  expect(await refused(...large)).toEqual([
    expect.any(Number),
    expect.stringContaining("1,000,000 runs, more than the limit of 1,000"),
  ]);
  expect(await refused("train.py")).toEqual([2, expect.stringContaining("a parameter that varies")]);
  expect(await refused("shwo", "x")).toEqual([2, "ml: `ml sweep` has no `shwo`"]);
  expect(await refused("train.py", "--grid", "lr=1,2", "--stop-if", "when it is good")).toEqual([
    2,
    expect.stringContaining("cannot be checked"),
  ]);
  expect(runsOnDisk(lab)).toEqual([]);
}, 120_000);

test("[K2] 500 runs, interrupted by kill -9 of the server and queued again, are each there exactly once", async () => {
  const lab = openLab();
  lab.put("train.py", script);
  await lab.ml(["server", "start"]);
  const { pid } = await lab.json<{ pid: number }>(["server", "status"]);
  const making = lab.start([
    "sweep",
    "train.py",
    "--name",
    "big",
    "--hold",
    "--grid",
    "lr=1:50:1",
    "--grid",
    "bs=1:10:1",
    "--yes",
  ]);
  await until("some of them", () => runsOnDisk(lab).length > 0);
  process.kill(pid, "SIGKILL");
  making.kill("SIGKILL");
  await making.ended;
  await lab.ml(["server", "start"]);
  await lab.ml(["sweep", "resume", "big"]);
  const whole = await lab.json<Whole>(["sweep", "show", "big"]);
  expect(whole.points.every((state) => state.attempts === 1)).toBe(true);
  expect(whole.points.length).toBe(500);
  const points = readdirSync(join(lab.home, ".ml/data/runs")).map((runId) => {
    const manifest = JSON.parse(readFileSync(join(lab.folder(runId), "run_manifest.json"), "utf8"));
    return JSON.stringify(manifest.lineage.sweep_point);
  });
  expect([points.length, new Set(points).size]).toEqual([500, 500]);
  // Held runs need no cancelling one by one.
  await lab.ml(["server", "stop"]);
}, 120_000);
