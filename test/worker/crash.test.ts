/** Workers, supervisors and machines that die: what the next worker makes of what is left. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { bootId, isSameProcess } from "../../src/core/process-identity.ts";
import { readProcessRecord } from "../../src/execute/records.ts";
import type { RunPaths } from "../../src/run/paths.ts";
import { askToStop, type Bench, openBench } from "../support/queued-run.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";

let bench: Bench;
const children: Bun.Subprocess[] = [];
beforeEach(() => {
  bench = openBench();
});
afterEach(async () => {
  for (const child of children.splice(0)) {
    child.kill("SIGKILL");
    await child.exited;
  }
  await bench.close();
});

const read = (path: string) => fs.readFileSync(path, "utf8");

/** A worker in its own process; with `faults` it may die by itself. */
function spawnWorker(faults = "", name = "w1"): Bun.Subprocess {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "child.ts"), bench.base.base, name], {
    env: { ...process.env, ML_FAULTS: faults },
    stdin: "ignore",
    stdout: "ignore",
    stderr: "inherit",
  });
  children.push(child);
  return child;
}

async function kill(child: Bun.Subprocess): Promise<void> {
  child.kill("SIGKILL");
  await child.exited;
}

function record(paths: RunPaths) {
  const found = readProcessRecord(paths);
  return found.kind === "ok" ? found.record : null;
}

const running = (paths: RunPaths) =>
  until(`${paths.runId} to run`, () => (bench.manifest(paths).status === "running" ? record(paths) : null));

/** Counts its starts outside of the run folder, prints lines until `go` exists, ends with 5. */
const patient =
  'echo "$ML_RUN_ID" >> ../../../starts.txt; echo begin; n=0; while [ ! -e go ]; do n=$((n+1)); echo line $n; sleep 0.02; done; echo end; exit 5';
const startsOf = (paths: RunPaths) =>
  (fs.existsSync(join(bench.base.base, "starts.txt")) ? read(join(bench.base.base, "starts.txt")) : "")
    .split("\n")
    .filter((line) => line === paths.runId).length;
const go = (paths: RunPaths) => fs.writeFileSync(join(paths.work, "go"), "");

function expectWholeLog(paths: RunPaths): void {
  const lines = read(paths.outputLog).split("\n");
  expect(lines[0]).toBe("begin");
  expect(lines.slice(-2)).toEqual(["end", ""]);
  expect(lines.slice(1, -2)).toEqual(lines.slice(1, -2).map((_, at) => `line ${at + 1}`));
}

test("[K1] a killed worker's run goes on, is adopted, and its record is complete", async () => {
  const first = spawnWorker();
  const paths = await bench.submit({ argv: ["sh", "-c", patient] });
  const { script } = await running(paths);
  await kill(first);
  expect(isSameProcess(script)).toBe(true);
  const worker = await bench.work();
  expect(worker.state().running).toEqual([paths.runId]);
  go(paths);
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "failed", exit_code: 5 });
  expect(startsOf(paths)).toBe(1);
  expectWholeLog(paths);
});

test("[K5] a run that ended while nobody was up has its own end time and exit code", async () => {
  const first = spawnWorker();
  const paths = await bench.submit({ argv: ["sh", "-c", patient] });
  await running(paths);
  await kill(first);
  go(paths);
  await until("the exit record", () => fs.existsSync(paths.exitRecord));
  const endedBy = Date.now();
  await Bun.sleep(300);
  await bench.work();
  const manifest = await bench.sealed(paths);
  expect(manifest.exit_code).toBe(5);
  expect(Date.parse(manifest.ended_at!)).toBeLessThanOrEqual(endedBy);
  expectWholeLog(paths);
});

describe("every crash point of a worker ends in exactly one start and a true record", () => {
  const points = [
    "worker/after-claim",
    "worker/after-claim-record",
    "worker/after-starting",
    "worker/after-checkout",
    "execute/before-spawn",
    "worker/after-spawn",
    "worker/before-running",
    "worker/after-running",
    "worker/after-settle",
    "queue/before-settle",
    "worker/before-final",
    "worker/after-final",
    "run/mid-seal",
    "run/before-sums",
    "run/after-sums",
    "worker/after-seal",
  ];
  for (const point of points) {
    test(`[K3 K4] killed at ${point}`, async () => {
      const paths = await bench.submit({ argv: ["sh", "-c", `sleep 0.2; ${patient}`], files: { go: "", code: "1" } });
      const first = spawnWorker(`${point}:1:kill`);
      expect(await first.exited).toBe(137);
      await bench.work();
      const manifest = await bench.sealed(paths);
      expect(manifest).toMatchObject({ status: "failed", exit_code: 5, failure: { kind: "code_error" } });
      expect(startsOf(paths)).toBe(1);
      expectWholeLog(paths);
      await until("an empty line", async () => (await bench.queue.count()) === 0);
      const check = Bun.spawnSync(["sha256sum", "-c", "--quiet", "SHA256SUMS"], { cwd: paths.folder });
      expect(check.exitCode).toBe(0);
    });
  }
});

test("[K4] a supervisor that has not left its first mark yet is waited for, and nothing is started twice", async () => {
  const paths = await bench.submit({ argv: ["sh", "-c", patient], files: { go: "" } });
  await spawnWorker("execute/before-spawn:1:kill").exited;
  const { token } = JSON.parse(read(paths.claim));
  const words = [paths.supervisorScript, paths.folder, paths.runId, token, 0, 30, 0, Date.now(), 1, "-", bootId(), "-"];
  const late = Bun.spawn(["sh", "-c", 'sleep 0.5; exec sh "$@"', "late", ...words.map(String)], {
    env: { ...process.env, ML_SUPERVISES: paths.runId },
    detached: true,
  });
  const worker = await bench.work();
  expect(worker.state().running).toEqual([paths.runId]);
  expect((await bench.sealed(paths)).exit_code).toBe(5);
  expect(startsOf(paths)).toBe(1);
  await late.exited;
});

test("[K4] of two supervisors for one run the second does nothing", async () => {
  await bench.work();
  const paths = await bench.submit({ argv: ["sh", "-c", patient], files: { go: "" } });
  const before = await bench.sealed(paths);
  const words = [paths.supervisorScript, paths.folder, paths.runId, 99, 0, 30, 0, Date.now(), 1, "-", bootId(), "-"];
  expect(Bun.spawnSync(["sh", ...words.map(String)]).exitCode).toBe(0);
  expect(startsOf(paths)).toBe(1);
  expect(bench.manifest(paths)).toEqual(before);
  expectWholeLog(paths);
});

for (const shell of ["dash", "bash"]) {
  needs(shell)(`the supervisor works under ${shell}`, () => {
    const folder = tempFolder();
    const own = join(folder, ".run");
    fs.mkdirSync(own);
    fs.mkdirSync(join(folder, "work"));
    const sh = Bun.which(shell)!;
    const text = read(join(import.meta.dir, "../../src/execute/supervise.sh"));
    const link = join(folder, "sh");
    fs.writeFileSync(link, `#!/bin/sh\nexec ${sh} "$@"\n`, { mode: 0o755 });
    fs.writeFileSync(join(own, "supervise.sh"), text.replace("sh=/bin/sh", `sh=${link}`));
    fs.writeFileSync(join(own, "launch.sh"), 'export ML_RUN_ID=x\nexec sh -c "echo hi; exec sleep 30"\n');
    fs.writeFileSync(join(own, "reserve"), " ".repeat(1024));
    const words = [join(own, "supervise.sh"), folder, "x", 7, 0.3, 0.2, 0, 1_000_000, 0, "-", bootId(), "-"];
    expect(Bun.spawnSync([sh, ...words.map(String)]).exitCode).toBe(0);
    expect(JSON.parse(read(join(own, "exit.json")))).toMatchObject({
      run_id: "x",
      token: 7,
      rc: 143,
      time_limit: true,
    });
    expect(JSON.parse(read(join(own, "process.json")))).toMatchObject({ boot: bootId(), token: 7 });
    expect(read(join(folder, "output.log"))).toBe("hi\n");
  });

  needs(shell)(`[T1] under ${shell} the times of the records follow the uptime, not the wall clock`, () => {
    const folder = tempFolder();
    const own = join(folder, ".run");
    fs.mkdirSync(own);
    fs.writeFileSync(join(own, "launch.sh"), "exec sleep 0.5\n");
    fs.writeFileSync(join(own, "reserve"), " ".repeat(1024));
    const supervisor = join(import.meta.dir, "../../src/execute/supervise.sh");
    const uptime = Number(read("/proc/uptime").split(" ")[0]!.replace(".", ""));
    // Told that it is 2001: so it stays, whatever the wall clock says.
    const words = [supervisor, folder, "x", 7, 0, 1, 0, 1_000_000_000_000, uptime, "-", bootId(), "-"];
    Bun.spawnSync([shell, ...words.map(String)]);
    const at = (name: string) => JSON.parse(read(join(own, name))).at_ms as number;
    expect(at("process.json")).toBeGreaterThanOrEqual(1_000_000_000_000);
    expect(at("exit.json") - at("process.json")).toBeGreaterThanOrEqual(490);
    expect(at("exit.json")).toBeLessThan(1_000_000_060_000);
  });
}

test("[Q6] a run that takes the worker down three times is given up, and the worker goes on", async () => {
  const poison = await bench.submit({ argv: ["sh", "-c", patient] });
  for (let life = 1; life <= 3; life += 1) {
    const child = spawnWorker("worker/after-checkout:1:kill");
    expect(await child.exited).toBe(137);
  }
  await bench.work();
  const manifest = await bench.sealed(poison);
  expect(manifest).toMatchObject({ status: "failed", failure: { kind: "start_failed" } });
  expect(manifest.failure?.message).toContain("3 times");
  expect(startsOf(poison)).toBe(0);
  const other = await bench.submit({ argv: ["true"] });
  expect((await bench.sealed(other)).status).toBe("completed");
});

test("[K6] a run whose supervisor was killed is watched as an orphan and never called a success", async () => {
  const worker = await bench.work();
  const paths = await bench.submit({ argv: ["sh", "-c", patient.replace("exit 5", "exit 0")] });
  const { supervisor, script } = await running(paths);
  process.kill(supervisor.pid, "SIGKILL");
  await until("the orphan to be named", () => worker.state().problems.some((problem) => problem.includes(paths.runId)));
  expect(isSameProcess(script)).toBe(true);
  expect(worker.state().running).toEqual([paths.runId]);
  go(paths);
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "failed", exit_code: null, failure: { kind: "worker_lost" } });
  expectWholeLog(paths);
});

test("[K7] a run of an earlier boot is lost, its log kept, nothing is signalled or run again", async () => {
  const first = spawnWorker();
  const paths = await bench.submit({ argv: ["sh", "-c", patient] });
  const { script, supervisor } = await running(paths);
  await kill(first);
  process.kill(supervisor.pid, "SIGKILL");
  process.kill(-script.pid, "SIGKILL");
  const earlier = "00000000-0000-0000-0000-000000000000";
  for (const path of [paths.processRecord, paths.startedMark, paths.claim]) {
    fs.writeFileSync(path, read(path).replaceAll(bootId(), earlier));
  }
  // The pids of the record belong to somebody else now: to us.
  fs.writeFileSync(paths.processRecord, read(paths.processRecord).replaceAll(String(script.pid), String(process.pid)));
  const log = read(paths.outputLog);
  await bench.work();
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "failed", exit_code: null, failure: { kind: "worker_lost" } });
  expect(manifest.failure?.message).toContain("restarted");
  expect(read(paths.outputLog)).toBe(log);
  expect(startsOf(paths)).toBe(1);
});

test("a claimed run of an earlier boot that never started waits again", async () => {
  const paths = await bench.submit({ argv: ["sh", "-c", "exit 5"] });
  const child = spawnWorker("worker/after-starting:1:kill");
  await child.exited;
  fs.writeFileSync(paths.claim, read(paths.claim).replaceAll(bootId(), "00000000-0000-0000-0000-000000000000"));
  await bench.work();
  expect((await bench.sealed(paths)).exit_code).toBe(5);
});

test("[K7] a power cut around the spawn: what may have begun is lost and is not started again", async () => {
  const paths = await bench.submit({ argv: ["sh", "-c", "exit 5"] });
  const child = spawnWorker("execute/before-spawn:1:kill");
  await child.exited;
  fs.writeFileSync(paths.claim, read(paths.claim).replaceAll(bootId(), "00000000-0000-0000-0000-000000000000"));
  await bench.work();
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "failed", exit_code: null, failure: { kind: "worker_lost" } });
  expect(fs.existsSync(paths.startedMark)).toBe(false);
  expect(await bench.queue.count()).toBe(0);
});

test("[K7] a run that was given back before a power cut is not taken for one that had begun", async () => {
  const paths = await bench.submit({ argv: ["sh", "-c", "exit 5"] });
  const child = spawnWorker("execute/before-spawn:1:kill");
  await child.exited;
  const again = spawnWorker("worker/after-requeue:1:kill");
  await again.exited;
  fs.writeFileSync(paths.claim, read(paths.claim).replaceAll(bootId(), "00000000-0000-0000-0000-000000000000"));
  await bench.work();
  expect((await bench.sealed(paths)).exit_code).toBe(5);
});

describe("damaged records", () => {
  for (const [what, text] of [
    ["empty", ""],
    ["torn", '{"version":1,"rc":'],
    ["foreign", '{"hello":[]}'],
    ["binary", "\0\xff\0"],
  ] as const) {
    test(`[K9] a process record that is ${what}: kept aside, the run still found and finished`, async () => {
      const first = spawnWorker();
      const paths = await bench.submit({ argv: ["sh", "-c", patient] });
      await running(paths);
      await kill(first);
      fs.writeFileSync(paths.processRecord, text);
      const worker = await bench.work();
      await until("the adoption", () => worker.state().running.includes(paths.runId));
      await until("the copy", () =>
        fs.readdirSync(paths.private).some((name) => name.startsWith("process.json.damaged")),
      );
      go(paths);
      expect(await bench.sealed(paths)).toMatchObject({ status: "failed", exit_code: 5 });
      expect(startsOf(paths)).toBe(1);
    });

    test(`[K9] an exit record that is ${what}: kept aside, the end unknown, other runs unharmed`, async () => {
      const first = spawnWorker();
      const paths = await bench.submit({ argv: ["sh", "-c", patient.replace("exit 5", "exit 0")] });
      await running(paths);
      await kill(first);
      go(paths);
      const { supervisor } = record(paths)!;
      await until("the supervisor's end", () => fs.existsSync(paths.exitRecord) && !isSameProcess(supervisor));
      fs.writeFileSync(paths.exitRecord, text);
      await bench.work();
      const manifest = await bench.sealed(paths);
      expect(manifest).toMatchObject({ status: "failed", exit_code: null, failure: { kind: "worker_lost" } });
      expect(fs.readdirSync(paths.private).some((name) => name.startsWith("exit.json.damaged"))).toBe(true);
      const other = await bench.submit({ argv: ["true"] });
      expect((await bench.sealed(other)).status).toBe("completed");
    });
  }

  test("[K9] damaged manifests are named, left as they are, and stop nothing", async () => {
    const bad = await bench.submit({ argv: ["true"] });
    fs.writeFileSync(bad.manifest, '{"schema_version": 1, "run_');
    const worker = await bench.work();
    const good = await bench.submit({ argv: ["true"] });
    expect((await bench.sealed(good)).status).toBe("completed");
    expect(worker.state().problems.join()).toContain(bad.runId);
    expect(read(bad.manifest)).toBe('{"schema_version": 1, "run_');
  });
});

test("[P14] the time limit is kept while no worker is up, and what was written by then is kept", async () => {
  const first = spawnWorker();
  const limit = {
    resources: { requested: { max_runtime_hours: 1.2 / 3600 } },
    launch: { grace_seconds: 0.3 },
  } as never;
  const stubborn = "trap '' TERM; echo kept > artifact.txt; while :; do sleep 0.05; done";
  const paths = await bench.submit({ argv: ["sh", "-c", stubborn], manifest: limit });
  const { script } = await running(paths);
  await kill(first);
  await until("the supervisor to end it", () => fs.existsSync(paths.exitRecord));
  expect(isSameProcess(script)).toBe(false);
  await bench.work();
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "failed", exit_code: 137, failure: { kind: "timeout" } });
  expect(manifest.artifacts?.files.map((file) => file.path)).toEqual(["artifact.txt"]);
  expect(read(paths.events)).toContain("SIGTERM");
});

test("a stop that was asked for while no worker was up is carried out by the next", async () => {
  const first = spawnWorker();
  const paths = await bench.submit({ argv: ["sh", "-c", patient] });
  await running(paths);
  await kill(first);
  askToStop(paths);
  await bench.work();
  expect(await bench.sealed(paths)).toMatchObject({ status: "cancelled", failure: null });
});

test("a run of a living worker is left alone; once that worker is dead it is taken over", async () => {
  const other = spawnWorker("", "w2");
  const paths = await bench.submit({ argv: ["sh", "-c", patient] });
  await running(paths);
  const worker = await bench.work();
  expect(worker.state().running).toEqual([]);
  await kill(other);
  await worker.stop();
  const next = await bench.work({ name: "w3" });
  expect(next.state().running).toEqual([paths.runId]);
  go(paths);
  expect((await bench.sealed(paths)).exit_code).toBe(5);
});

test("the runs of a worker that died are taken over by another of the same host, without a restart", async () => {
  const other = spawnWorker("", "w2");
  const paths = await bench.submit({ argv: ["sh", "-c", patient] });
  await running(paths);
  const beat = join(bench.base.workers, "w2.json");
  await until("the run in its heartbeat", () => JSON.parse(read(beat)).running.includes(paths.runId));
  const worker = await bench.work({ pollMs: 20 });
  await Bun.sleep(400);
  expect(worker.state().running).toEqual([]);
  await kill(other);
  await until("the adoption", () => worker.state().running.includes(paths.runId));
  go(paths);
  expect((await bench.sealed(paths)).exit_code).toBe(5);
});

test("[Q2] a worker that slept beyond its lease does not start what another has started", async () => {
  const sleeper = spawnWorker("worker/after-starting:1:delay=3000");
  const paths = await bench.submit({ argv: ["sh", "-c", patient], files: { go: "" } });
  await until("the sleeper's claim", () => fs.existsSync(paths.claim) && bench.manifest(paths).status === "starting");
  // Its lease is over: another takes the entry.
  const claim = JSON.parse(read(paths.claim));
  await bench.queue.giveBack({ runId: paths.runId, worker: claim.worker, token: claim.token });
  await bench.work({ name: "w2" });
  const manifest = await bench.sealed(paths);
  expect(manifest.exit_code).toBe(5);
  expect(JSON.parse(read(paths.claim)).worker).toBe("w2");
  await Bun.sleep(3100);
  expect(sleeper.exitCode).toBeNull();
  expect(startsOf(paths)).toBe(1);
  expect(bench.manifest(paths)).toEqual(manifest);
});

test("a clean stop leaves the run running and takes the heartbeat away; a drain waits for it", async () => {
  const worker = await bench.work();
  const paths = await bench.submit({ argv: ["sh", "-c", patient] });
  const { script } = await running(paths);
  await worker.stop();
  expect(isSameProcess(script)).toBe(true);
  expect(fs.readdirSync(bench.base.workers)).toEqual([]);
  const next = await bench.work();
  const drained = next.stop({ drain: true });
  await until("draining", () => next.state().draining);
  go(paths);
  await drained;
  expect(bench.manifest(paths).exit_code).toBe(5);
});

test("a run whose folder is removed while it runs is told of, and holds what it has until its processes end", async () => {
  const worker = await bench.work();
  const paths = await bench.submit({ argv: ["sleep", "60"] });
  const pid = (await running(paths)).script?.pid ?? 0;
  fs.rmSync(paths.folder, { recursive: true });
  worker.poke();
  await until("the problem", () => worker.state().problems.join().includes(`\`kill ${pid}\` ends them`));
  expect(worker.state().running).toEqual([paths.runId]);
  process.kill(pid, "SIGKILL");
  await until("the end", () => {
    worker.poke();
    return worker.state().running.length === 0 && worker.state().problems.length === 0;
  });
  expect(fs.existsSync(paths.folder)).toBeFalse();
}, 60_000);
