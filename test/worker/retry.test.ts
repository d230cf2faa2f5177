/** Retries: a failed run is tried again as a new run, once an attempt, and only where that was asked for. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../../src/run/manifest.ts";
import type { RunPaths } from "../../src/run/paths.ts";
import { backoffSeconds, checkRetryKinds, decideRetry, makeRetry, nextAttempt } from "../../src/run/retry.ts";
import { listRunIds } from "../../src/run/store.ts";
import { askToStop, type Bench, makeQueuedRun, openBench } from "../support/queued-run.ts";
import { until } from "../support/temp.ts";

let bench: Bench;
beforeEach(() => {
  bench = openBench();
});
afterEach(async () => {
  await bench.close();
});

const retries = (limit: number, on: string[] = []) => ({ launch: { retry: { limit, on, backoff_seconds: 0 } } });

/** The run after this one, sealed. */
async function following(manifest: Manifest): Promise<{ paths: RunPaths; manifest: Manifest }> {
  const runId = manifest.lineage.retried_as;
  if (runId === null) throw new Error(`run ${manifest.run_id} was not tried again`);
  const paths = bench.base.run(runId);
  return { paths, manifest: await bench.sealed(paths) };
}

test("a failed run is tried again, linked, told its restart count and where the attempt before is", async () => {
  await bench.work();
  const script =
    'echo "$ML_RESTART_COUNT ${ML_PREVIOUS_RUN-none}"; test "$ML_RESTART_COUNT" = 0 || cat "$ML_PREVIOUS_RUN_DIR/work/state"; echo kept > state; test "$ML_RESTART_COUNT" = 2';
  const first = await bench.submit({ argv: ["sh", "-c", script], manifest: retries(5) });
  const one = await bench.sealed(first);
  expect(one).toMatchObject({ status: "failed", lineage: { kind: "queue", source_run: null } });
  const two = await following(one);
  expect(two.manifest).toMatchObject({ status: "failed", lineage: { kind: "requeue", source_run: one.run_id } });
  expect(two.manifest.launch.retry).toMatchObject({ attempt: 2, limit: 5, first_run: one.run_id });
  const three = await following(two.manifest);
  expect(three.manifest).toMatchObject({ status: "completed", lineage: { retried_as: null } });
  const said = (paths: RunPaths) => fs.readFileSync(paths.outputLog, "utf8");
  expect(said(first)).toBe("0 none\n");
  expect(said(two.paths)).toBe(`1 ${one.run_id}\nkept\n`);
  expect(said(three.paths)).toBe(`2 ${two.manifest.run_id}\nkept\n`);
  expect(listRunIds(bench.base)).toHaveLength(3);
});

test("the budget ends, and other kinds of failure and successes are left alone", async () => {
  await bench.work();
  const fails = { argv: ["sh", "-c", "exit 3"] };
  const spent = await following(await bench.sealed(await bench.submit({ ...fails, manifest: retries(1) })));
  expect(spent.manifest.lineage.retried_as).toBeNull();
  expect(fs.readFileSync(spent.paths.events, "utf8")).toContain("all 1 retries are used up");
  const other = await bench.submit({ ...fails, manifest: retries(3, ["oom", "worker_lost"]) });
  expect((await bench.sealed(other)).lineage.retried_as).toBeNull();
  const good = await bench.submit({ argv: ["true"], manifest: retries(3) });
  expect((await bench.sealed(good)).lineage.retried_as).toBeNull();
});

test("[Q11] a run that somebody stopped is never tried again, whatever it exits with", async () => {
  await bench.work();
  const script = "trap 'exit 3' TERM; echo up; while :; do sleep 0.02; done";
  const paths = await bench.submit({ argv: ["sh", "-c", script], manifest: retries(3) });
  await until("the script", () => fs.existsSync(paths.outputLog) && fs.readFileSync(paths.outputLog, "utf8") !== "");
  askToStop(paths);
  expect(await bench.sealed(paths)).toMatchObject({ status: "cancelled", lineage: { retried_as: null } });
  expect(listRunIds(bench.base)).toEqual([paths.runId]);
});

async function failedRun(kind: "worker_lost" | "code_error", crashes = 0): Promise<Manifest> {
  const options = { launch: { retry: { limit: 50, crashes } }, ended_at: "2026-11-23T10:00:00.000Z" };
  const manifest = await makeQueuedRun(bench.base, { argv: ["true"], manifest: options });
  return { ...manifest, status: "failed", failure: { kind, message: "m", hint: null, traceback: null, evidence: [] } };
}

test("[Q6] three attempts lost with their worker end the chain, whatever budget is left", async () => {
  const decide = (manifest: Manifest) => decideRetry(manifest, { stopWanted: false }).kind;
  expect(decide(await failedRun("worker_lost", 1))).toBe("retry");
  expect(decide(await failedRun("worker_lost", 2))).toBe("none");
  expect(decide(await failedRun("code_error", 2))).toBe("retry");
  expect(nextAttempt(await failedRun("worker_lost", 1), "2026-11-23_abcdef").launch.retry?.crashes).toBe(2);
});

test("[K3] whoever makes the next attempt, and however often, makes one and the same", async () => {
  const failed = await failedRun("code_error");
  const decision = decideRetry(failed, { stopWanted: false });
  if (decision.kind !== "retry") throw new Error("not retried");
  expect(decideRetry(failed, { stopWanted: false })).toEqual(decision);
  expect(decideRetry(failed, { stopWanted: true }).kind).toBe("none");
  const made = makeRetry(bench.base, failed, decision.runId);
  const path = bench.base.run(decision.runId).manifest;
  const text = fs.readFileSync(path, "utf8");
  expect(makeRetry(bench.base, failed, decision.runId)).toEqual(made);
  expect(fs.readFileSync(path, "utf8")).toBe(text);
  expect(fs.readdirSync(join(bench.base.base, "staging"))).toEqual([]);
});

test("the wait doubles and is bounded; a kind that there is not is named", () => {
  expect([1, 2, 3, 20].map((attempt) => backoffSeconds(attempt, 10))).toEqual([10, 20, 40, 600]);
  expect(() => checkRetryKinds(["oom", "gremlins"])).toThrow("gremlins");
});
