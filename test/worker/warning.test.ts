/** The warning before the time limit: sent by the supervisor to the script alone, once, whoever else is up. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import type { RunPaths } from "../../src/run/paths.ts";
import { type Bench, openBench } from "../support/queued-run.ts";
import { until } from "../support/temp.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(async () => {
  await bench.close();
});

const warned = (limitSeconds: number, leadSeconds: number) => ({
  launch: { warn_signal: "USR1" as const, warn_seconds: leadSeconds, grace_seconds: 5 },
  resources: { requested: { max_runtime_hours: limitSeconds / 3600 } },
});
const output = (paths: RunPaths) => fs.readFileSync(paths.outputLog, "utf8");

test("[P14] a script that handles its warning saves its work and ends by itself, with no worker up", async () => {
  const worker = await bench.work();
  const save = "trap 'echo saved > checkpoint; exit 0' USR1; echo up; while :; do sleep 0.02; done";
  const paths = await bench.submit({ argv: ["sh", "-c", save], manifest: warned(20, 18.5) });
  await until("the script", () => fs.existsSync(paths.outputLog) && output(paths).includes("up"));
  await worker.stop();
  await until("the exit record", () => fs.existsSync(paths.exitRecord));
  await bench.work();
  const manifest = await bench.sealed(paths);
  expect(manifest).toMatchObject({ status: "completed", exit_code: 0, failure: null });
  expect(manifest.artifacts?.files.map((file) => file.path)).toEqual(["checkpoint"]);
  expect(fs.readFileSync(paths.events, "utf8")).toContain("time limit in 18.5 s: SIGUSR1 to the script");
  expect(fs.readFileSync(paths.launchScript, "utf8")).toContain("export ML_WARN_SIGNAL=USR1");
});

test("a script that goes on after its warning is stopped at the limit", async () => {
  await bench.work();
  const deaf = "trap 'echo heard' USR1; echo up; while :; do sleep 0.02; done";
  const paths = await bench.submit({ argv: ["sh", "-c", deaf], manifest: warned(2.5, 1.5) });
  const manifest = await bench.sealed(paths);
  expect(manifest.failure).toMatchObject({ kind: "timeout", message: expect.stringContaining("still running") });
  expect(output(paths)).toBe("up\nheard\n");
});

test("a script that knows nothing of the signal is ended by it, and that is said", async () => {
  await bench.work();
  const paths = await bench.submit({ argv: ["sleep", "30"], manifest: warned(20, 19.2) });
  const manifest = await bench.sealed(paths);
  expect(manifest.failure).toMatchObject({ kind: "timeout", message: expect.stringContaining("does not handle") });
  expect(manifest.signal).toBe("SIGUSR1");
});
