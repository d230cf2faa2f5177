/** What the server learns from ended runs: predictions at submission, intervals while running, and their own record. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { until } from "../support/temp.ts";
import { serve, type TestServer } from "./harness.ts";

const job = (id: string, seconds: string, extra: object = {}) => ({
  submit_id: `learning-${id}`,
  argv: ["sh", "-c", "sleep $1", "x.sh", seconds],
  snapshot: null,
  ...extra,
});

async function run(server: TestServer, id: string, seconds: string): Promise<string> {
  const { runs } = await server.ask("submit", { runs: [job(id, seconds)] });
  const runId = runs[0]?.run_id ?? "";
  await server.ask("run.wait", { runs: [runId], timeout_ms: 20_000 });
  return runId;
}

test("runs like one are remembered, an end is foretold and counted, and the index may be lost", async () => {
  const server = await serve({ worker: true });
  const first = await server.ask("submit", { runs: [job("a", "1.5")] });
  expect(first.runs[0]?.similar).toBeNull();
  await server.ask("run.wait", { runs: [first.runs[0]?.run_id ?? ""], timeout_ms: 20_000 });
  expect((await server.ask("status", {})).eta_accuracy).toMatchObject({ promised: 0.8, runs: 0 });

  const dry = await server.ask("submit", { runs: [job("b", "1.5")], dry_run: true });
  expect(dry.runs[0]?.similar).toMatchObject({ basis: "same", runs: 1 });
  const other = await server.ask("submit", { runs: [job("c", "1.6")], dry_run: true });
  expect(other.runs[0]?.similar).toMatchObject({ basis: "similar", runs: 1, proposed: { max_runtime_hours: null } });

  const second = await run(server, "d", "1.5");
  const { manifest, folder } = await server.ask("run.get", { run: second });
  expect(manifest.resources.predicted).toMatchObject({ basis: "same", runs: 1 });
  const foretold = fs.readFileSync(join(folder, ".run/forecasts.jsonl"), "utf8").trim().split("\n");
  expect(JSON.parse(foretold[0] ?? "")).toMatchObject({ mark: "start", basis: "history", runs: 1 });
  await server.close();

  for (const suffix of ["", "-wal", "-shm"]) fs.rmSync(join(server.base, `index.db${suffix}`), { force: true });
  const again = await serve({ base: server.base, worker: true });
  const { eta_accuracy: accuracy } = await again.ask("status", {});
  expect(accuracy.runs).toBe(1);
  expect(accuracy.marks[0]).toMatchObject({ mark: "start", forecasts: 1 });
  const third = await again.ask("submit", { runs: [job("e", "1.5")], dry_run: true });
  expect(third.runs[0]?.similar).toMatchObject({ basis: "same", runs: 2 });
});

test("a running run shows when it ends as an interval, by its progress", async () => {
  const server = await serve({ worker: true });
  const script = 'echo "epoch 3/10"; sleep 30';
  const { runs } = await server.ask("submit", {
    runs: [{ submit_id: "learning-progress", argv: ["sh", "-c", script], snapshot: null, grace_seconds: 0 }],
  });
  const runId = runs[0]?.run_id ?? "";
  const row = await until("an interval", async () => {
    const { summary } = await server.ask("run.get", { run: runId });
    // While it waits, the line has an interval of its own.
    return summary.eta_range === null || summary.eta_range.basis === "line" ? null : summary;
  });
  expect(row.eta_range).toMatchObject({ basis: "progress", runs: 0 });
  const [low, eta, high] = [row.eta_range?.low, row.eta, row.eta_range?.high].map((at) => Date.parse(at ?? ""));
  expect(low).toBeLessThanOrEqual(eta ?? 0);
  expect(eta).toBeLessThanOrEqual(high ?? 0);
  await server.ask("run.cancel", { runs: [runId], now: true });
  await server.ask("run.wait", { runs: [runId], timeout_ms: 20_000 });
});
