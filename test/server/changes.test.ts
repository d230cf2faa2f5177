/** What people do to runs: cancel, hold, reprioritise, annotate, delete; and what two who do it at once get. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { readHistory } from "../../src/run/history.ts";
import { basePaths } from "../../src/run/paths.ts";
import { setStatus } from "../../src/run/store.ts";
import { until } from "../support/temp.ts";
import { queued, serve, type TestServer } from "./harness.ts";

const pathsOf = (server: TestServer, runId: string) => basePaths(server.base).run(runId);

test("cancelling a waiting run takes it out of the line, in history and manifest", async () => {
  const server = await serve();
  const runId = await queued(server);
  expect((await server.ask("run.cancel", { runs: [runId] })).runs).toEqual([
    { run_id: runId, status: "cancelled", stopping: false },
  ]);
  expect(await server.services.queue.count()).toBe(0);
  const { manifest } = await server.ask("run.get", { run: runId });
  expect(manifest.status).toBe("cancelled");
  expect(manifest.ended_at).not.toBeNull();
  expect(readHistory(pathsOf(server, runId))).toMatchObject([{ field: "status", value: "cancelled" }]);
});

test("[Q11] cancelling many together: each in history and manifest, each sealed, and one that has started is asked to stop", async () => {
  const server = await serve();
  const runIds: string[] = [];
  for (let at = 0; at < 30; at += 1) runIds.push(await queued(server));
  const [started = ""] = runIds;
  setStatus(pathsOf(server, started), "starting");
  const { runs } = await server.ask("run.cancel", { runs: runIds, reason: "enough" });
  expect(runs.map(({ run_id: runId }) => runId)).toEqual(runIds);
  expect(runs[0]).toEqual({ run_id: started, status: "starting", stopping: true });
  expect(runs.slice(1).every(({ status, stopping }) => status === "cancelled" && !stopping)).toBe(true);
  for (const runId of runIds.slice(1)) {
    const { manifest, summary } = await server.ask("run.get", { run: runId });
    expect(manifest).toMatchObject({ status: "cancelled", cancelled: { reason: "enough" } });
    expect(summary.status).toBe("cancelled");
    expect(readHistory(pathsOf(server, runId))).toMatchObject([
      { field: "status", value: "cancelled", reason: "enough" },
    ]);
  }
  await until("the line to be empty but for one", async () => (await server.services.queue.count()) === 1);
  await until("the seals", () => runIds.slice(1).every((runId) => existsSync(pathsOf(server, runId).sums)));
});

test("[Q11] a second cancel changes nothing; a run that ended by itself is a conflict", async () => {
  const server = await serve();
  const runId = await queued(server);
  await server.ask("run.cancel", { runs: [runId] });
  expect((await server.ask("run.cancel", { runs: [runId] })).runs[0]?.status).toBe("cancelled");
  const other = await queued(server);
  setStatus(pathsOf(server, other), "starting");
  setStatus(pathsOf(server, other), "running");
  setStatus(pathsOf(server, other), "completed");
  expect((await server.try("run.cancel", { runs: [other] })).error?.code).toBe("conflict");
  expect((await server.ask("run.get", { run: other })).manifest.status).toBe("completed");
});

test("[Q11] a cancel that races a worker's claim leaves one terminal state, either way", async () => {
  const server = await serve();
  const { queue } = server.services;
  const first = await queued(server);
  const claim = await queue.claim(first, "w", 60_000);
  expect((await server.ask("run.cancel", { runs: [first] })).runs[0]).toMatchObject({
    status: "cancelled",
    stopping: false,
  });
  expect(() => setStatus(pathsOf(server, first), "starting")).toThrow("cannot become");
  if (claim !== null) await queue.settle(claim);
  const second = await queued(server);
  setStatus(pathsOf(server, second), "starting");
  expect((await server.ask("run.cancel", { runs: [second] })).runs[0]).toMatchObject({
    status: "starting",
    stopping: true,
  });
  // The worker gives it back before it started: the wish still counts.
  setStatus(pathsOf(server, second), "queued");
  server.services.hub.changed(second);
  await until("the run to be cancelled", () => server.services.catalog.get(second)?.status === "cancelled");
});

test("[Q11] many cancels at once agree", async () => {
  const server = await serve();
  const ids = await Promise.all(Array.from({ length: 5 }, () => queued(server)));
  const answers = await Promise.all([1, 2, 3, 4].map(() => server.ask("run.cancel", { runs: ids })));
  for (const { runs } of answers) expect(runs.every((run) => run.status === "cancelled")).toBe(true);
  for (const runId of ids) expect((await server.ask("run.get", { run: runId })).manifest.status).toBe("cancelled");
});

test("cancelling what runs leaves a stop request with who, when and how; `now` hurries it", async () => {
  const server = await serve();
  const runId = await queued(server, { grace_seconds: 60 });
  setStatus(pathsOf(server, runId), "starting");
  setStatus(pathsOf(server, runId), "running");
  const read = () => JSON.parse(readFileSync(pathsOf(server, runId).stopRequest, "utf8"));
  await server.ask("run.cancel", { runs: [runId], reason: "wrong data" });
  expect(read()).toMatchObject({ now: false, reason: "wrong data", grace_seconds: 60 });
  const [row] = (await server.ask("status", {})).running;
  expect(row?.stopping?.kill_in_seconds).toBeGreaterThan(10);
  await server.ask("run.cancel", { runs: [runId], now: true });
  expect(read().now).toBe(true);
  await server.ask("run.cancel", { runs: [runId] });
  expect(read().now).toBe(true);
});

test("priority and hold change place and claimability, and are remembered", async () => {
  const server = await serve();
  const [a, b] = [await queued(server), await queued(server)];
  expect((await server.ask("run.priority", { runs: [b], priority: 9 })).runs[0]?.position).toBe(1);
  await server.ask("run.hold", { runs: [a], held: true });
  const { waiting } = await server.ask("status", {});
  expect(waiting.map((run) => [run.run_id, run.priority, run.held, run.position])).toEqual([
    [b, 9, false, 1],
    [a, 5, true, null],
  ]);
  expect((await server.services.queue.waiting(10, false)).map((entry) => entry.runId)).toEqual([b]);
  await server.ask("run.hold", { runs: [a], held: false });
  expect((await server.services.queue.waiting(10, false)).map((entry) => entry.runId)).toEqual([b, a]);
  expect(readHistory(pathsOf(server, a)).map((entry) => [entry.field, entry.value])).toEqual([
    ["launch.held", true],
    ["launch.held", false],
  ]);
  setStatus(pathsOf(server, a), "starting");
  const late = await server.try("run.priority", { runs: [a], priority: 1 });
  expect(late.error).toMatchObject({ code: "conflict", hint: expect.stringContaining(`ml cancel ${a}`) });
  setStatus(pathsOf(server, a), "failed");
  const over = await server.try("run.hold", { runs: [a], held: true });
  expect(over.error).toMatchObject({ code: "conflict", hint: `\`ml requeue ${a}\` queues it again` });
});

test("notes are appended to history first and never lost", async () => {
  const server = await serve();
  const runId = await queued(server);
  await server.ask("run.annotate", { run: runId, note: "first" });
  await server.ask("run.annotate", { run: runId, note: "second", author: "somebody else" });
  const { manifest } = await server.ask("run.get", { run: runId });
  expect(manifest.annotations.map((annotation) => [annotation.note, annotation.author])).toEqual([
    ["first", server.services.catalog.get(runId)?.user ?? ""],
    ["second", "somebody else"],
  ]);
  expect(readHistory(pathsOf(server, runId)).map((entry) => entry.value)).toEqual(manifest.annotations);
});

test("only what has ended can be deleted; a dry run says what it would free", async () => {
  const server = await serve();
  const runId = await queued(server);
  expect((await server.try("run.delete", { runs: [runId] })).error?.code).toBe("conflict");
  await server.ask("run.cancel", { runs: [runId] });
  const dry = await server.ask("run.delete", { runs: [runId], dry_run: true });
  expect(dry.runs[0]).toMatchObject({ run_id: runId, deleted: false });
  expect(dry.runs[0]?.size_bytes).toBeGreaterThan(500);
  expect(existsSync(pathsOf(server, runId).folder)).toBe(true);
  await server.ask("run.delete", { runs: [runId] });
  expect(existsSync(pathsOf(server, runId).folder)).toBe(false);
  expect((await server.try("run.get", { run: runId })).error?.code).toBe("not_found");
  await until("the folder to be gone", () => readdirSync(join(server.base, "staging")).length === 0);
});

test("waiting answers when the last run has ended, or after a while", async () => {
  const server = await serve();
  const [a, b] = [await queued(server), await queued(server)];
  expect((await server.ask("run.wait", { runs: [a, b], timeout_ms: 1 })).done).toBe(false);
  const waited = server.ask("run.wait", { runs: [a, b], timeout_ms: 20_000 });
  await server.ask("run.cancel", { runs: [a] });
  await server.ask("run.cancel", { runs: [b] });
  const { done, runs } = await waited;
  expect(done).toBe(true);
  expect(runs.map((run) => run.status)).toEqual(["cancelled", "cancelled"]);
});

test("names: ids, prefixes, names, @last, @running, @failed; several are listed, none is guessed", async () => {
  const server = await serve();
  const a = await queued(server, { name: "alpha" });
  const b = await queued(server, { name: "beta" });
  const resolve = async (text: string, many = false) =>
    (await server.ask("run.resolve", { runs: [text], many })).run_ids;
  expect(await resolve(a)).toEqual([a]);
  expect(await resolve(a.slice(11))).toEqual([a]);
  expect(await resolve("beta")).toEqual([b]);
  expect(await resolve("@last")).toEqual([b]);
  expect(await resolve("@last~1")).toEqual([a]);
  const { error } = await server.try("run.resolve", { runs: [a.slice(0, 11)] });
  expect(error?.code).toBe("ambiguous");
  expect(error?.hint).toContain(a);
  expect(error?.data).toMatchObject({ candidates: [{ run_id: b }, { run_id: a }] });
  expect((await server.try("run.resolve", { runs: ["@last~2"] })).error?.code).toBe("not_found");
  expect((await server.try("run.resolve", { runs: ["@nonsense"] })).error?.code).toBe("usage");
  expect((await server.try("run.resolve", { runs: ["nobody"] })).error?.code).toBe("not_found");
  for (const runId of [a, b]) setStatus(pathsOf(server, runId), "starting");
  for (const runId of [a, b]) server.services.catalog.apply(runId);
  expect((await server.try("run.resolve", { runs: ["@running"] })).error?.code).toBe("ambiguous");
  expect((await resolve("@running", true)).sort()).toEqual([a, b].sort());
});
