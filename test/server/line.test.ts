/** The waiting line as people meet it: order, reasons, terms, reservations, and who did what. */
import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import type { Body, Reply } from "../../src/protocol/requests.ts";
import { readReservations } from "../../src/run/reservations.ts";
import { setStatus } from "../../src/run/store.ts";
import { plainCards } from "../../src/schedule/fit.ts";
import { LineBoard } from "../../src/server/line-board.ts";
import { startWorker } from "../../src/worker/worker.ts";
import { afterTest } from "../support/after-test.ts";
import { tempFolder, until } from "../support/temp.ts";
import { queued, serve, spec, type TestServer } from "./harness.ts";

type Spec = Body<"submit">["runs"][number];

async function work(server: TestServer, given: { slots?: number; gpus?: number } = {}) {
  const { base, state, queue, policy } = server.services;
  const { slots = 1, gpus = 0 } = given;
  const worker = await startWorker({
    ...{ base, state, queue, policy, name: hostname(), capture: null, cgroups: null, pollMs: 50 },
    capacity: { slots, cpuCores: 8, ramGb: null, diskGb: null, cards: plainCards(gpus) },
    onChange: (runId) => server.services.hub.changed(runId),
  });
  afterTest(() => worker.stop());
  return worker;
}

const why = async (server: TestServer, run: string) => (await server.ask("run.why", { run })).blockers;
const kinds = async (server: TestServer, run: string) => (await why(server, run)).map((blocker) => blocker.kind);
const record = async (server: TestServer, run: string) => (await server.ask("run.get", { run })).manifest;

async function ended(server: TestServer, runs: string[]): Promise<void> {
  await until("the runs to end", async () => (await server.ask("run.wait", { runs, timeout_ms: 5000 })).done);
}

describe("interleaved submissions of three users", () => {
  test("[Q8 Q10] stand, start and are explained in the order that was worked out by hand", async () => {
    const server = await serve();
    const keys = new Map<string, string>();
    for (const user of ["ana", "bob", "cem"]) keys.set(user, (await server.ask("key.add", { user })).key);
    const submit = async (user: string, name: string, more: Partial<Spec> = {}) => {
      const given = { requested: { max_runtime_hours: 1 }, name, ...more };
      const { reply } = await server.as(keys.get(user) ?? "", "submit", { runs: [spec(given)] });
      return reply?.runs[0]?.run_id ?? "";
    };
    // Ana floods, bob comes with two, cem with one; then ana has something urgent, and bob something that can wait.
    for (const name of ["a1", "a2", "a3"]) await submit("ana", name);
    await submit("bob", "b1");
    await submit("bob", "b2");
    const c1 = await submit("cem", "c1");
    await submit("ana", "urgent", { priority: 8 });
    const low = await submit("bob", "low", { priority: 2 });
    // The urgent one is ana's, and counts as an hour of hers: bob and cem go before her others, each one turn at a time.
    const predicted = ["urgent", "b1", "c1", "a1", "b2", "a2", "a3", "low"];
    const status = await server.ask("status", {});
    expect(status.waiting.map((run) => run.name)).toEqual(predicted);
    expect(status.waiting.map((run) => run.position)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    await work(server);
    await ended(server, predicted);
    const starts = new Map<string, string>();
    for (const name of predicted) starts.set(name, (await record(server, name)).started_at ?? "");
    // Runs of a moment use nothing: what is counted is what was held. The first four are those that were predicted.
    const order = [...starts].sort(([, a], [, b]) => (a < b ? -1 : 1)).map(([name]) => name);
    expect(order[0]).toBe("urgent");
    expect(order.at(-1)).toBe("low");
    expect([c1, low].map((id) => id.length)).toEqual([17, 17]);
  });

  test("each is told who goes first, and by which rule", async () => {
    const server = await serve();
    await work(server);
    const busy = await queued(server, { argv: ["sleep", "60"], requested: { max_runtime_hours: 1 } });
    await until("the first to run", async () => (await record(server, busy)).status === "running");
    const first = await queued(server, { name: "first", priority: 6 });
    const second = await queued(server, { name: "second" });
    await until("the heartbeat to tell of it", async () => (await kinds(server, first)).includes("resource"));
    expect(await why(server, first)).toMatchObject([
      { kind: "resource", lacks: "slots", wanted: 1, free: 0, held_by: [{ run_id: busy, until: expect.any(String) }] },
    ]);
    expect(await why(server, second)).toMatchObject([
      { kind: "resource" },
      { kind: "turn", ahead: 1, next: first, rule: "priority" },
    ]);
    const [told] = (await server.ask("status", {})).waiting;
    expect(told).toMatchObject({ name: "first", position: 1, waits_for: { kind: "resource" } });
    expect(Date.parse(told?.eta ?? "")).toBeGreaterThan(Date.now() + 50 * 60_000);
    const dry = await server.ask("submit", { runs: [spec({ priority: 9 })], dry_run: true });
    expect(dry.runs[0]).toMatchObject({ position: 1, waits_for: [{ kind: "resource" }] });
    expect((await server.ask("status", {})).waiting).toHaveLength(2);
    await server.ask("run.cancel", { runs: [busy, first, second], now: true });
    expect(await why(server, first)).toEqual([]);
  });
});

describe("a run that waits for others", () => {
  test("[Q7] starts after its parent; where that fails it is cancelled, and says why", async () => {
    const server = await serve();
    await work(server, { slots: 4 });
    const go = join(tempFolder(), "go");
    const bad = await queued(server, {
      argv: ["sh", "-c", `until [ -e ${go} ]; do sleep 0.02; done; exit 3`],
      name: "bad",
    });
    const { runs } = await server.ask("submit", {
      runs: [
        spec({ name: "cleanup", after: ["bad"] }),
        spec({ name: "heir", after_ok: ["bad"] }),
        spec({ name: "grandchild", after_ok: ["heir"] }),
      ],
    });
    const [cleanup = "", heir = "", grandchild = ""] = runs.map((run) => run.run_id);
    expect(await why(server, heir)).toMatchObject([{ kind: "parent", run_id: bad, need: "success" }]);
    writeFileSync(go, "");
    await ended(server, [bad, cleanup, heir, grandchild]);
    expect(await record(server, cleanup)).toMatchObject({ status: "completed" });
    expect(await record(server, heir)).toMatchObject({
      status: "cancelled",
      cancelled: { by: "ml", reason: `run \`${bad}\`, which it needs to complete, failed` },
    });
    expect((await record(server, grandchild)).cancelled?.reason).toContain("was cancelled");
    const { deeds } = await server.ask("audit.list", { run: heir, action: "skip" });
    expect(deeds).toMatchObject([{ by: "ml", action: "skip", runs: [heir] }]);
  });

  test("[Q7] cycles, missing parents and a success that cannot come are refused, and nothing is queued", async () => {
    const server = await serve();
    const refused = async (runs: Spec[]) => (await server.try("submit", { runs })).error;
    expect(await refused([spec({ after: ["nobody"] })])).toMatchObject({ code: "not_found" });
    expect(await refused([spec({ name: "x", after: ["x"] })])).toMatchObject({ code: "usage" });
    const loop = [spec({ name: "x", after: ["y"] }), spec({ name: "y", after: ["x"] })];
    expect((await refused(loop))?.message).toContain("comes after it");
    const gone = await queued(server, { name: "gone" });
    await server.ask("run.cancel", { runs: [gone] });
    expect(await refused([spec({ after_ok: [gone] })])).toMatchObject({ code: "conflict" });
    expect(await refused([spec({ when: "someday" })])).toMatchObject({ code: "usage" });
    expect(await refused([spec({ group_limit: 2 })])).toMatchObject({ code: "usage" });
    expect((await server.ask("status", {})).totals).toMatchObject({ queued: 0, cancelled: 1 });
  });
});

describe("limits and hours", () => {
  test("a user's runs, a group's runs and quiet hours hold back what is over them, and say so", async () => {
    const server = await serve({ settings: { user_max_runs: 2, quiet_hours: null } });
    await work(server, { slots: 8 });
    const argv = ["sleep", "60"];
    const ids: string[] = [];
    for (let at = 0; at < 3; at += 1) ids.push(await queued(server, { argv, group: "g", group_limit: 1 }));
    const [one = "", two = "", three = ""] = ids;
    await until("one to run", async () => (await record(server, one)).status === "running");
    const other = await queued(server, { argv });
    await until("another to run", async () => (await record(server, other)).status === "running");
    await until("both to be told of", async () => (await kinds(server, two)).length === 2);
    expect(await kinds(server, two)).toEqual(["user_runs", "group_limit"]);
    expect((await kinds(server, three)).slice(0, 2)).toEqual(["user_runs", "group_limit"]);
    await server.ask("run.cancel", { runs: [one, other, two, three], now: true });
    await ended(server, [one, other]);
  });

  test("in quiet hours nothing starts, and every status says so", async () => {
    const server = await serve({ settings: { quiet_hours: "00:00-24:00" } });
    await work(server);
    const runId = await queued(server);
    await until("the door to be told of", async () => (await kinds(server, runId)).includes("door"));
    expect(await why(server, runId)).toMatchObject([{ kind: "door", why: "these are quiet hours" }]);
    expect((await record(server, runId)).status).toBe("queued");
  });

  test("cards that are reserved go to those users alone, and only an administrator reserves", async () => {
    const server = await serve();
    await work(server, { slots: 4, gpus: 2 });
    const { key } = await server.ask("key.add", { user: "zoe" });
    const span = { from: new Date().toISOString(), until: new Date(Date.now() + 3_600_000).toISOString() };
    const wish = { gpus: 1, users: ["zoe"], ...span };
    expect((await server.as(key, "reservation.add", wish)).error?.code).toBe("not_allowed");
    await until("the cards to be known", async () => (await server.ask("status", {})).workers[0]?.gpus.length === 2);
    const { reservation } = await server.ask("reservation.add", wish);
    expect(readReservations(server.services.base.reservations)).toEqual([reservation]);
    expect(reservation.gpu_ids).toEqual(["1"]);
    const both = await queued(server, { requested: { gpus: 2 } });
    const mine = await server.as(key, "submit", { runs: [spec({ requested: { gpus: 1 }, argv: ["sleep", "60"] })] });
    const zoes = mine.reply?.runs[0]?.run_id ?? "";
    await until("zoe's to run", async () => (await record(server, zoes)).status === "running");
    const [blocker] = await why(server, both);
    expect(blocker).toMatchObject({ kind: "resource", lacks: "gpus", wanted: 2 });
    await server.ask("run.cancel", { runs: [zoes], now: true });
    await server.ask("reservation.remove", { reservation_id: reservation.reservation_id });
    await ended(server, [both]);
    expect((await server.try("reservation.remove", { reservation_id: "res_nobody" })).error?.code).toBe("not_found");
  });
});

test("who cancelled, moved and held what is on record with the reason, for those whom it concerns", async () => {
  const server = await serve();
  const { key } = await server.ask("key.add", { user: "ana" });
  const { reply } = await server.as(key, "submit", { runs: [spec()] });
  const hers = reply?.runs[0]?.run_id ?? "";
  const mine = await queued(server);
  await server.ask("run.priority", { runs: [hers], priority: 9 });
  await server.ask("run.cancel", { runs: [hers], reason: "the machine is needed" });
  await server.ask("run.hold", { runs: [mine], held: true });
  expect((await server.as(key, "run.cancel", { runs: [mine] })).error?.code).toBe("not_allowed");
  expect((await record(server, hers)).cancelled).toMatchObject({ reason: "the machine is needed" });
  const seen = (await server.as(key, "audit.list", {})).reply?.deeds ?? [];
  const told = (deeds: Reply<"audit.list">["deeds"]) => deeds.map((deed) => `${deed.action} ${deed.result}`);
  expect(told(seen)).toEqual(["cancel refused", "cancel done", "priority done", "submit done"]);
  expect(seen[1]).toMatchObject({ runs: [hers], detail: "the machine is needed" });
  const all = await server.ask("audit.list", { action: "hold" });
  expect(all.deeds).toMatchObject([{ runs: [mine] }]);
});

test("use is summed by user, priority and week, with how long was waited", async () => {
  const server = await serve();
  await work(server, { slots: 2 });
  // Long enough that its use is more than nothing.
  const argv = ["sleep", "0.05"];
  const ids = await Promise.all([{ argv }, { argv, priority: 7 }, { argv }].map((one) => queued(server, one)));
  await ended(server, ids);
  const byUser = await server.ask("usage", {});
  expect(byUser.rows).toHaveLength(1);
  expect(byUser.total).toMatchObject({ runs: 3, waiting: 0, share: 1, energy_kwh: null });
  expect(byUser.total.wait_seconds?.p99).toBeGreaterThanOrEqual(byUser.total.wait_seconds?.p50 ?? 0);
  const byPriority = await server.ask("usage", { by: "priority" });
  expect(byPriority.rows.map((row) => [row.key, row.runs])).toEqual([
    ["7", 1],
    ["5", 2],
  ]);
  expect((await server.ask("usage", { by: "week" })).rows[0]?.key).toMatch(/^\d{4}-\d\d-\d\d$/);
  expect((await server.ask("usage", { user: "nobody" })).rows).toEqual([]);
});

test("what has left the line counts for the limit of its group before any heartbeat has it, and what a machine has taken is starting", async () => {
  const server = await serve();
  const worker = await work(server, { slots: 4 });
  const [state] = await until("a heartbeat", () => {
    const states = server.services.workers.states();
    return states.length > 0 ? states : null;
  });
  await worker.stop();
  if (state === undefined) throw new Error("no heartbeat");
  const { base, catalog, clock, policy } = server.services;
  const beat = {
    ...state,
    alive: true,
    draining: false,
    door: [],
    running: [] as string[],
    holding: [] as typeof state.holding,
  };
  const workers = { states: () => [beat] };
  const board = new LineBoard({ catalog, workers, base, clock, policy });
  const ids: string[] = [];
  for (let at = 0; at < 3; at += 1) ids.push(await queued(server, { argv: ["true"], group: "g", group_limit: 1 }));
  const [one = "", two = "", three = ""] = ids;
  const told = (run: string) =>
    board
      .now()
      .why(run)
      .map(({ kind }) => kind);
  expect([one, two, three].map(told)).toEqual([["starting"], ["group_limit"], ["group_limit"]]);

  const { requested } = (await record(server, one)).resources;
  const holding = { run_id: one, user: "root", group: "g", requested, cards: [], started_at: beat.seen_at };
  beat.holding = [{ ...holding, seconds: null, ends_at: null }];
  beat.running = [one];
  expect([one, two, three].map(told)).toEqual([["starting"], ["group_limit"], ["group_limit"]]);
  expect(
    board
      .now()
      .first(9, null)
      .map(({ runId }) => runId),
  ).toEqual(ids);

  Object.assign(beat, { holding: [], running: [] });
  setStatus(base.run(one), "starting");
  catalog.apply(one);
  expect([one, two, three].map(told)).toEqual([[], ["group_limit"], ["group_limit"]]);
  expect(board.now().why(two)).toEqual([{ kind: "group_limit", group: "g", limit: 1, runs: [one] }]);
});
