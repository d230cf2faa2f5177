/** A group whose runs all fail alike is paused, says so, and goes on when somebody says so. */
import { expect, test } from "bun:test";
import type { PastRun } from "../../src/run/past-run.ts";
import { failedAlike, gist } from "../../src/schedule/alike.ts";
import { until } from "../support/temp.ts";
import { serve, spec, type TestServer } from "./harness.ts";

const settings = { slots: 1, cpu_cores: 1 };
const member = (script: string, extra: object = {}) => spec({ argv: ["sh", "-c", script], group: "sweep 1", ...extra });

async function queue(server: TestServer, specs: ReturnType<typeof member>[]): Promise<string[]> {
  const { runs } = await server.ask("submit", { runs: specs });
  return runs.map((run) => run.run_id);
}

const statusOf = async (server: TestServer, runId: string) => (await server.ask("run.get", { run: runId })).summary;
const problems = async (server: TestServer) => (await server.ask("status", {})).server.problems.join("\n");

test("three that fail alike pause the group; release goes on, and what was released is not held again", async () => {
  const server = await serve({ worker: true, settings });
  const last = member("exit 3", { priority: 1 });
  const fails = [1, 2, 3].map((n) => member(`exit 3 # ${n}`));
  const waits = [4, 5].map((n) => member(`sleep 0.2; exit 3 # ${n}`, { priority: 2 }));
  const ids = await queue(server, [...fails, ...waits, last]);
  const other = spec({ argv: ["true"], priority: 1 });
  const [free = ""] = await queue(server, [other]);
  await server.ask("run.wait", { runs: [free], timeout_ms: 20_000 });
  await until("the pause", async () => (await problems(server)).includes("is paused"));
  expect(await problems(server)).toContain("ml release --group 'sweep 1'");
  const [lastId = ""] = ids.slice(-1);
  const held = await until("the hold", async () => {
    const summary = await statusOf(server, lastId);
    return summary.held ? summary : null;
  });
  expect(held.held_why).toContain("failed alike (code_error");

  const again = await queue(server, [member("true")]);
  await server.ask("run.wait", { runs: again, timeout_ms: 20_000 });
  const { runs } = await server.ask("run.hold", { group: "sweep 1", held: false });
  expect(runs.map((run) => run.run_id)).toContain(lastId);
  expect(await problems(server)).not.toContain("is paused");
  await server.ask("run.wait", { runs: ids, timeout_ms: 20_000 });
  for (const runId of ids) expect((await statusOf(server, runId)).status).toBe("failed");
}, 120_000);

test("a pause outlives the server, and a limit of 0 pauses nothing", async () => {
  const server = await serve({ worker: true, settings });
  await queue(
    server,
    [1, 2, 3, 4, 5, 6, 7, 8].map((n) => member(`sleep 0.2; exit 3 # ${n}`)),
  );
  await until("the pause", async () => (await problems(server)).includes("is paused"));
  await server.close();
  const restarted = await serve({ base: server.base, settings });
  expect(await problems(restarted)).toContain("is paused");
  await restarted.close();

  const careless = await serve({ worker: true, settings: { ...settings, group_fail_limit: 0 } });
  const all = await queue(
    careless,
    [1, 2, 3, 4, 5, 6].map((n) => member(`exit 3 # ${n}`)),
  );
  await careless.ask("run.wait", { runs: all, timeout_ms: 20_000 });
  expect(await problems(careless)).not.toContain("paused");
}, 120_000);

test("one person's failures hold nobody else's runs of a group of that name", async () => {
  const server = await serve({ worker: true, settings });
  const { key } = await server.ask("key.add", { user: "ana" });
  const [blocker = ""] = await queue(server, [spec({ argv: ["sleep", "60"], priority: 3 })]);
  await until("the blocker", async () => (await statusOf(server, blocker)).status === "running");
  const { reply } = await server.as(key, "submit", { runs: [member("true", { priority: 1 })] });
  const fails = [1, 2, 3].map((n) => member(`exit 3 # ${n}`));
  const ids = await queue(server, [...fails, member("true", { priority: 1 })]);
  const [another = ""] = await queue(server, [spec({ argv: ["sleep", "60"], priority: 3 })]);
  await server.ask("run.cancel", { runs: [blocker], now: true });
  await until("the hold", async () => (await statusOf(server, ids.at(-1) ?? "")).held);
  expect(await statusOf(server, reply?.runs[0]?.run_id ?? "")).toMatchObject({ status: "queued", held: false });
  await server.ask("run.cancel", { runs: [another], now: true });
}, 60_000);

test("somebody else's runs stay held, and a group without any is named", async () => {
  const server = await serve();
  const { error } = await server.try("run.hold", { group: "nothing", held: false });
  expect(error).toMatchObject({ code: "not_found" });
  expect((await server.try("run.hold", { held: true })).error).toMatchObject({ code: "usage" });
});

test("alike means one kind and one message but for its numbers; a success or too few say nothing", () => {
  const run = (outcome: string, why: string | null): PastRun =>
    ({ run_id: `${outcome} ${why}`, outcome, why }) as PastRun;
  const line = (n: number) => run("code_error", `KeyError at 0x7f${n}: step ${n}`);
  expect(failedAlike([line(1), line(2), line(3)], 3)).toMatchObject({ kind: "code_error" });
  expect(failedAlike([line(1), line(2)], 3)).toBeNull();
  expect(failedAlike([line(1), run("completed", null), line(3)], 3)).toBeNull();
  expect(failedAlike([line(1), line(2), run("oom", "m")], 3)).toBeNull();
  expect(failedAlike([line(1), run("cancelled", null), line(2), line(3)], 3)?.runs).toHaveLength(3);
  expect(gist("run 2026-11-23_k3f9ab took 3.5 s")).toBe("run # took # s");
});
