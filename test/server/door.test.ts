/** Who gets in, with what, and what is said to those who do not. */
import { expect, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { Level, Log } from "../../src/server/log.ts";
import { needs } from "../support/require.ts";
import { tempFolder, until } from "../support/temp.ts";
import { Client, queued, serve, spec } from "./harness.ts";

function recordingLog(): Log & { text: string } {
  const log = {
    text: "",
    say(level: Level, what: string, facts = {}) {
      log.text += `${level} ${what} ${JSON.stringify(facts)}\n`;
    },
    close() {},
  };
  return log;
}

test("[S1] a foreign origin gets 403 before the upgrade, and the log says so; a listed one gets in", async () => {
  const log = recordingLog();
  const server = await serve({ log, settings: { allowed_origins: "https://lab.example" } });
  const { key } = await server.ask("key.add", { user: "ana" });
  const upgrade = (origin: string) =>
    fetch(`${server.url.replace("ws", "http")}/ws`, {
      headers: {
        authorization: `Bearer ${key}`,
        origin,
        upgrade: "websocket",
        connection: "Upgrade",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
  expect((await upgrade("https://evil.example")).status).toBe(403);
  expect((await upgrade("null")).status).toBe(403);
  expect(log.text).toContain("not_allowed");
  const post = await server.fetch("/api/status", {
    method: "POST",
    headers: { origin: "https://evil.example" },
    body: "{}",
  });
  expect(post.status).toBe(403);
  const client = await server.connect({ key, headers: { origin: "https://lab.example" } });
  expect((await client.ask("hello", { version: "0", protocol: 1 })).user).toBe("ana");
});

test("[S2] no key, a short one, a wrong one and a revoked one get the same answer", async () => {
  const server = await serve();
  const { key, key_id } = await server.ask("key.add", { user: "ana", role: "viewer" });
  const one = await server.as(key, "hello", { version: "0", protocol: 1 });
  expect(one.reply).toMatchObject({ user: "ana", role: "viewer" });
  await server.ask("key.revoke", { key_id });
  const answers = [];
  for (const bad of [null, "ml_", `${key.slice(0, -1)}_`, key, "x".repeat(5000)]) {
    const { status, error } = await server.as(bad, "status", {});
    answers.push(JSON.stringify({ status, error }));
  }
  expect(new Set(answers).size).toBe(1);
  expect(answers[0]).toContain("401");
  await expect(Client.open(`${server.url}/ws`)).rejects.toThrow("401");
});

test("[S2] an address that fails often is told to wait, with a good key too, and gets in again later", async () => {
  let monotonic = 0;
  const server = await serve({ clock: { nowMs: () => Date.now(), monotonicMs: () => monotonic } });
  const { key } = await server.ask("key.add", { user: "ana" });
  for (let n = 0; n < 10; n++) expect((await server.as("ml_wrong", "status", {})).status).toBe(401);
  expect((await server.as("ml_wrong", "status", {})).status).toBe(503);
  expect((await server.as(key, "status", {})).error?.code).toBe("try_later");
  monotonic += 60_000;
  expect((await server.as(key, "status", {})).status).toBe(200);
});

test("[S2 S9] keys are nowhere on disk nor in the log; only hashes are, in a file of the owner's", async () => {
  const log = recordingLog();
  const server = await serve({ log });
  const { key, key_id } = await server.ask("key.add", { user: "ana", label: "laptop" });
  expect(key).toMatch(/^ml_[A-Za-z0-9_-]{43}$/);
  await server.as(key, "status", {});
  const users = join(server.base, "users.toml");
  const text = readFileSync(users, "utf8") + readFileSync(join(server.base, "audit.jsonl"), "utf8") + log.text;
  expect(text).toContain(key_id);
  expect(text).not.toContain(key.slice(3));
  expect(statSync(users).mode & 0o777).toBe(0o600);
  const { keys } = await server.ask("key.list", {});
  expect(keys).toMatchObject([{ key_id, user: "ana", role: "user", label: "laptop" }]);
  expect(keys[0]?.last_used_at).not.toBeNull();
  expect(JSON.stringify(keys)).not.toContain("sha256");
});

test("[S9] base, socket and server record are closed to others", async () => {
  const server = await serve();
  const mode = (path: string) => statSync(path).mode & 0o777;
  expect(mode(server.base)).toBe(0o700);
  expect(mode(server.services.identity.socket ?? "")).toBe(0o600);
  expect(mode(join(server.base, "server.json"))).toBe(0o600);
  expect(mode(join(server.base, "index.db"))).toBe(0o600);
});

test("[S12] roles: a viewer sees and changes nothing; a user changes own runs; both are noted", async () => {
  const server = await serve();
  const viewer = (await server.ask("key.add", { user: "eve", role: "viewer" })).key;
  const ana = (await server.ask("key.add", { user: "ana" })).key;
  const bob = (await server.ask("key.add", { user: "bob" })).key;
  const { reply } = await server.as(ana, "submit", { runs: [spec({ name: "anas" })] });
  const run = reply?.runs[0]?.run_id ?? "";
  expect((await server.as(viewer, "run.get", { run })).reply?.summary.user).toBe("ana");
  expect((await server.as(viewer, "submit", { runs: [spec()] })).status).toBe(403);
  for (const key of [viewer, bob]) {
    expect((await server.as(key, "run.cancel", { runs: [run] })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "run.priority", { runs: [run], priority: 9 })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "run.hold", { runs: [run], held: true })).error?.code).toBe("not_allowed");
    const change = { set: { hypothesis: "not mine" } };
    expect((await server.as(key, "narrative.change", { targets: [run], change })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "run.annotate", { run, note: "x", author: "ana" })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "run.delete", { runs: [run] })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "key.add", { user: "x" })).error?.code).toBe("not_allowed");
    expect((await server.as(key, "server.stop", {})).error?.code).toBe("not_allowed");
  }
  expect((await server.as(viewer, "run.annotate", { run, note: "x" })).error?.code).toBe("not_allowed");
  for (const key of [ana, bob])
    expect((await server.as(key, "run.annotate", { run, note: "words are free" })).error).toBeUndefined();
  expect((await server.ask("run.cancel", { runs: [run] })).runs[0]?.status).toBe("cancelled");
  const audit = readFileSync(join(server.base, "audit.jsonl"), "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line));
  expect(audit).toContainEqual(
    expect.objectContaining({ by: "bob", from: "127.0.0.1", action: "cancel", result: "refused", runs: [run] }),
  );
  expect(audit).toContainEqual(
    expect.objectContaining({ from: "socket", action: "cancel", result: "done", runs: [run] }),
  );
});

test("a revoked key ends the connections that it opened", async () => {
  const server = await serve();
  const { key, key_id } = await server.ask("key.add", { user: "ana" });
  const client = await server.connect({ key });
  await server.ask("key.revoke", { key_id });
  await until("the connection to end", () => client.closed);
});

test("a role that is changed by hand counts at once, for open connections too", async () => {
  const server = await serve();
  const { key } = await server.ask("key.add", { user: "ana", role: "admin" });
  const client = await server.connect({ key });
  expect((await client.try("key.list", {})).error).toBeUndefined();
  const path = join(server.base, "users.toml");
  const text = readFileSync(path, "utf8");
  writeFileSync(path, text.replace('"admin"', '"viewer"'));
  expect((await client.try("key.list", {})).error?.code).toBe("not_allowed");
  expect((await client.try("status", {})).error).toBeUndefined();
  writeFileSync(path, "");
  expect((await client.try("status", {})).error?.code).toBe("unauthenticated");
  await until("the connection to end", () => client.closed);
});

test("[I3] a mistake in users.toml leaves the keys in force that were known, says where, and is not overwritten", async () => {
  const server = await serve();
  const { key } = await server.ask("key.add", { user: "ana" });
  const path = join(server.base, "users.toml");
  const good = readFileSync(path, "utf8");
  writeFileSync(path, `${good}\n[[key]]\nid = \n`);
  expect((await server.as(key, "status", {})).status).toBe(200);
  const { problems } = (await server.ask("status", {})).server;
  expect(problems.join()).toMatch(/users\.toml.*line \d+, column \d+/);
  expect((await server.try("key.add", { user: "bob" })).error?.code).toBe("bad_config");
  writeFileSync(path, `\ufeff${good.replaceAll("\n", "\r\n")}`);
  expect((await server.as(key, "status", {})).status).toBe(200);
  expect((await server.ask("status", {})).server.problems).toEqual([]);
});

test("[N7] a port that was asked for and is taken is an exact error; the default one is exchanged", async () => {
  const holder = createServer().listen(0, "127.0.0.1");
  const port = (holder.address() as { port: number }).port;
  const listen = `127.0.0.1:${port}`;
  await expect(serve({ settings: { listen } })).rejects.toThrow(
    `listening on \`${listen}\` failed: another program uses that port`,
  );
  const server = await serve({ settings: { listen }, listenGiven: false });
  expect(server.url).not.toContain(String(port));
  expect((await fetch(`${server.url.replace("ws", "http")}/healthz`)).status).toBe(200);
  holder.close();
});

test("[N7] an address that this machine lacks, or that is none, is named", async () => {
  await expect(serve({ settings: { listen: "192.0.2.1:9100" } })).rejects.toThrow("192.0.2.1");
  await expect(serve({ settings: { listen: "nonsense" } })).rejects.toThrow("`nonsense` is no address");
  await expect(serve({ settings: { listen: "127.0.0.1:99999" } })).rejects.toThrow("is no address");
});

test("wider than loopback only with a key", async () => {
  const base = join(tempFolder(), "data");
  await expect(serve({ base, settings: { listen: "0.0.0.0:0" } })).rejects.toThrow("there is no key yet");
  expect(existsSync(join(base, "server.json"))).toBe(false);
  const first = await serve({ base });
  const { key } = await first.ask("key.add", { user: "ana" });
  await first.close();
  const log = recordingLog();
  const server = await serve({ base, log, settings: { listen: "0.0.0.0:0" } });
  expect(log.text).toContain("without TLS");
  expect((await server.as(key, "status", {})).status).toBe(200);
});

test("[S8] too deep, too large, not JSON: each refused with its reason, and the server stays", async () => {
  const server = await serve();
  const post = async (body: string) => {
    const response = await server.fetch("/api/status", { method: "POST", body });
    return { status: response.status, error: ((await response.json()) as { error: { code: string } }).error?.code };
  };
  expect(await post(`${"[".repeat(100)}${"]".repeat(100)}`)).toEqual({ status: 413, error: "too_large" });
  expect(await post(`{"x":"${"y".repeat(1_100_000)}"}`)).toEqual({ status: 413, error: "too_large" });
  expect(await post("{nonsense")).toEqual({ status: 400, error: "usage" });
  const client = await server.connect();
  client.socket.send(`{"id":1,"ask":"status","body":${"[".repeat(100)}${"]".repeat(100)}}`);
  await until("an answer", () => client.loose.length > 0);
  expect(JSON.stringify(client.loose[0])).toContain("too_large");
  client.socket.send("y".repeat(1_100_000));
  const closed = await until("the connection to end", () => client.closed);
  expect([1006, 1009]).toContain(closed.code);
  expect(await queued(server)).not.toBe("");
});

test("[S8] a flood of requests is answered whole, at our pace", async () => {
  const server = await serve();
  const client = await server.connect();
  const answers = await Promise.all(
    Array.from({ length: 3000 }, () => client.ask("run.resolve", { runs: ["@last"] }).catch((cause) => String(cause))),
  );
  expect(answers.length).toBe(3000);
});

needs("openssl")("with a certificate the server speaks TLS, and only to those who know it", async () => {
  const folder = tempFolder();
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const made = Bun.spawnSync([
    "openssl",
    "req",
    "-x509",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-nodes",
    "-keyout",
    key,
    "-out",
    cert,
    "-days",
    "2",
    "-subj",
    "/CN=localhost",
    "-addext",
    "subjectAltName=IP:127.0.0.1",
  ]);
  expect(made.exitCode).toBe(0);
  const server = await serve({ settings: { tls_cert: cert, tls_key: key } });
  expect(server.url).toStartWith("wss://");
  const url = `${server.url.replace("wss", "https")}/healthz`;
  expect((await fetch(url, { tls: { ca: readFileSync(cert, "utf8") } } as RequestInit)).status).toBe(200);
  await expect(fetch(url)).rejects.toThrow();
  await expect(serve({ settings: { tls_cert: cert } })).rejects.toThrow("needs both");
});

test("health is told to anybody, and nothing else is", async () => {
  const server = await serve();
  const http = server.url.replace("ws", "http");
  const health = await fetch(`${http}/healthz`);
  expect([health.status, await health.text()]).toEqual([200, "ok\n"]);
  for (const path of ["/", "/api/status", "/blobs", "/runs/x/files/y", "/ws"]) {
    expect((await fetch(http + path, { method: "POST" })).status).toBe(401);
  }
});
