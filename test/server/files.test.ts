/** Files of a run folder: listed with their origin, fetched whole or in part, and nothing beyond the folder. */
import { expect, test } from "bun:test";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { storeBlob } from "../../src/run/objects.ts";
import { basePaths } from "../../src/run/paths.ts";
import { queued, serve, type TestServer } from "./harness.ts";

const hashOf = (text: string) => new Bun.CryptoHasher("sha256").update(text).digest("hex");

async function withFolder(server: TestServer): Promise<{ run: string; folder: string }> {
  const run = await queued(server);
  const { folder, work } = basePaths(server.base).run(run);
  mkdirSync(join(work, "sub"), { recursive: true });
  writeFileSync(join(work, "model.bin"), "0123456789");
  writeFileSync(join(work, "sub/ä b.txt"), "umlaut");
  return { run, folder };
}

/** A request with its path exactly as written; `fetch` would tidy it up. */
function rawGet(server: TestServer, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(server.services.identity.socket ?? "");
    let text = "";
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
    });
    socket.on("close", () => resolve(text));
    socket.on("error", reject);
    socket.write(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);
  });
}

test("a file comes whole, in parts, or not again where it is unchanged", async () => {
  const server = await serve();
  const { run } = await withFolder(server);
  const url = `/runs/${run}/files/work/model.bin`;
  const whole = await server.fetch(url);
  expect([whole.status, await whole.text()]).toEqual([200, "0123456789"]);
  const etag = whole.headers.get("etag") ?? "";
  const part = async (headers: Record<string, string>) => {
    const response = await server.fetch(url, { headers });
    return [response.status, await response.text(), response.headers.get("content-range")];
  };
  expect(await part({ range: "bytes=2-4" })).toEqual([206, "234", "bytes 2-4/10"]);
  expect(await part({ range: "bytes=7-" })).toEqual([206, "789", "bytes 7-9/10"]);
  expect(await part({ range: "bytes=-3" })).toEqual([206, "789", "bytes 7-9/10"]);
  expect(await part({ range: "bytes=20-" })).toEqual([416, "", "bytes */10"]);
  expect(await part({ range: "bytes=7-", "if-range": etag })).toEqual([206, "789", "bytes 7-9/10"]);
  expect(await part({ range: "bytes=7-", "if-range": '"other"' })).toEqual([200, "0123456789", null]);
  expect((await part({ "if-none-match": etag }))[0]).toBe(304);
  const head = await server.fetch(url, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, "10"]);
  expect(await (await server.fetch(`/runs/${run}/files/work/sub/%C3%A4%20b.txt`)).text()).toBe("umlaut");
  writeFileSync(join(basePaths(server.base).run(run).work, "empty"), "");
  const empty = await server.fetch(`/runs/${run}/files/work/empty`);
  expect([empty.status, await empty.text()]).toEqual([200, ""]);
});

test("[S3] nothing beyond the run folder is opened, however the path is written", async () => {
  const server = await serve();
  const { run, folder } = await withFolder(server);
  symlinkSync("/etc", join(folder, "work/etc"));
  symlinkSync("/etc/passwd", join(folder, "work/passwd"));
  symlinkSync("../../../users.toml", join(folder, "work/users"));
  Bun.spawnSync(["mkfifo", join(folder, "work/fifo")]);
  writeFileSync(join(server.base, "users.toml"), "");
  const paths = [
    "../../../users.toml",
    "%2e%2e/%2e%2e/users.toml",
    "..%2f..%2fusers.toml",
    "work/%2e%2e/%2e%2e/users.toml",
    "/etc/passwd",
    "%2fetc%2fpasswd",
    "work/etc/passwd",
    "work/passwd",
    "work/users",
    "work/fifo",
    "work/model.bin%00.txt",
    "work//model.bin",
    "%252e%252e/x",
    "",
    "work",
  ];
  for (const path of paths) {
    const answer = await rawGet(server, `/runs/${run}/files/${path}`);
    expect([path, answer.slice(9, 12)]).toEqual([path, expect.stringMatching(/^4\d\d$/)]);
    expect(answer).not.toContain("root:");
  }
  for (const id of ["..", "%2e%2e", "2026-11-23_nobody", "x"]) {
    expect((await rawGet(server, `/runs/${id}/files/run_manifest.json`)).slice(9, 10)).toBe("4");
  }
  for (const path of ["..", "work/etc", "/etc", "work/../..", "a\0b"]) {
    expect((await server.try("files.list", { run, path })).error?.code).toMatch(/bad_path|not_found|usage/);
  }
});

test("entries say where they come from: the code that was sent, the script, or us", async () => {
  const server = await serve();
  const base = basePaths(server.base);
  const code = "print(1)\n";
  await storeBlob(base, Buffer.from(code), hashOf(code));
  const tree = {
    version: 1 as const,
    files: [{ path: "pkg/train.py", kind: "file" as const, size: code.length, hash: hashOf(code) }],
  };
  const { snapshot } = await server.ask("snapshot.commit", { tree });
  const offer = (hashes: string[]) => server.ask("snapshot.offer", { snapshot, hashes });
  expect(await offer([hashOf(code)])).toMatchObject({ known: true, all: false, missing: [] });
  const other = "f".repeat(64);
  expect(await offer([hashOf(code), other])).toMatchObject({ known: false, all: false, missing: [other] });
  const run = await queued(server, { snapshot });
  const { work } = base.run(run);
  mkdirSync(join(work, "pkg"), { recursive: true });
  mkdirSync(join(work, "out"));
  writeFileSync(join(work, "pkg/train.py"), code);
  writeFileSync(join(work, "out/model"), "weights");
  symlinkSync("..", join(work, "loop"));
  const { entries } = await server.ask("files.list", { run, recursive: true });
  const origin = (path: string) => entries.find((entry) => entry.path === path)?.origin;
  expect(origin("work/pkg/train.py")).toBe("code");
  expect(origin("work/pkg")).toBe("code");
  expect(origin("work/out/model")).toBe("artifact");
  expect(origin("work/out")).toBe("artifact");
  expect(origin("run_manifest.json")).toBe("record");
  writeFileSync(join(work, "pkg/train.py"), `${code}# changed\n`);
  const again = await server.ask("files.list", { run, path: "work/pkg" });
  expect(again.entries).toMatchObject([{ path: "work/pkg/train.py", origin: "artifact" }]);
  expect((await server.ask("files.list", { run, recursive: true, limit: 2 })).truncated).toBe(true);
  const lacking = await server.try("snapshot.commit", {
    tree: { version: 1, files: [{ path: "a", kind: "file", size: 1, hash: "e".repeat(64) }] },
  });
  expect(lacking.error?.code).toBe("snapshot_missing");
});
