/** The life of a run under a worker: real scripts, real supervisors, in temporary bases. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { plainCards } from "../../src/schedule/fit.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { needs } from "../support/require.ts";
import { until } from "../support/temp.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(async () => {
  await bench.close();
});

const read = (path: string) => fs.readFileSync(path, "utf8");

test("a script runs to its end and its folder is sealed", async () => {
  await bench.work();
  const argv = ["sh", "-c", "echo hello; echo out > made.txt"];
  const paths = await bench.submit({ argv, files: { "a.py": "x = 1\n" } });
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "completed", exit_code: 0, signal: null, failure: null });
  expect(read(paths.outputLog)).toBe("hello\n");
  expect(manifest.artifacts?.files.map((file) => file.path)).toEqual(["made.txt"]);
  expect(manifest.started_at! <= manifest.ended_at!).toBe(true);
  expect(manifest.resources.actual?.cpu_time_seconds).toBeNumber();
  expect(await bench.queue.count()).toBe(0);
});

describe("exit codes", () => {
  const table: [string, string[], number, string | null, string | null][] = [
    ["0", ["true"], 0, null, null],
    ["7", ["sh", "-c", "exit 7"], 7, null, "code_error"],
    ["127", ["no-such-command-here"], 127, null, "environment_error"],
    ["126", ["./plain.txt"], 126, null, "environment_error"],
    ["139", ["sh", "-c", "kill -SEGV $$"], 139, "SIGSEGV", "signal"],
    ["143", ["sh", "-c", "kill -TERM $$"], 143, "SIGTERM", "signal"],
    ["137", ["sh", "-c", "kill -KILL $$"], 137, "SIGKILL", "signal"],
  ];
  for (const [name, argv, code, signal, kind] of table) {
    test(`[P1 P9 P10] exit status ${name} is recorded and explained`, async () => {
      await bench.work();
      const paths = await bench.submit({ argv, files: { "plain.txt": "no program\n" } });
      const manifest = await bench.sealed(paths);
      expect(manifest.exit_code).toBe(code);
      expect(manifest.signal).toBe(signal);
      expect(manifest.failure?.kind ?? null).toBe(kind as never);
      if (code === 127) expect(manifest.failure?.message).toContain(process.env.PATH ?? "");
      if (signal !== null) expect(read(paths.outputLog)).toBe("");
      if (code === 137) expect(manifest.failure?.message).toContain("not by ml");
    });
  }

  test("[P1] a folder to start in that was not sent is said so, and nothing is started", async () => {
    await bench.work();
    const paths = await bench.submit({ argv: ["true"], files: { a: "1" }, manifest: { cwd: "not/there" } });
    const manifest = await bench.sealed(paths);
    expect(manifest).toMatchObject({ status: "failed", exit_code: null, started_at: null });
    expect(manifest.failure).toMatchObject({ kind: "start_failed" });
    expect(manifest.failure?.message).toContain("not/there");
    expect(fs.existsSync(paths.startedMark)).toBe(false);
  });
});

test("[I1] arguments arrive byte for byte", async () => {
  await bench.work();
  const odd = [
    "",
    " ",
    "a b",
    "new\nline",
    "$HOME `id` $(id)",
    "'",
    '"',
    "\\",
    "\\n",
    "*",
    "-rf",
    "--",
    "é🦉",
    "\t",
    "!",
    "a'b'c",
  ];
  const print = ["python3", "-c", "import sys,json; json.dump(sys.argv[1:], open('argv.json','w'))", ...odd];
  const paths = await bench.submit({ argv: print });
  expect((await bench.sealed(paths)).status).toBe("completed");
  expect(JSON.parse(read(join(paths.work, "argv.json")))).toEqual(odd);
});

test("[P13] stdin is at its end, signals have their defaults, the group is the script's own", async () => {
  await bench.work();
  const script = `
import os, signal, sys
print(repr(sys.stdin.read()), os.getpgrp() == os.getpid() == os.getsid(0))
print([s for s in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT, signal.SIGHUP, signal.SIGCHLD, signal.SIGUSR1) if signal.getsignal(s) not in (signal.SIG_DFL, signal.default_int_handler)])
print(sorted(os.listdir('/proc/self/fd')))
`;
  const paths = await bench.submit({ argv: ["python3", "check.py"], files: { "check.py": script } });
  await bench.sealed(paths);
  expect(read(paths.outputLog)).toBe("'' True\n[]\n['0', '1', '2', '3']\n");
});

test("[P16] the environment: ours added, secrets of the worker and BUN_* gone, nothing inherited on disk", async () => {
  const env = {
    ...process.env,
    BUN_OPTIONS: "--smol",
    ML_API_KEY: "ml_secret_key",
    ML_SERVER_URL: "ws://x",
    INHERITED: "from-the-worker",
    PYTHONPATH: "/opt/mine",
    HUGE: "x".repeat(100_000),
  };
  await bench.work({ env, capacity: { slots: 1, cpuCores: 4, ramGb: 8, diskGb: null, cards: plainCards(2) } });
  const manifest = { launch: { env: { ASKED: "for 'it'" } }, narrative: { experiment_group: "g1" } };
  const paths = await bench.submit({ argv: ["sh", "-c", "env -0"], manifest: manifest as never });
  await bench.sealed(paths);
  const seen = new Map(
    read(paths.outputLog)
      .split("\0")
      .map((line) => line.split(/=(.*)/s) as [string, string]),
  );
  const got = (name: string) => seen.get(name);
  expect(["BUN_OPTIONS", "ML_API_KEY", "ML_SERVER_URL", "ML_SUPERVISES"].filter((name) => seen.has(name))).toEqual([]);
  expect(got("INHERITED")).toBe("from-the-worker");
  expect(got("HUGE")).toHaveLength(100_000);
  expect(got("ASKED")).toBe("for 'it'");
  expect(got("PYTHONUNBUFFERED")).toBe("1");
  expect(got("PYTHONPATH")).toBe(`/opt/mine:${bench.base.lib}/python`);
  expect(got("CUDA_VISIBLE_DEVICES")).toBe("");
  expect([got("ML_RUN_ID"), got("ML_RUN_NAME"), got("ML_USER"), got("ML_GROUP")]).toEqual([
    paths.runId,
    "test",
    "ana",
    "g1",
  ]);
  expect([got("ML_RUN_DIR"), got("ML_WORK_DIR"), got("ML_METRICS_FILE")]).toEqual([
    paths.folder,
    paths.work,
    paths.metrics,
  ]);
  const kept = fs
    .readdirSync(paths.private)
    .map((name) => read(join(paths.private, name)))
    .join("\n");
  expect(kept).not.toContain("from-the-worker");
  expect(kept).not.toContain("ml_secret_key");
});

test("launch.sh runs the same by hand", async () => {
  await bench.work();
  const paths = await bench.submit({ argv: ["sh", "-c", 'echo "$PWD $ML_RUN_ID $1"', "x", "a b"] });
  await bench.sealed(paths);
  const byHand = Bun.spawnSync(["sh", paths.launchScript]).stdout.toString();
  expect(byHand).toBe(`${paths.work} ${paths.runId} a b\n`);
  expect(read(paths.outputLog)).toBe(byHand);
});

test("metrics of ml_runner and of structured lines are in the record, NaN included", async () => {
  await bench.work();
  const script = `
from ml_runner import log_metric
for step, loss in enumerate([0.9, 0.2, 0.4]):
    log_metric("loss", loss, step)
log_metric("odd", float("nan"))
print("ml:metric acc=0.5 step=1")
print("ml:metric acc=0.7 step=2", end="")
`;
  const paths = await bench.submit({ argv: ["python3", "t.py"], files: { "t.py": script } });
  const { metrics } = await bench.sealed(paths);
  expect(metrics).toMatchObject({ loss: 0.4, best_loss: 0.2, final_loss: 0.4, odd: "NaN", acc: 0.7, best_acc: 0.7 });
  expect(metrics.training_time_hours).toBeNumber();
  expect(
    read(paths.metrics)
      .split("\n")
      .filter((line) => line.includes('"source":"stdout"')),
  ).toHaveLength(2);
});

test("[P11] files that look like ours in the script's folder are artifacts and nothing else", async () => {
  await bench.work();
  const fake = "mkdir .run; echo '{\"rc\":0}' > .run/exit.json; echo '{}' > process.json; echo x > exit.json; exit 3";
  const paths = await bench.submit({ argv: ["sh", "-c", fake] });
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "failed", exit_code: 3 });
  expect(manifest.artifacts?.files.map((file) => file.path)).toEqual([".run/exit.json", "exit.json", "process.json"]);
});

needs("sha256sum")(
  "[D10 D13] sealed: sha256sum -c agrees, odd names too; read-only; loops are not followed",
  async () => {
    await bench.work();
    const make = `
mkdir d; ln -s .. d/loop; ln -s /etc/hostname out; mkfifo pipe
printf a > 'sp ace'; printf b > 'back\\slash'; printf c > "$(printf 'new\\nline')"; printf d > 'é'; printf e > d/deep; printf f >> code.txt`;
    const paths = await bench.submit({ argv: ["sh", "-c", make], files: { "code.txt": "code", "same.txt": "same" } });
    const manifest = await bench.sealed(paths);
    const names = manifest.artifacts!.files.map((file) => file.path);
    expect(names).toEqual(["back\\slash", "code.txt", "d/deep", "d/loop", "new\nline", "out", "sp ace", "é"]);
    const check = Bun.spawnSync(["sha256sum", "-c", "--strict", "SHA256SUMS"], { cwd: paths.folder });
    expect(check.stderr.toString()).toBe("");
    expect(check.exitCode).toBe(0);
    expect(check.stdout.toString()).toContain("output.log: OK");
    for (const path of [join(paths.work, "code.txt"), join(paths.work, "d/deep"), paths.outputLog, paths.sums]) {
      expect(fs.statSync(path).mode & 0o222).toBe(0);
    }
    fs.chmodSync(join(paths.work, "d/deep"), 0o644);
    fs.writeFileSync(join(paths.work, "d/deep"), "E");
    expect(Bun.spawnSync(["sha256sum", "-c", "--status", "SHA256SUMS"], { cwd: paths.folder }).exitCode).toBe(1);
  },
);

test("split output goes to two files", async () => {
  await bench.work();
  const manifest = { launch: { split_output: true } } as never;
  const paths = await bench.submit({ argv: ["sh", "-c", "echo out; echo err >&2"], manifest });
  await bench.sealed(paths);
  expect([read(paths.stdoutLog), read(paths.stderrLog), fs.existsSync(paths.outputLog)]).toEqual([
    "out\n",
    "err\n",
    false,
  ]);
});

test("a second worker of the same name is refused, naming the first", async () => {
  await bench.work();
  await expect(bench.work()).rejects.toThrow(`pid ${process.pid}`);
  await bench.work({ name: "w2" });
});

test("GPUs are handed out one by one and hidden from runs that ask for none", async () => {
  await bench.work({ capacity: { slots: 4, cpuCores: 8, ramGb: 8, diskGb: null, cards: plainCards(2) } });
  const hold = 'echo "$CUDA_VISIBLE_DEVICES"; while [ ! -e go ]; do sleep 0.05; done';
  const manifest = { resources: { requested: { gpus: 1 } } } as never;
  const all = [
    await bench.submit({ argv: ["sh", "-c", hold], manifest }),
    await bench.submit({ argv: ["sh", "-c", hold], manifest }),
    await bench.submit({ argv: ["sh", "-c", hold], manifest }),
  ];
  const started = () => all.filter((paths) => fs.existsSync(paths.outputLog) && read(paths.outputLog) !== "");
  await until("two starts", () => started().length === 2);
  expect(
    started()
      .map((paths) => read(paths.outputLog).trim())
      .sort(),
  ).toEqual(["0", "1"]);
  await Bun.sleep(150);
  expect(started()).toHaveLength(2);
  for (const paths of started()) fs.writeFileSync(join(paths.work, "go"), "");
  await until("the third start", () => started().length === 3);
  for (const paths of all) fs.writeFileSync(join(paths.work, "go"), "");
  for (const paths of all) await bench.sealed(paths);
});

test("a worker says in its heartbeat what it has and what changed", async () => {
  const changed: string[] = [];
  await bench.work({ onChange: (runId) => changed.push(runId) });
  const paths = await bench.submit({ argv: ["true"] });
  await bench.sealed(paths);
  // One more may come after the seal.
  const { beat, count } = await until("the changes in the heartbeat", () => {
    const now = JSON.parse(read(join(bench.base.workers, "w1.json")));
    return now.changes.length === changed.length ? { beat: now, count: changed.length } : null;
  });
  expect(changed).toContain(paths.runId);
  expect(beat).toMatchObject({ worker: "w1", pid: process.pid, running: [], free: { slots: 4 }, problems: [] });
  expect(beat.changes.map((change: { n: number }) => change.n)).toEqual(
    Array.from({ length: count }, (_, at) => at + 1),
  );
});

test("below the disk floor nothing starts, and the heartbeat says why", async () => {
  const worker = await bench.work({ settings: { diskFloorMb: 1e12 } });
  const paths = await bench.submit({ argv: ["true"] });
  await until("the problem", () => worker.state().problems.some((problem) => problem.includes("disk_floor_mb")));
  expect(bench.manifest(paths).status).toBe("queued");
});

test("[Q2] a claim that went to another worker is not started by the one that lost it", async () => {
  const paths = await bench.submit({ argv: ["sh", "-c", "echo once >> ../../../started.txt"] });
  const stolen = await bench.queue.claim(paths.runId, "sleeper", 1);
  await Bun.sleep(5);
  await bench.work();
  await bench.sealed(paths);
  expect(await bench.queue.renew(stolen!, 1000)).toBe(false);
  expect(await bench.queue.settle(stolen!)).toBe(false);
  expect(read(join(bench.base.base, "started.txt"))).toBe("once\n");
});
