/** The connection against a fake server: healing, falling back, and saying why. */
import { afterEach, expect, test } from "bun:test";
import { join } from "node:path";
import { backoffMs, type ConnectSettings, connect } from "../../../src/client/connect.ts";
import type { Connection } from "../../../src/client/connection.ts";
import { parseTarget, type Target } from "../../../src/client/target.ts";
import type { MlError } from "../../../src/core/error.ts";
import { needs } from "../../support/require.ts";
import { tempFolder, until } from "../../support/temp.ts";
import { type FakeOptions, FakeServer } from "./fake-server.ts";

const open: { close(): void }[] = [];
const servers: FakeServer[] = [];
afterEach(async () => {
  for (const connection of open.splice(0)) connection.close();
  for (const server of servers.splice(0)) await server.stop();
});

function serve(options: FakeOptions = {}): FakeServer {
  const server = new FakeServer(options);
  servers.push(server);
  return server;
}

async function connectTo(
  target: Target | (() => Target),
  transport: "auto" | "websocket" | "polling" = "auto",
  more: Partial<ConnectSettings> = {},
): Promise<{ connection: Connection; warnings: string[] }> {
  const warnings: string[] = [];
  const locate = async () => (typeof target === "function" ? target() : target);
  const connection = await connect(locate, {
    transport,
    timeoutMs: 3000,
    warn: (line) => warnings.push(line),
    ...more,
  });
  open.push(connection);
  return { connection, warnings };
}

const at = (server: FakeServer, key: string | null = null): Target => parseTarget(server.url, { key, ca: null });

async function failure(work: Promise<unknown>): Promise<MlError> {
  try {
    await work;
  } catch (cause) {
    return cause as MlError;
  }
  throw new Error("it did not fail");
}

test("asks over a Unix socket and over TCP give the server's reply", async () => {
  const answer = () => ({ run_ids: ["a"] });
  const unix = join(tempFolder(), "s");
  serve({ unix, answer });
  const tcp = serve({ answer });
  const local = await connectTo({ kind: "socket", path: unix, key: null });
  const remote = await connectTo(at(tcp));
  expect(await local.connection.ask("run.resolve", { runs: ["x"] })).toEqual({ run_ids: ["a"] });
  expect(await remote.connection.ask("run.resolve", { runs: ["x"] })).toEqual({ run_ids: ["a"] });
  expect([local.connection.transport, remote.connection.transport]).toEqual(["socket", "websocket"]);
});

test("an error of the server arrives with its code, cause and hint", async () => {
  const server = serve({
    answer: () => {
      throw { code: "not_found", message: "there is no run `x`", hint: "ml status" };
    },
  });
  const { connection } = await connectTo(at(server));
  const error = await failure(connection.ask("run.get", { run: "x" }));
  expect([error.code, error.message, error.detail.hint]).toEqual(["not_found", "there is no run `x`", "ml status"]);
});

test("[N1 N3] a connection that breaks mid-ask is opened again and the ask repeated", async () => {
  let calls = 0;
  const server = serve({
    answer: (_ask, _body, ws) => {
      calls += 1;
      if (calls > 1) return { run_ids: ["again"] };
      ws?.terminate();
      return null;
    },
  });
  const { connection } = await connectTo(at(server));
  const states: string[] = [];
  connection.onState((state) => states.push(state));
  expect(await connection.ask("run.resolve", { runs: ["x"] })).toEqual({ run_ids: ["again"] });
  expect(states).toEqual(["reconnecting", "open"]);
});

test("an ask sent ahead is asked once, its reply given once, and asked again where the connection breaks before it", async () => {
  let calls = 0;
  const whole = serve({ answer: () => ({ run_ids: [String(++calls)] }) });
  const body = { runs: ["x"] };
  const ahead = { name: "run.resolve" as const, body };
  const first = await connectTo(at(whole), "auto", { ahead });
  expect(await first.connection.ask("run.resolve", body)).toEqual({ run_ids: ["1"] });
  expect(await first.connection.ask("run.resolve", body)).toEqual({ run_ids: ["2"] });
  let broken = 0;
  const breaking = serve({
    answer: (_ask, _body, ws) => {
      broken += 1;
      if (broken > 1) return { run_ids: ["again"] };
      setTimeout(() => ws?.terminate(), 20);
      return new Promise<never>(() => {});
    },
  });
  const second = await connectTo(at(breaking), "auto", { ahead });
  expect(await second.connection.ask("run.resolve", body)).toEqual({ run_ids: ["again"] });
  expect(broken).toBe(2);
});

test("[N3] an answer may take an hour, but a server that died meanwhile is waited for no longer than it may be away", async () => {
  const asked = Promise.withResolvers<void>();
  const server = serve({
    answer: () => {
      asked.resolve();
      return null;
    },
  });
  const { connection } = await connectTo(at(server));
  const failed = failure(connection.ask("reindex", {}, { timeoutMs: 3_600_000, awayMs: 50 }));
  await asked.promise;
  await server.stop();
  const error = await failed;
  expect([error.code, error.detail.hint]).toEqual(["unreachable", "ml server status"]);
  expect(error.message).toContain("did not come back in time for `reindex`");
});

test("an ask that may not be repeated fails and says that it may have been done", async () => {
  const server = serve({
    answer: (_ask, _body, ws) => {
      ws?.terminate();
      return null;
    },
  });
  const { connection } = await connectTo(at(server));
  const error = await failure(connection.ask("key.add", { user: "a" }));
  expect(error.code).toBe("unreachable");
  expect(error.detail.hint).toContain("may have been done");
  expect(server.asked.filter((ask) => ask === "key.add")).toHaveLength(1);
});

test("[N1 N3] a subscription is renewed with a new snapshot after a restart elsewhere, and events go on", async () => {
  const first = serve();
  let target = at(first);
  const { connection } = await connectTo(() => target);
  const heard: string[] = [];
  await connection.subscribe(
    { runs: true },
    { onSnapshot: () => heard.push("snapshot"), onEvent: (event) => heard.push(event.kind) },
  );
  first.tell({ kind: "removed", run_id: "a" });
  await until("the first event", () => heard.length === 2);
  const second = serve();
  target = at(second);
  await first.stop();
  await until("the second subscription", () => second.asked.includes("subscribe"));
  await until("the second snapshot", () => heard.length === 3);
  second.tell({ kind: "stopping" });
  await until("an event from the second", () => heard.length === 4);
  expect(heard).toEqual(["snapshot", "removed", "snapshot", "stopping"]);
});

test("[N2] a gap in the numbers of events leads to a new snapshot", async () => {
  const server = serve();
  const { connection } = await connectTo(at(server));
  const heard: string[] = [];
  await connection.subscribe(
    {},
    { onSnapshot: () => heard.push("snapshot"), onEvent: (event) => heard.push(event.kind) },
  );
  for (const ws of server.sockets) {
    ws.send(JSON.stringify({ seq: 1, event: { kind: "stopping" } }));
    ws.send(JSON.stringify({ seq: 5, event: { kind: "stopping" } }));
  }
  await until("the new snapshot", () => heard.length === 3);
  expect(heard).toEqual(["snapshot", "stopping", "snapshot"]);
});

test("[N6] where the upgrade is blocked it polls, says so once, and events arrive", async () => {
  const server = serve({ blockUpgrade: true, answer: () => ({ run_ids: ["p"] }) });
  const { connection, warnings } = await connectTo(at(server));
  expect(connection.transport).toBe("polling");
  expect(await connection.ask("run.resolve", { runs: ["x"] })).toEqual({ run_ids: ["p"] });
  const heard: string[] = [];
  await connection.subscribe({}, { onEvent: (event) => heard.push(event.kind) });
  server.tell({ kind: "removed", run_id: "a" });
  server.tell({ kind: "stopping" });
  await until("both events", () => heard.length === 2);
  expect(heard).toEqual(["removed", "stopping"]);
  expect(warnings.filter((line) => line.includes("polling"))).toHaveLength(1);
});

test("a wrong key is refused with what to do, and not as a broken connection", async () => {
  const server = serve({ key: "right" });
  for (const key of ["wrong", null]) {
    const error = await failure(connectTo(at(server, key)));
    expect(error.code).toBe("unauthenticated");
    expect(error.detail.hint).toContain("ml key add");
  }
  expect((await connectTo(at(server, "right"))).connection.hello.user).toBe("u");
});

test("[N7] a refused port, an unknown host and a missing socket each name the address and the next step", async () => {
  const gone = serve();
  const address = at(gone);
  await gone.stop();
  const refused = await failure(connectTo(address));
  expect([refused.code, refused.exitCode]).toEqual(["unreachable", 69]);
  expect(refused.message).toContain(address.kind === "url" ? address.url : "");
  const unknown = await failure(connectTo(parseTarget("ws://no-such-host.invalid:9100", { key: null, ca: null })));
  expect(unknown.message).toContain("no-such-host.invalid");
  expect(unknown.detail.hint).toContain("worker_host");
  const socket = await failure(connectTo({ kind: "socket", path: join(tempFolder(), "none"), key: null }));
  expect(socket.detail.hint).toContain("`ml server start`");
});

needs("openssl")(
  "[N7] TLS that does not fit is named: plain to TLS, TLS to plain, a certificate nobody trusts",
  async () => {
    const folder = tempFolder();
    const made = Bun.spawnSync(
      "openssl req -x509 -newkey rsa:2048 -nodes -keyout k.pem -out c.pem -days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1".split(
        " ",
      ),
      { cwd: folder, stderr: "ignore" },
    );
    expect(made.exitCode).toBe(0);
    const cert = await Bun.file(join(folder, "c.pem")).text();
    const secure = serve({ tls: { key: await Bun.file(join(folder, "k.pem")).text(), cert } });
    const plain = serve();
    const target = (url: string, ca: string | null): Target => parseTarget(url, { key: null, ca });
    const toTls = await failure(connectTo(target(secure.url.replace("wss:", "ws:"), null)));
    expect(toTls.detail.hint).toContain("wss://");
    const toPlain = await failure(connectTo(target(plain.url.replace("ws:", "wss:"), null)));
    expect(toPlain.message).toContain("does not speak TLS");
    const distrusted = await failure(connectTo(target(secure.url, null)));
    expect(distrusted.detail.hint).toContain("tls_ca");
    const { connection } = await connectTo(target(secure.url, cert));
    expect(await (await connection.fetch("/x")).text()).toBe("file /x");
  },
);

test("what is no ml server is called that", async () => {
  const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<html>", { status: 404 }) });
  try {
    const error = await failure(connectTo(parseTarget(`http://127.0.0.1:${other.port}`, { key: null, ca: null })));
    expect(error.message).toContain("is not an `ml` server (HTTP 404)");
  } finally {
    await other.stop(true);
  }
});

test("[T2] clocks more than 30 s apart are warned about, less is not", async () => {
  const ahead = await connectTo(at(serve({ nowMs: () => Date.now() + 7_200_000 })));
  expect(ahead.warnings.join()).toContain("7200 s ahead of");
  const close = await connectTo(at(serve({ nowMs: () => Date.now() - 20_000 })));
  expect(close.warnings).toEqual([]);
});

test("[K12 N8] another protocol is warned about, and a request that the server does not know names both versions", async () => {
  const server = serve({
    protocol: 0,
    answer: () => {
      throw { code: "unknown_request", message: "?" };
    },
  });
  const { connection, warnings } = await connectTo(at(server));
  expect(warnings.join()).toContain("upgrade the server");
  const error = await failure(connection.ask("reindex", {}));
  expect(error.message).toContain("does not know `reindex`");
});

test("an aborted ask ends at once with the signal's reason", async () => {
  const server = serve({ answer: () => null });
  const { connection } = await connectTo(at(server));
  const abort = new AbortController();
  const asked = connection.ask("run.wait", { runs: ["x"] }, { signal: abort.signal });
  abort.abort(new Error("enough"));
  expect((await failure(asked)).message).toBe("enough");
});

test("waits before reconnecting grow to ten seconds and are spread", () => {
  expect(backoffMs(0, 0)).toBe(50);
  expect(backoffMs(0, 1)).toBe(100);
  expect(backoffMs(50, 1)).toBe(10_000);
  expect(backoffMs(3, 0.5)).toBe(600);
});

test("addresses are read in every form in which people write them", () => {
  const url = (text: string) => {
    const target = parseTarget(text, { key: null, ca: null });
    return target.kind === "url" ? target.url : target.path;
  };
  expect(url("worker.local:9100")).toBe("ws://worker.local:9100");
  expect(url("https://host/ml/")).toBe("wss://host/ml");
  expect(url("ws://[::1]:9100/ws")).toBe("ws://[::1]:9100");
  expect(url("unix:/run/ml.sock")).toBe("/run/ml.sock");
  expect(() => url("ftp://x")).toThrow("is not the address of a server");
});
