/** Logs and metrics by offset: exact, bounded, resumable, whatever is in them. */
import { expect, test } from "bun:test";
import { appendFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { basePaths } from "../../src/run/paths.ts";
import { until } from "../support/temp.ts";
import { queued, serve, type TestServer } from "./harness.ts";

async function readAll(server: TestServer, run: string, limit: number): Promise<Buffer> {
  const parts: Buffer[] = [];
  for (let offset = 0; ; ) {
    const reply = await server.ask("log.read", { run, offset, limit });
    expect(reply.offset).toBe(offset);
    if (reply.next === offset) return Buffer.concat(parts);
    parts.push(Buffer.from(reply.data, reply.encoding));
    offset = reply.next;
  }
}

const pathOf = (server: TestServer, runId: string) => basePaths(server.base).run(runId).outputLog;

test("[D11] bytes come back exactly, in pieces of any size: text, binary, one long line, no newline at the end", async () => {
  const server = await serve();
  const run = await queued(server);
  const contents = [
    Buffer.from("plain\nlines\n"),
    Buffer.from("\ufeffé🧪\r\u001b[31mred\0\nno newline at the end 🧪"),
    Buffer.from(Array.from({ length: 700 }, (_, index) => index % 256)),
    Buffer.from("x".repeat(1_000_000)),
    Buffer.concat([Buffer.from("half a character: "), Buffer.from("🧪").subarray(0, 2)]),
  ];
  for (const content of contents) {
    writeFileSync(pathOf(server, run), content);
    for (const limit of [7, 100, 262_144]) {
      if (content.length / limit > 200) continue;
      const read = await readAll(server, run, limit);
      // A character whose rest may still come is held back while the run lives.
      const whole = content.length - (content === contents[4] && limit > 7 ? 2 : 0);
      expect(read.subarray(0, whole).equals(content.subarray(0, whole))).toBe(true);
    }
  }
  await server.ask("run.cancel", { runs: [run] });
  writeFileSync(pathOf(server, run), contents[4] as Buffer);
  expect((await readAll(server, run, 262_144)).equals(contents[4] as Buffer)).toBe(true);
});

test("the last lines, the last bytes, and a window of a large file", async () => {
  const server = await serve();
  const run = await queued(server);
  const lines = Array.from({ length: 50_000 }, (_, index) => `line ${index}\n`).join("");
  writeFileSync(pathOf(server, run), lines);
  const tail = async (body: object) => (await server.ask("log.read", { run, ...body })).data;
  expect(await tail({ tail_lines: 2 })).toBe("line 49998\nline 49999\n");
  expect(await tail({ tail_lines: 0 })).toBe("");
  expect(await tail({ tail_bytes: 6 })).toBe("49999\n");
  const many = await server.ask("log.read", { run, tail_lines: 20_000 });
  expect(many.data.startsWith("line 30000\n")).toBe(true);
  expect((await tail({ tail_lines: 1_000_000 })).startsWith("line 0\n")).toBe(true);
  appendFileSync(pathOf(server, run), "unfinished");
  expect(await tail({ tail_lines: 2 })).toBe("line 49999\nunfinished");
});

test("[N1] a follower that comes back asks on from its offset: no gap, no repeat", async () => {
  const server = await serve();
  const run = await queued(server);
  writeFileSync(pathOf(server, run), "one\n");
  const seen: string[] = [];
  let offset = 0;
  const pull = async (client: Awaited<ReturnType<typeof server.connect>>) => {
    const reply = await client.ask("log.read", { run, offset });
    seen.push(reply.data);
    offset = reply.next;
  };
  const first = await server.connect();
  await first.ask("subscribe", { runs: false, logs: [{ run }] });
  await pull(first);
  first.close();
  appendFileSync(pathOf(server, run), "two\n");
  const second = await server.connect();
  await second.ask("subscribe", { runs: false, logs: [{ run }] });
  await pull(second);
  appendFileSync(pathOf(server, run), "three\n");
  await until("the growth", () => second.events.some(({ event }) => event.kind === "log" && event.size === 14));
  await pull(second);
  expect(seen.join("")).toBe("one\ntwo\nthree\n");
});

test("followers hear of growth, of a log that is yet to come, and of the end", async () => {
  const server = await serve();
  const run = await queued(server);
  const client = await server.connect();
  await client.ask("subscribe", { runs: false, logs: [{ run }] });
  const sizes = () => client.events.flatMap(({ event }) => (event.kind === "log" ? [[event.size, event.ended]] : []));
  await until("where things stand", () => sizes().length === 1);
  expect(sizes()).toEqual([[0, false]]);
  writeFileSync(pathOf(server, run), "hello\n");
  await until("growth", () => sizes().at(-1)?.[0] === 6);
  await server.ask("run.cancel", { runs: [run] });
  await until("the end", () => sizes().at(-1)?.[1] === true);
  expect(sizes().at(-1)).toEqual([6, true]);
});

test("[N1] few new bytes come with the event, exactly, from where the last one ended; many are only told of", async () => {
  const server = await serve();
  const run = await queued(server);
  const client = await server.connect();
  const poll = { runs: false, logs: [{ run }] };
  const polled = await server.ask("events.poll", poll);
  await client.ask("subscribe", poll);
  const logs = () => client.events.flatMap(({ event }) => (event.kind === "log" ? [event] : []));
  await until("where things stand", () => logs().length > 0);
  const pieces = ["one\n", Buffer.from("🧪").subarray(0, 2), "x".repeat(20_000), "\ufefftwo", "three"];
  let content = Buffer.alloc(0);
  for (const piece of pieces) {
    content = Buffer.concat([content, Buffer.from(piece)]);
    appendFileSync(pathOf(server, run), piece);
    await until("the growth", () => logs().at(-1)?.size === content.length);
  }
  const bare = logs().flatMap(({ size, added }) => (added === undefined ? [size] : []));
  expect([...new Set(bare)]).toEqual([0, 20_006]);
  for (const [index, { size, added }] of logs().entries()) {
    if (added === undefined) continue;
    expect(added.offset).toBe(logs()[index - 1]?.size as number);
    expect(Buffer.from(added.data, added.encoding).equals(content.subarray(added.offset, size))).toBe(true);
  }
  const { events } = await server.ask("events.poll", { ...poll, poll_id: polled.poll_id, after: polled.seq });
  expect(events.some(({ event }) => event.kind === "log" && event.size === content.length)).toBe(true);
  expect(JSON.stringify(events)).not.toContain("added");
});

test("[D12] a log that is cut or replaced is told by a smaller size, and read from its new beginning", async () => {
  const server = await serve();
  const run = await queued(server);
  writeFileSync(pathOf(server, run), "a long first log\n");
  const client = await server.connect();
  await client.ask("subscribe", { runs: false, logs: [{ run }] });
  const last = () => client.events.findLast(({ event }) => event.kind === "log")?.event as { size: number } | undefined;
  await until("the size", () => last()?.size === 17);
  truncateSync(pathOf(server, run), 0);
  await until("the cut", () => last()?.size === 0);
  rmSync(pathOf(server, run));
  writeFileSync(pathOf(server, run), "new\n");
  await until("the new log", () => last()?.size === 4);
  const beyond = await server.ask("log.read", { run, offset: 17 });
  expect(beyond).toMatchObject({ offset: 4, next: 4, size: 4, data: "" });
  expect((await server.ask("log.read", { run, offset: 0 })).data).toBe("new\n");
});

test("[S3] a link or a FIFO in the log's place is not followed and does not hang", async () => {
  const server = await serve();
  const run = await queued(server);
  symlinkSync("/etc/passwd", pathOf(server, run));
  expect((await server.ask("log.read", { run })).data).toBe("");
  rmSync(pathOf(server, run));
  Bun.spawnSync(["mkfifo", pathOf(server, run)]);
  expect((await server.ask("log.read", { run })).data).toBe("");
  expect((await server.ask("status", {})).totals.queued).toBe(1);
});

test("metrics come in order of arrival, resume, thin out evenly, and survive torn lines", async () => {
  const server = await serve();
  const run = await queued(server);
  const { metrics } = basePaths(server.base).run(run);
  const line = (name: string, value: unknown, step: number) => `${JSON.stringify({ name, value, step, t: step })}\n`;
  writeFileSync(metrics, `${line("loss", 2, 0)}nonsense\n${line("acc", "NaN", 0)}${line("loss", 1, 1)}{"name":"lo`);
  const first = await server.ask("metrics.read", { run });
  expect(first.points.map((point) => [point.name, point.value, point.step])).toEqual([
    ["loss", 2, 0],
    ["acc", "NaN", 0],
    ["loss", 1, 1],
  ]);
  appendFileSync(metrics, `ss","value":0.5,"step":2,"t":2}\n`);
  const second = await server.ask("metrics.read", { run, after: first.next });
  expect(second.points.map((point) => point.value)).toEqual([0.5]);
  const only = await server.ask("metrics.read", { run, names: ["acc"] });
  expect(only.points.length).toBe(1);
  writeFileSync(metrics, Array.from({ length: 150_000 }, (_, index) => line("loss", index, index)).join(""));
  const many = await server.ask("metrics.read", { run });
  expect(many.thinned).toBe(true);
  expect(many.points.length).toBeLessThanOrEqual(100_000);
  expect(many.points.at(-1)?.value).toBe(149_999);
  const client = await server.connect();
  expect((await client.ask("metrics.read", { run })).points.length).toBe(many.points.length);
});
