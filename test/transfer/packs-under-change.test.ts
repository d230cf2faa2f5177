/** Packs that come, go, are cut by a full disk or were put there by hand, while somebody looks for what is in them. */
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileOps } from "../../src/core/durable.ts";
import { BlobBatch } from "../../src/run/blob-batch.ts";
import { hasBlob, loosePath, OpenPacks } from "../../src/run/blobs.ts";
import { ObjectPacks, packsFolder, packsOf } from "../../src/run/object-packs.ts";
import { checkoutSnapshot, readBlob, storeSnapshot } from "../../src/run/objects.ts";
import { PackWriter } from "../../src/run/pack-writer.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { prepareBase } from "../../src/run/store.ts";
import { memberName, packEnd, readPackRows, readRow, rowBytes, writeHeader, writeRow } from "../../src/run/tar-pack.ts";
import { tempFolder } from "../support/temp.ts";

const sha256 = (bytes: Uint8Array | string) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

function freshBase(): BasePaths {
  const base = basePaths(join(tempFolder(), "base"));
  prepareBase(base);
  return base;
}

function write(batch: BlobBatch, bytes: Buffer): void {
  const writer = batch.begin(sha256(bytes), bytes.length);
  writer.write(bytes);
  expect(writer.end()).toBeTrue();
}

/** A pack of these contents, however few, under that name. */
async function putPack(base: BasePaths, name: string, contents: readonly string[]): Promise<string> {
  fs.mkdirSync(packsFolder(base), { recursive: true });
  const path = join(packsFolder(base), `${name}.tar`);
  const writer = new PackWriter(path);
  for (const text of contents) {
    writer.begin();
    writer.write(Buffer.from(text));
    expect(writer.end(sha256(text))).toBeTrue();
  }
  await writer.finish();
  return path;
}

const hashesIn = (path: string) => {
  const rows = readPackRows(path);
  return Array.from({ length: rows.length / rowBytes }, (_, n) => readRow(rows, n * rowBytes).hash);
};

test("[K1 N5] a pack that a full disk cut in the middle of a write is never ended, also when there is room again", async () => {
  const base = freshBase();
  const wide = Array.from({ length: 40 }, (_, n) => Buffer.alloc(240_000, `wide ${n}`));
  const batch = new BlobBatch(base);
  const kept = fileOps.write;
  let writes = 0;
  fileOps.write = (fd, data) => {
    writes += 1;
    if (writes === 2) throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
    return kept(fd, writes === 1 ? data.subarray(0, 1000) : data);
  };
  try {
    expect(() => wide.map((bytes) => write(batch, bytes))).toThrow(expect.objectContaining({ code: "no_space" }));
    // As the receiver of an upload does with what had come whole.
    await expect(batch.publish()).rejects.toMatchObject({ code: "no_space" });
    await batch.publish();
  } finally {
    fileOps.write = kept;
    batch.discard();
  }
  expect(wide.filter((bytes) => hasBlob(base, sha256(bytes)))).toEqual([]);
  const again = new BlobBatch(base);
  for (const bytes of wide) write(again, bytes);
  await again.publish();
  again.discard();
  for (const bytes of wide) expect(sha256(readBlob(base, sha256(bytes)))).toBe(sha256(bytes));
});

test("[K2] a pack that is written anew while another process reads the packs for the first time is found", async () => {
  const base = freshBase();
  const folder = packsFolder(base);
  let path = await putPack(base, "pack", ["one"]);
  // Whoever lists them stops at the first pipe, and at the second until the pack has another name.
  expect(Bun.spawnSync(["mkfifo", join(folder, "p.tar"), join(folder, "q.tar")]).exitCode).toBe(0);
  const order = () => fs.readdirSync(folder);
  for (let n = 0; order().at(-1) !== path.slice(folder.length + 1); n += 1) {
    const other = join(folder, `pack${n}.tar`);
    fs.renameSync(path, other);
    path = other;
  }
  const [first, second] = order().map((name) => join(folder, name));
  const moving = Bun.spawn([
    ...["sh", "-c", ': > "$1"; mv "$3" "$4"; : > "$2"', "sh"],
    ...[first ?? "", second ?? "", path, join(folder, "moved.tar")],
  ]);
  const packs = new ObjectPacks(base);
  packs.refresh();
  await moving.exited;
  expect(packs.find(sha256("one"))?.pack.name).toBe("moved");
});

test("packs come and go, and each content is found for as long as one of its packs is there", async () => {
  const base = freshBase();
  const packs = new ObjectPacks(base);
  const texts = (n: number) => Array.from({ length: 7 }, (_, at) => `text ${n + at}`);
  const here = new Map<number, string>();
  for (let n = 0; n < 24; n += 1) {
    here.set(n, await putPack(base, `${n}`, texts(n * 5)));
    for (const [at, path] of [...here].slice(0, n % 3 === 0 ? 2 : 0)) {
      fs.rmSync(path);
      here.delete(at);
      if (at % 2 === 0) packs.forget([`${at}`]);
    }
    packs.refresh({ always: true });
    const held = new Set([...here.keys()].flatMap((at) => texts(at * 5)));
    for (let at = 0; at < 130; at += 1) expect(packs.find(sha256(`text ${at}`)) !== null).toBe(held.has(`text ${at}`));
  }
});

test("a tree whose contents lie in many packs holds few of them open", async () => {
  const base = freshBase();
  for (let n = 0; n < 40; n += 1) await putPack(base, `${n}`, [`text ${n}`]);
  const open = new OpenPacks();
  const fds = new Set(
    packsOf(base)
      .all()
      .map((pack) => open.fd(pack)),
  );
  expect(fds.size).toBeLessThanOrEqual(32);
  open.close();
  const files = Array.from({ length: 40 }, (_, n) => ({
    ...{ path: `${n}`, kind: "file", size: `text ${n}`.length, hash: sha256(`text ${n}`) },
  }));
  const work = join(tempFolder(), "work");
  await checkoutSnapshot(base, storeSnapshot(base, { version: 1, files }), work);
  for (const { path } of files) expect(fs.readFileSync(join(work, path), "utf8")).toBe(`text ${path}`);
});

test("[K9] links, folders and large files in a tar that somebody put there are no contents of it", async () => {
  const base = freshBase();
  fs.mkdirSync(packsFolder(base), { recursive: true });
  const from = tempFolder();
  const put = (text: string) => join(from, memberName(sha256(text)));
  for (const text of ["good", "link", "folder", "large"]) fs.mkdirSync(join(put(text), ".."), { recursive: true });
  fs.writeFileSync(put("good"), "good");
  fs.symlinkSync("/etc/passwd", put("link"));
  fs.mkdirSync(put("folder"));
  fs.writeFileSync(put("large"), Buffer.alloc(300_000));
  const byHand = join(packsFolder(base), "hand.tar");
  expect(Bun.spawnSync(["tar", "cf", byHand, "-C", from, ...fs.readdirSync(from)]).exitCode).toBe(0);
  expect(hashesIn(byHand)).toEqual([sha256("good")]);
  // Of a size that has no place in a row, in a file with a hole.
  const huge = join(packsFolder(base), "huge.tar");
  const header = Buffer.alloc(512);
  writeHeader(header, { name: memberName(sha256("huge")), size: 5 * 2 ** 30, mtimeMs: 0 });
  fs.writeFileSync(huge, header);
  fs.truncateSync(huge, 512 + 5 * 2 ** 30);
  expect(hashesIn(huge)).toEqual([]);
  // An index that tells of what is not in its tar.
  const row = Buffer.alloc(rowBytes);
  writeRow(row, 0, { hash: sha256("far"), offset: 2 ** 40, size: 10 });
  const far = join(packsFolder(base), "far.tar");
  fs.writeFileSync(far, packEnd(row, 0));
  expect(hashesIn(far)).toEqual([]);
  expect(hasBlob(base, sha256("good"))).toBeTrue();
  expect(Buffer.from(readBlob(base, sha256("good"))).toString()).toBe("good");
});

test("a tree that has a size wrong fails, and does not make a good content a damaged one", async () => {
  const base = freshBase();
  await putPack(base, "pack", ["packed"]);
  fs.mkdirSync(join(loosePath(base, sha256("loose")), ".."), { recursive: true });
  fs.writeFileSync(loosePath(base, sha256("loose")), "loose");
  for (const text of ["packed", "loose"]) {
    const files = [{ path: "f", kind: "file", size: text.length + 1, hash: sha256(text) }];
    const tree = storeSnapshot(base, { version: 1, files });
    const laying = checkoutSnapshot(base, tree, join(tempFolder(), "work"));
    expect(await laying.catch((cause) => cause.message)).toContain(`\`f\` has ${text.length + 1} bytes, but`);
    expect(Buffer.from(readBlob(base, sha256(text))).toString()).toBe(text);
  }
  expect(fs.existsSync(base.quarantine)).toBeFalse();
});
