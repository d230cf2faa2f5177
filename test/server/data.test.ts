/** Pushed data: who may, where it lands, and what becomes of what had the name before. */
import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BlobBatch } from "../../src/run/blob-batch.ts";
import { loosePath } from "../../src/run/blobs.ts";
import { packsOf } from "../../src/run/object-packs.ts";
import { storeBlob } from "../../src/run/objects.ts";
import { basePaths } from "../../src/run/paths.ts";
import type { SnapshotFile } from "../../src/run/snapshot.ts";
import { blobHash } from "../../src/transfer/blob-hash.ts";
import { serve, type TestServer } from "./harness.ts";

/** Stores the tree of `texts` and gives its name; a path that ends in `!` is executable. */
async function stored(server: TestServer, texts: Record<string, string>): Promise<string> {
  const files: SnapshotFile[] = [];
  for (const [name, text] of Object.entries(texts)) {
    const hash = blobHash(text);
    await storeBlob(basePaths(server.base), Buffer.from(text), hash);
    const path = name.replace(/!$/, "");
    files.push({ path, kind: name === path ? "file" : "exec", size: Buffer.byteLength(text), hash });
  }
  return (await server.ask("snapshot.commit", { tree: { version: 1, files } })).snapshot;
}

test("pushed data lands whole under the asker's name, read-only, and takes the place of what was there", async () => {
  const server = await serve();
  const key = (await server.ask("key.add", { user: "ada", role: "user" })).key;
  const first = await stored(server, { "a/train.csv": "1,2\n", "gone.csv": "old", "fetch.sh!": "#!/bin/sh\n" });
  const put = await server.as(key, "data.put", { name: "set", snapshot: first });
  const folder = join(server.base, "data", "ada", "set");
  expect(put.reply).toEqual({ folder, files: 3, size_bytes: 17 });
  expect(statSync(join(folder, "a/train.csv")).mode & 0o777).toBe(0o444);
  expect(statSync(join(folder, "a/train.csv")).ino).toBe(
    statSync(loosePath(basePaths(server.base), blobHash("1,2\n"))).ino,
  );
  expect(statSync(join(folder, "fetch.sh")).mode & 0o777).toBe(0o555);
  expect(Bun.spawnSync([join(folder, "fetch.sh")]).exitCode).toBe(0);
  const second = await stored(server, { "a/train.csv": "3,4\n" });
  await server.as(key, "data.put", { name: "set", snapshot: second });
  expect(readdirSync(folder)).toEqual(["a"]);
  expect(readFileSync(join(folder, "a/train.csv"), "utf8")).toBe("3,4\n");
});

test("what lies in a pack is copied out of it, and what is damaged there is not pushed", async () => {
  const server = await serve();
  const base = basePaths(server.base);
  const batch = new BlobBatch(base);
  const files = Array.from({ length: 70 }, (_, n): SnapshotFile => {
    const text = `row ${n}\n`;
    const writer = batch.begin(blobHash(text), text.length);
    writer.write(Buffer.from(text));
    writer.end();
    return { path: `d/${n}`, kind: n === 3 ? "exec" : "file", size: text.length, hash: blobHash(text) };
  });
  await batch.publish();
  batch.discard();
  const { snapshot } = await server.ask("snapshot.commit", { tree: { version: 1, files } });
  const put = await server.ask("data.put", { name: "set", snapshot });
  expect(put.files).toBe(70);
  expect(readFileSync(join(put.folder, "d/69"), "utf8")).toBe("row 69\n");
  expect(statSync(join(put.folder, "d/2")).mode & 0o777).toBe(0o444);
  expect(statSync(join(put.folder, "d/3")).mode & 0o777).toBe(0o555);
  const place = packsOf(base).find(blobHash("row 69\n"));
  const bytes = readFileSync(place?.pack.path ?? "");
  bytes[place?.offset ?? 0] = 0;
  rmSync(place?.pack.path ?? "");
  writeFileSync(place?.pack.path ?? "", bytes);
  expect((await server.try("data.put", { name: "set", snapshot })).error?.message).toContain("damaged");
  expect(readFileSync(join(put.folder, "d/69"), "utf8")).toBe("row 69\n");
});

test("a viewer puts no data, and no name leads out of one's own folder", async () => {
  const server = await serve();
  const snapshot = await stored(server, { "a.csv": "1\n" });
  const viewer = (await server.ask("key.add", { user: "eve", role: "viewer" })).key;
  expect((await server.as(viewer, "data.put", { name: "set", snapshot })).error?.code).toBe("not_allowed");
  const user = (await server.ask("key.add", { user: "bob", role: "user" })).key;
  for (const name of ["../ada", "..", ".hidden", "a/b", "", "a\nb", "x".repeat(129)]) {
    expect((await server.as(user, "data.put", { name, snapshot })).error?.code).toBe("usage");
  }
  const missing = await server.as(user, "data.put", { name: "set", snapshot: "0".repeat(64) });
  expect(missing.error?.code).toBe("snapshot_missing");
  expect(existsSync(join(server.base, "data", "bob"))).toBeFalse();
});
