/** Stopping runs: the polite way, the hard way, and whoever tried to get away. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { identityOf, isSameProcess, readProcessStat } from "../../src/core/process-identity.ts";
import { readProcessRecord } from "../../src/execute/records.ts";
import { processesOf } from "../../src/execute/stragglers.ts";
import type { RunPaths } from "../../src/run/paths.ts";
import { plainCards } from "../../src/schedule/fit.ts";
import { askToStop, type Bench, openBench } from "../support/queued-run.ts";
import { until } from "../support/temp.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(async () => {
  await bench.close();
});

const read = (path: string) => fs.readFileSync(path, "utf8");
const grace = (seconds: number) => ({ launch: { grace_seconds: seconds } }) as never;

/** Waits for a line of the script's output. */
const says = (paths: RunPaths, word: string) =>
  until(`\`${word}\` in the output`, () => fs.existsSync(paths.outputLog) && read(paths.outputLog).includes(word));

function script(paths: RunPaths) {
  const found = readProcessRecord(paths);
  if (found.kind !== "ok") throw new Error("no process record");
  return found.record.script;
}

test("a script that handles SIGTERM may save its work; the run is cancelled whatever it exits with", async () => {
  await bench.work();
  const save = "trap 'echo saved > checkpoint; exit 0' TERM; echo up; while :; do sleep 0.02; done";
  const paths = await bench.submit({ argv: ["sh", "-c", save] });
  await says(paths, "up");
  askToStop(paths, { reason: "wrong data" });
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "cancelled", exit_code: 0, failure: null });
  expect(manifest.artifacts?.files.map((file) => file.path)).toEqual(["checkpoint"]);
});

test("[P2] a tree that ignores SIGTERM is killed after the grace, every process of it", async () => {
  await bench.work();
  const tree =
    "trap '' TERM; (trap '' TERM; while :; do sleep 0.05; done) & (sleep 100) & echo up; while :; do sleep 0.05; done";
  const paths = await bench.submit({ argv: ["sh", "-c", tree], manifest: grace(0.4) });
  await says(paths, "up");
  const who = script(paths);
  askToStop(paths);
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "cancelled", exit_code: 137, signal: "SIGKILL" });
  expect(processesOf(paths.runId, who)).toEqual([]);
  expect(read(paths.events)).toContain("SIGKILL");
});

test("a stop with `now` skips the grace, also one that is under way", async () => {
  await bench.work();
  const stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done";
  const paths = await bench.submit({ argv: ["sh", "-c", stubborn], manifest: grace(600) });
  await says(paths, "up");
  askToStop(paths);
  await until("the SIGTERM", () => fs.existsSync(paths.events) && read(paths.events).includes("SIGTERM"));
  expect(isSameProcess(script(paths))).toBe(true);
  askToStop(paths, { now: true });
  expect((await bench.sealed(paths)).status).toBe("cancelled");
});

test("[P3] a daemon that left group and session is found and killed with its run", async () => {
  await bench.work();
  const flee = "(setsid sh -c 'trap \"\" TERM; echo $$ > pid; while :; do sleep 0.05; done' &) ; echo up; sleep 100";
  const paths = await bench.submit({ argv: ["sh", "-c", flee], manifest: grace(0.3) });
  await says(paths, "up");
  const pid = Number(
    await until("the daemon", () => fs.existsSync(join(paths.work, "pid")) && read(join(paths.work, "pid"))),
  );
  const daemon = identityOf(pid)!;
  expect(readProcessStat(pid)?.session).not.toBe(script(paths).pid);
  askToStop(paths);
  await bench.sealed(paths);
  expect(isSameProcess(daemon)).toBe(false);
});

test("[P4] a script that exits 0 and leaves processes keeps what it holds until they end, and is completed", async () => {
  const worker = await bench.work({
    capacity: { slots: 1, cpuCores: 4, ramGb: 8, diskGb: null, cards: plainCards(1) },
  });
  const leave = "(while [ ! -e go ]; do sleep 0.02; done; echo late) & echo up";
  const paths = await bench.submit({ argv: ["sh", "-c", leave] });
  await until("the exit record", () => fs.existsSync(paths.exitRecord));
  await until("the stragglers to be named", () => worker.state().problems.some((text) => text.includes("left")));
  const next = await bench.submit({ argv: ["true"] });
  expect(worker.state()).toMatchObject({ running: [paths.runId], free: { slots: 0 } });
  expect(bench.manifest(next).status).toBe("queued");
  fs.writeFileSync(join(paths.work, "go"), "");
  expect(await bench.sealed(paths)).toMatchObject({ status: "completed", exit_code: 0 });
  expect(read(paths.outputLog)).toBe("up\nlate\n");
  expect((await bench.sealed(next)).status).toBe("completed");
});

test("[P4] stragglers are killed on request, and what the script did stays its own", async () => {
  await bench.work();
  const paths = await bench.submit({ argv: ["sh", "-c", "sleep 1000 & echo up"], manifest: grace(0.2) });
  await until("the exit record", () => fs.existsSync(paths.exitRecord));
  askToStop(paths);
  expect(await bench.sealed(paths)).toMatchObject({ status: "completed", exit_code: 0 });
});

test("[P5] a zombie that nobody reaps holds nothing up", async () => {
  await bench.work();
  const zombie = `
import os, sys, time
if os.fork() == 0:
    if os.fork() == 0:
        os._exit(0)          # a zombie of its parent, which left the group
    os.setsid()
    open("pid", "w").write(str(os.getpid()))
    os.environ.clear()
    os.execve("/bin/sh", ["sh", "-c", "while [ -e pid ]; do sleep 0.05; done"], {})
time.sleep(0.3)
`;
  const paths = await bench.submit({ argv: ["python3", "z.py"], files: { "z.py": zombie } });
  const manifest = await bench.sealed(paths);
  process.kill(Number(read(join(paths.work, "pid"))), "SIGKILL");
  expect(manifest.status).toBe("completed");
});

test("[P6] a pid that means somebody else by now is never signalled", async () => {
  const bystander = Bun.spawn(["sleep", "100"], { detached: true });
  const worker = await bench.work();
  const paths = await bench.submit({ argv: ["sh", "-c", "while [ ! -e go ]; do sleep 0.02; done"] });
  await until("the run", () => bench.manifest(paths).status === "running");
  await worker.stop();
  const text = read(paths.processRecord);
  const { pid } = script(paths);
  fs.writeFileSync(paths.processRecord, text.replace(`"script":{"pid":${pid}`, `"script":{"pid":${bystander.pid}`));
  await bench.work();
  askToStop(paths, { now: true });
  await bench.sealed(paths);
  expect(bystander.exitCode).toBeNull();
  expect(isSameProcess(identityOf(bystander.pid)!)).toBe(true);
  bystander.kill("SIGKILL");
  await bystander.exited;
});

test("[P15] a stopped script is continued so that it can end, and killed where it does not", async () => {
  await bench.work();
  const handler = "trap 'echo bye; exit 0' TERM; echo up; while :; do sleep 0.02; done";
  const paths = await bench.submit({ argv: ["sh", "-c", handler] });
  await says(paths, "up");
  process.kill(-script(paths).pid, "SIGSTOP");
  askToStop(paths);
  expect((await bench.sealed(paths)).status).toBe("cancelled");
  expect(read(paths.outputLog)).toContain("bye");
});

test("[Q11] a stop that meets a run before its start starts nothing; one after its end changes nothing", async () => {
  const early = await bench.submit({ argv: ["sh", "-c", "echo started"] });
  askToStop(early);
  await bench.work();
  expect(await bench.sealed(early)).toMatchObject({ status: "cancelled", started_at: null, exit_code: null });
  expect(fs.existsSync(early.startedMark)).toBe(false);
  const late = await bench.submit({ argv: ["true"] });
  const manifest = await bench.sealed(late);
  askToStop(late);
  await Bun.sleep(100);
  expect(bench.manifest(late)).toEqual(manifest);
});

test("the time limit is kept while the worker is up", async () => {
  await bench.work();
  const manifest = {
    resources: { requested: { max_runtime_hours: 0.5 / 3600 } },
    launch: { grace_seconds: 5 },
  } as never;
  const paths = await bench.submit({ argv: ["sh", "-c", "sleep 100; echo no"], manifest });
  expect(await bench.sealed(paths)).toMatchObject({ status: "failed", exit_code: 143, failure: { kind: "timeout" } });
  const quick = await bench.submit({ argv: ["sh", "-c", "echo quick"], manifest });
  expect((await bench.sealed(quick)).status).toBe("completed");
});

test("[D11] a log beyond its limit ends the run as disk_full", async () => {
  await bench.work({ settings: { logMaxMb: 1 } });
  const paths = await bench.submit({
    argv: ["sh", "-c", "exec yes 'a long line that goes on and on'"],
    manifest: grace(1),
  });
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "failed", failure: { kind: "disk_full" } });
});
