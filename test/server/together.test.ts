/** What is done to many runs at once is one change: the same records as one by one, for a few syncs and one of the queue. */
import { expect, test } from "bun:test";
import { readHistory } from "../../src/run/history.ts";
import { basePaths } from "../../src/run/paths.ts";
import { setStatus } from "../../src/run/store.ts";
import { queued, serve, spec, type TestServer } from "./harness.ts";

const pathsOf = (server: TestServer, runId: string) => basePaths(server.base).run(runId);

async function many(server: TestServer, count: number, overrides: Parameters<typeof spec>[0] = {}): Promise<string[]> {
  const { runs } = await server.ask("submit", { runs: Array.from({ length: count }, () => spec(overrides)) });
  return runs.map((run) => run.run_id);
}

/** How often the queue was asked to change something. */
function countChanges({ services: { queue } }: TestServer): { update: number; remove: number } {
  const asked = { update: 0, remove: 0 };
  for (const name of ["update", "remove"] as const) {
    const act = queue[name].bind(queue) as (...given: unknown[]) => Promise<string[]>;
    queue[name] = (...given: unknown[]) => {
      asked[name] += 1;
      return act(...given);
    };
  }
  return asked;
}

test("[Q11] holding many is one change of the queue, and each has it in history and manifest", async () => {
  const server = await serve();
  const runIds = await many(server, 20);
  const asked = countChanges(server);
  await server.ask("run.hold", { runs: runIds, held: true, reason: "later" });
  expect(asked.update).toBe(1);
  const waiting = await server.services.queue.waiting(100, true);
  expect(waiting.every((entry) => entry.held)).toBe(true);
  for (const runId of runIds) {
    const { manifest, summary } = await server.ask("run.get", { run: runId });
    expect([manifest.launch.held, summary.held]).toEqual([true, true]);
    expect(readHistory(pathsOf(server, runId))).toMatchObject([
      { field: "launch.held", value: true, reason: "later", by: manifest.user },
    ]);
  }
  await server.ask("run.priority", { runs: runIds, priority: 9 });
  expect(asked.update).toBe(2);
  expect((await server.services.queue.waiting(100, true)).map((entry) => entry.priority)).toEqual(runIds.map(() => 9));
});

test("[Q11] one of them that has started refuses the whole, before any other is changed", async () => {
  const server = await serve();
  const runIds = await many(server, 10);
  setStatus(pathsOf(server, runIds[7] ?? ""), "starting");
  const asked = countChanges(server);
  expect((await server.try("run.hold", { runs: runIds, held: true })).error?.code).toBe("conflict");
  expect(asked.update).toBe(0);
  expect(readHistory(pathsOf(server, runIds[0] ?? ""))).toEqual([]);
});

test("[Q11] a sweep is cancelled by one change of the queue", async () => {
  const server = await serve();
  const plan = { grid: ["x=1:60:1"], zip: [], constants: [], skip: [], only: [] };
  const { sweep } = await server.ask("sweep.create", {
    ...{ create_id: "sweep-of-many-runs", run: { argv: ["true"], snapshot: null } },
    plan,
  });
  expect(sweep?.counts).toMatchObject({ points: 60, waiting: 60 });
  const asked = countChanges(server);
  const done = await server.ask("sweep.change", { sweep: sweep?.name ?? "", action: "cancel" });
  expect(done).toMatchObject({ changed: 60, sweep: { state: "cancelled", counts: { waiting: 0, cancelled: 60 } } });
  expect(asked.remove).toBe(1);
  expect(await server.services.queue.count()).toBe(0);
});

test("manifests of many come in their order, a frame at a time", async () => {
  const server = await serve();
  const note = "n".repeat(60_000);
  const runIds = [...(await many(server, 12, { note })), ...(await many(server, 12, { note }))];
  const first = await server.ask("runs.manifests", { runs: [...runIds, runIds[0] ?? ""] });
  const found = first.manifests.map((manifest) => manifest.run_id);
  expect(found.length).toBeGreaterThan(5);
  expect(found.length).toBeLessThan(24);
  expect(found).toEqual(runIds.slice(0, found.length));
  expect((await server.try("runs.manifests", { runs: ["nothing"] })).error?.code).toBe("not_found");
});

test("what answers a sweep is looked for among runs of its code, those just ended included", async () => {
  const server = await serve();
  const other = await queued(server, { argv: ["true", "--x", "1"] });
  const [done = ""] = await many(server, 1, { argv: ["true", "--x", "2"] });
  for (const status of ["starting", "running", "completed"] as const) setStatus(pathsOf(server, done), status);
  server.services.catalog.apply(done);
  const code = "a".repeat(64);
  expect(server.services.catalog.completedOf(code, 10).map((run) => run.run_id)).toEqual([done]);
  server.services.catalog.search.catchUp(Infinity);
  expect(server.services.catalog.completedOf(code, 10)).toEqual([]);
  const { preview } = await server.ask("sweep.create", {
    ...{ create_id: "sweep-answered", run: { argv: ["true"], snapshot: null }, dry_run: true },
    plan: { grid: ["x=1,2,3"], zip: [], constants: [], skip: [], only: [] },
  });
  expect(preview.points.map((point) => point.answered_by)).toEqual([null, done, null]);
  expect(other).not.toBe(done);
});
