/** Subscriptions, polling, and connections that misbehave. */
import { expect, test } from "bun:test";
import { renameSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { isoTime } from "../../src/core/clock.ts";
import { bootId, identityOf } from "../../src/core/process-identity.ts";
import { basePaths } from "../../src/run/paths.ts";
import { setStatus } from "../../src/run/store.ts";
import { until } from "../support/temp.ts";
import { queued, serve } from "./harness.ts";

test("a subscription is a snapshot and then everything after it, numbered without a gap", async () => {
  const server = await serve();
  const before = await queued(server);
  const client = await server.connect();
  const subscribing = client.ask("subscribe", {});
  const during = await Promise.all([queued(server), queued(server), queued(server)]);
  const { seq, runs } = await subscribing;
  const after = await queued(server);
  await server.ask("run.cancel", { runs: [after] });
  const known = () => {
    const rows = new Map(runs.map((run) => [run.run_id, run.status]));
    for (const { event } of client.events) if (event.kind === "run") rows.set(event.run.run_id, event.run.status);
    return rows;
  };
  await until("the cancelled run", () => known().get(after) === "cancelled");
  expect([...known().keys()].sort()).toEqual([before, ...during, after].sort());
  expect(client.events.map((frame) => frame.seq)).toEqual(client.events.map((_, index) => seq + index + 1));
});

test("a subscription to one run hears of that one, and of its end", async () => {
  const server = await serve();
  const [a, b] = [await queued(server), await queued(server)];
  const client = await server.connect();
  const { runs } = await client.ask("subscribe", { runs: [a] });
  expect(runs.map((run) => run.run_id)).toEqual([a]);
  await server.ask("run.cancel", { runs: [b] });
  await server.ask("run.cancel", { runs: [a] });
  await server.ask("run.delete", { runs: [a] });
  await until("the removal", () => client.events.some(({ event }) => event.kind === "removed"));
  const named = client.events.map(({ event }) =>
    event.kind === "run" ? event.run.run_id : event.kind === "removed" ? event.run_id : "",
  );
  expect(new Set(named)).toEqual(new Set([a]));
});

test("after unsubscribe nothing comes", async () => {
  const server = await serve();
  const client = await server.connect();
  await client.ask("subscribe", {});
  await client.ask("unsubscribe", {});
  await queued(server);
  await client.ask("status", {});
  expect(client.events).toEqual([]);
});

test("polling gives the same events, once each, and a session that is gone begins with a snapshot", async () => {
  const server = await serve();
  const a = await queued(server);
  const first = await server.ask("events.poll", {});
  expect(first.snapshot?.runs.map((run) => run.run_id)).toEqual([a]);
  const waiting = server.ask("events.poll", { poll_id: first.poll_id, after: first.seq });
  const b = await queued(server);
  const { events } = await waiting;
  expect(events.map(({ event }) => (event.kind === "run" ? event.run.run_id : event.kind))).toEqual([b]);
  const again = await server.ask("events.poll", { poll_id: first.poll_id, after: first.seq, wait_ms: 0 });
  expect(again.events).toEqual(events);
  const rest = await server.ask("events.poll", { poll_id: first.poll_id, after: events[0]?.seq ?? 0, wait_ms: 1 });
  expect(rest.events).toEqual([]);
  const other = await server.ask("events.poll", { poll_id: "gone", after: 17 });
  expect(other.snapshot).not.toBeNull();
  expect(other.poll_id).not.toBe("gone");
});

test("the events of a worker in another process are heard by its heartbeat file", async () => {
  const server = await serve();
  const runId = await queued(server);
  const client = await server.connect();
  await client.ask("subscribe", {});
  const paths = basePaths(server.base);
  setStatus(paths.run(runId), "starting");
  const capacity = { slots: 1, cpu_cores: 1, gpus: 0, ram_gb: 1 };
  const beat = {
    worker: "w",
    host: "h",
    pid: 2,
    seen_at: isoTime(Date.now()),
    capacity,
    free: capacity,
    running: [runId],
  };
  const path = join(paths.workers, "w.json");
  writeFileSync(`${path}.new`, JSON.stringify({ ...beat, changes: [{ n: 1, run_id: runId }] }));
  renameSync(`${path}.new`, path);
  await until("the run to be starting", () =>
    client.events.some(({ event }) => event.kind === "run" && event.run.status === "starting"),
  );
  setStatus(paths.run(runId), "running");
  // More has happened than the file tells: everything live is looked at.
  writeFileSync(`${path}.new`, JSON.stringify({ ...beat, changes: [{ n: 900, run_id: "2026-01-01_nobody" }] }));
  renameSync(`${path}.new`, path);
  await until("the run to be running", () =>
    client.events.some(({ event }) => event.kind === "run" && event.run.status === "running"),
  );
});

test("a worker whose process is gone is not alive, however fresh its file", async () => {
  const server = await serve();
  const child = Bun.spawn(["sleep", "60"]);
  const start = identityOf(child.pid)?.start ?? "";
  const capacity = { slots: 1, cpu_cores: 1, gpus: 0, ram_gb: 1 };
  const beat = {
    worker: "w",
    host: server.services.identity.host,
    pid: child.pid,
    start,
    boot: bootId(),
    capacity,
    free: capacity,
    running: ["x"],
    changes: [],
  };
  writeFileSync(join(server.base, "workers", "w.json"), JSON.stringify(beat));
  const alive = async () => (await server.ask("status", {})).workers[0]?.alive;
  expect(await alive()).toBe(true);
  child.kill();
  await child.exited;
  expect(await alive()).toBe(false);
  expect((await server.ask("status", {})).server.problems.join()).toContain("worker `w` is gone");
  rmSync(join(server.base, "workers", "w.json"));
  expect((await server.ask("status", {})).workers).toEqual([]);
});

test("[N2] a reader that does not read costs the server a bounded amount, and is told to resync", async () => {
  const server = await serve();
  const runId = await queued(server, { note: "x".repeat(60_000) });
  const { socket } = server.services.identity;
  const raw = connect(socket ?? "");
  await new Promise((resolve) => raw.once("connect", resolve));
  raw.write(
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await new Promise((resolve) => raw.once("data", resolve));
  const frame = Buffer.from(JSON.stringify({ id: 1, ask: "subscribe", body: {} }));
  raw.write(Buffer.concat([Buffer.from([0x81, 0x80 | frame.length, 0, 0, 0, 0]), frame]));
  await new Promise((resolve) => raw.once("data", resolve));
  raw.pause();
  const record = server.services.catalog.get(runId);
  if (record === null) throw new Error("no record");
  const rss = process.memoryUsage.rss();
  for (let n = 0; n < 2000; n++) {
    server.services.hub.announce(record);
    if (n % 50 === 0) await Bun.sleep(0);
  }
  // 2,000 events of 60 kB are 120 MB; what is kept for the reader is below 1 MiB, the rest noise of the process.
  expect(process.memoryUsage.rss() - rss).toBeLessThan(80e6);
  let text = "";
  raw.on("data", (bytes: Buffer) => {
    text = (text + bytes.toString("latin1")).slice(-5000);
  });
  raw.resume();
  await until("the resync", () => text.includes('"kind":"resync"'));
  raw.destroy();
});

test("[N3] a peer that answers no ping is given up and its place is free again", async () => {
  const server = await serve({ idleSeconds: 8 });
  const raw = connect(server.services.identity.socket ?? "");
  await new Promise((resolve) => raw.once("connect", resolve));
  raw.write(
    "GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  let ping = false;
  raw.on("data", (bytes: Buffer) => {
    if ((bytes[0] ?? 0) === 0x89) ping = true;
  });
  await until("the connection", () => server.services.clients() === 1);
  await until("a ping and then the end", () => ping && server.services.clients() === 0);
  raw.destroy();
}, 120_000);

test("[N8 K12] unknown requests, fields and newer protocols are answered, and the connection stays", async () => {
  const server = await serve();
  const client = await server.connect();
  const unknown = await client.try("teleport" as never, {} as never);
  expect(unknown.error?.code).toBe("unknown_request");
  expect((await client.try("statsu" as never, {} as never)).error?.hint).toContain("`status`");
  expect((await client.try("toString" as never, {} as never)).error?.code).toBe("unknown_request");
  const hello = await client.ask("hello", { version: "99.0.0", protocol: 99, colour: "blue" } as never);
  expect(hello.protocol).toBe(1);
  expect(hello.version).toMatch(/^\d+\.\d+\.\d+$/);
  expect((await client.ask("status", { later: { field: [1] } } as never)).totals.queued).toBe(0);
  client.socket.send("[]");
  client.socket.send('{"ask":"status"}');
  client.socket.send(new Uint8Array([0xff, 0xfe]));
  await until("three errors", () => client.loose.length === 3);
  expect((await client.ask("status", {})).totals.queued).toBe(0);
});

test("[K13] a bug in a handler fails that request with a trace, and the server lives", async () => {
  const server = await serve();
  const original = server.services.catalog.totals;
  server.services.catalog.totals = () => {
    throw new TypeError("deliberate");
  };
  const client = await server.connect();
  const { error } = await client.try("status", {});
  expect(error?.code).toBe("internal");
  expect(error?.hint).toContain(join(server.base, "traces"));
  for (let n = 0; n < 12; n++) await client.try("status", {});
  expect((await server.fetch("/healthz")).status).toBe(503);
  server.services.catalog.totals = original;
  expect((await client.ask("status", {})).totals.queued).toBe(0);
});

test("[T2] the server tells its own time, so that a client can see how far off it is", async () => {
  const aheadMs = 5 * 3600_000;
  const server = await serve({ clock: { nowMs: () => Date.now() + aheadMs, monotonicMs: () => performance.now() } });
  const hello = await server.ask("hello", { version: "0", protocol: 1 });
  expect(Date.parse(hello.now) - Date.now()).toBeGreaterThan(aheadMs - 60_000);
  expect(Date.parse((await server.ask("status", {})).server.now) - Date.now()).toBeGreaterThan(aheadMs - 60_000);
});

test("[N4] hundreds of clients at once are served, and gone without a trace", async () => {
  const server = await serve();
  const all = await Promise.all(Array.from({ length: 300 }, () => server.connect()));
  await Promise.all(all.map((client) => client.ask("subscribe", {})));
  const runId = await queued(server);
  await until("everybody to know", () =>
    all.every((client) => client.events.some(({ event }) => event.kind === "run" && event.run.run_id === runId)),
  );
  for (const client of all) client.close();
  await until("all places to be free", () => server.services.clients() === 0);
});

test("a stop is announced, and the record is gone after it", async () => {
  const reasons: string[] = [];
  const server = await serve({ onStop: (reason) => reasons.push(reason) });
  const client = await server.connect();
  await client.ask("subscribe", {});
  await client.ask("server.stop", {});
  await until("the wish", () => reasons.length === 1);
  await server.close();
  await until("the last event and the end", () => client.closed);
  expect(client.events.at(-1)?.event.kind).toBe("stopping");
  expect(await Bun.file(join(server.base, "server.json")).exists()).toBe(false);
});
