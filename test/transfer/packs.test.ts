/** Many small contents in one pack: what it is to `tar`, to a reader, to another process, and once it is damaged. */
import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileOps } from "../../src/core/durable.ts";
import { BlobBatch } from "../../src/run/blob-batch.ts";
import { hasBlob, hashBlob, loosePath, openBlob } from "../../src/run/blobs.ts";
import { ObjectPacks, packsFolder, packsOf } from "../../src/run/object-packs.ts";
import { checkoutSnapshot, missingBlobs, readBlob, storeSnapshot } from "../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { prepareBase } from "../../src/run/store.ts";
import { readPackRows, readRow, rowBytes } from "../../src/run/tar-pack.ts";
import { knownBases } from "../../src/transfer/offer.ts";
import { keepInterrupted, sweepStaging } from "../../src/transfer/receive.ts";
import { tempFolder } from "../support/temp.ts";

const sha256 = (bytes: Uint8Array | string) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
const content = (n: number) => Buffer.from(`content ${n} `.repeat(n % 90));

function freshBase(folder = join(tempFolder(), "base")): BasePaths {
  const base = basePaths(folder);
  prepareBase(base);
  return base;
}

/** Stores contents in one batch; returns their hashes. */
async function store(base: BasePaths, contents: readonly Buffer[]): Promise<string[]> {
  const batch = new BlobBatch(base);
  const hashes = contents.map((bytes) => {
    const writer = batch.begin(sha256(bytes), bytes.length);
    writer.write(bytes.subarray(0, 100));
    writer.write(bytes.subarray(100));
    expect(writer.end()).toBeTrue();
    return sha256(bytes);
  });
  await batch.publish();
  batch.discard();
  expect(fs.readdirSync(base.staging)).toEqual([]);
  return hashes;
}

const many = (from = 0, count = 70) => Array.from({ length: count }, (_, n) => content(from + n + 1));
const packsIn = (base: BasePaths) =>
  (fs.existsSync(packsFolder(base)) ? fs.readdirSync(packsFolder(base)) : []).map((name) =>
    join(packsFolder(base), name),
  );
const filesIn = (base: BasePaths) =>
  fs
    .readdirSync(base.objects)
    .filter((name) => name !== "packs")
    .flatMap((name) => fs.readdirSync(join(base.objects, name)));

/** The same base seen by somebody who knows nothing of it yet. */
function unknown(base: BasePaths): BasePaths {
  const folder = join(tempFolder(), "link");
  fs.symlinkSync(base.base, folder);
  return basePaths(folder);
}

describe("many small contents", () => {
  test("become one pack, few become files, and large ones stay files", async () => {
    const base = freshBase();
    await store(base, many(0, 64));
    expect([packsIn(base).length, filesIn(base).length]).toEqual([0, 64]);
    const large = Buffer.alloc(300_000, "large");
    const hashes = await store(base, [...many(100, 65), large, content(101)]);
    expect([packsIn(base).length, filesIn(base).length]).toEqual([1, 65]);
    expect(fs.existsSync(loosePath(base, sha256(large)))).toBeTrue();
    for (const hash of hashes) expect(sha256(readBlob(base, hash))).toBe(hash);
    const [pack = ""] = packsIn(base);
    expect(fs.statSync(pack).mode & 0o777).toBe(0o444);
    expect(missingBlobs(unknown(base), hashes)).toEqual([]);
    // More than is held in memory at once.
    const wide = Array.from({ length: 40 }, (_, n) => Buffer.alloc(240_000, `wide ${n}`));
    for (const hash of await store(base, wide)) expect(await hashBlob(base, hash)).toBe(hash);
    expect(packsIn(base)).toHaveLength(2);
  });

  test("`tar` alone turns a pack into the files that they would have been", async () => {
    const base = freshBase();
    const hashes = await store(base, many());
    const [pack = ""] = packsIn(base);
    const listed = Bun.spawnSync(["tar", "tf", pack]);
    expect(listed.stderr.toString()).toBe("");
    expect(listed.stdout.toString().split("\n")).toHaveLength(72);
    expect(Bun.spawnSync(["tar", "xf", pack, "-C", base.objects, "--exclude=index"]).exitCode).toBe(0);
    fs.rmSync(pack);
    expect(missingBlobs(unknown(base), hashes)).toEqual([]);
    for (const hash of hashes) expect(sha256(fs.readFileSync(loosePath(base, hash)))).toBe(hash);
  });

  test("one that has not its hash is refused, and the others are kept", async () => {
    const base = freshBase();
    const batch = new BlobBatch(base);
    for (const [n, bytes] of many().entries()) {
      const isBad = n % 7 === 0;
      const writer = batch.begin(sha256(bytes), isBad ? 5 : bytes.length);
      writer.write(isBad ? Buffer.alloc(n === 7 ? 400_000 : 5) : bytes);
      expect(writer.end()).toBe(!isBad);
    }
    // Begun and never ended.
    batch.begin(sha256("cut"), 3).write(Buffer.from("cu"));
    await batch.publish();
    batch.discard();
    for (const [n, bytes] of many().entries()) expect(hasBlob(base, sha256(bytes))).toBe(n % 7 !== 0);
    expect(hasBlob(base, sha256("cut"))).toBeFalse();
  });

  test("a tree is laid out from a pack, and a changed content is told by one in it", async () => {
    const base = freshBase();
    const hashes = await store(base, many());
    const files = many().map((bytes, n) => ({
      path: `d${n % 5}/f${n}`,
      kind: "file",
      size: bytes.length,
      hash: sha256(bytes),
    }));
    const tree = storeSnapshot(base, { version: 1, files });
    const work = join(tempFolder(), "work");
    await checkoutSnapshot(unknown(base), tree, work);
    for (const { path, hash } of files) expect(sha256(fs.readFileSync(join(work, path)))).toBe(hash);
    const known = await knownBases(base, {
      ...{
        hashes: ["f".repeat(64)],
        missing: new Set(["f".repeat(64)]),
        offered: [{ at: 0, base: hashes[60] ?? "", sums: true }],
      },
    });
    expect(known[0]?.length).toBeGreaterThan(10);
  });

  test("what another process stores is found, and a pack that was written anew is read in its new place", async () => {
    const base = freshBase();
    const [first = ""] = await store(base, many());
    const other = unknown(base);
    expect(hasBlob(other, first)).toBeTrue();
    const [later = ""] = await store(base, many(200));
    expect(hasBlob(other, later)).toBeTrue();
    const old = packsOf(other).find(later)?.pack.path ?? "";
    fs.renameSync(old, old.replace(".tar", "-new.tar"));
    expect(sha256(readBlob(other, later))).toBe(later);
    fs.rmSync(old.replace(".tar", "-new.tar"));
    expect(openBlob(other, later)).toBeNull();
    expect(() => readBlob(other, later)).toThrow(expect.objectContaining({ code: "snapshot_missing" }));
    expect(sha256(readBlob(other, first))).toBe(first);
  });
});

describe("a damaged pack", () => {
  function tampered(pack: string, change: (bytes: Buffer) => Buffer): void {
    const bytes = fs.readFileSync(pack);
    fs.rmSync(pack);
    fs.writeFileSync(pack, change(bytes), { mode: 0o444 });
  }

  test("[D10] a content that is not what its hash says is set aside for everybody, and can be sent again", async () => {
    const base = freshBase();
    const hashes = await store(base, many());
    const hash = hashes[50] ?? "";
    const place = packsOf(base).find(hash);
    tampered(place?.pack.path ?? "", (bytes) => {
      bytes[place?.offset ?? 0] = 0;
      return bytes;
    });
    expect(await hashBlob(base, hash)).not.toBe(hash);
    expect(() => readBlob(base, hash)).toThrow(expect.objectContaining({ code: "failed" }));
    expect(fs.readdirSync(base.quarantine)).toEqual([`blob-${hash}`]);
    for (const seen of [base, unknown(base)]) expect(missingBlobs(seen, hashes)).toEqual([hash]);
    await store(base, many());
    for (const each of hashes) expect(sha256(readBlob(base, each))).toBe(each);
    expect(missingBlobs(unknown(base), hashes)).toEqual([]);
  });

  test("[K9] with a bit flipped anywhere it brings no wrong content, and with a bad index all of it", async () => {
    const base = freshBase();
    const hashes = await store(base, many(0, 66));
    const [pack = ""] = packsIn(base);
    const good = fs.readFileSync(pack);
    const rows = readPackRows(pack);
    const end = readRow(rows, rows.length - rowBytes);
    for (let at = 0; at < good.length; at += at > end.offset ? 301 : 1999) {
      tampered(pack, () => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] ?? 0) ^ 4;
        return bad;
      });
      const packs = new ObjectPacks(base);
      packs.refresh();
      if (at > end.offset + end.size) for (const hash of hashes) expect(packs.find(hash)).not.toBeNull();
      for (const hash of hashes) {
        const place = packs.find(hash);
        if (place === null) continue;
        const isOver = at >= place.offset && at < place.offset + place.size;
        const bytes = fs.readFileSync(pack).subarray(place.offset, place.offset + place.size);
        expect(sha256(bytes) === hash).toBe(!isOver);
      }
    }
  });

  test("[K9 N5] cut off at any place it brings what lies before, and the rest is sent again", async () => {
    const base = freshBase();
    const hashes = await store(base, many(0, 66));
    const [pack = ""] = packsIn(base);
    const good = fs.readFileSync(pack);
    for (let length = 0; length < good.length; length += 1501) {
      tampered(pack, () => good.subarray(0, length));
      const packs = new ObjectPacks(base);
      packs.refresh();
      for (const hash of hashes) {
        const place = packs.find(hash);
        if (place !== null) expect(sha256(good.subarray(place.offset, place.offset + place.size))).toBe(hash);
        if (place !== null) expect(place.offset + place.size).toBeLessThanOrEqual(length);
      }
    }
    tampered(pack, () => good.subarray(0, good.length / 2));
    const other = unknown(base);
    expect(missingBlobs(other, hashes).length).toBeGreaterThan(0);
    await store(other, many(0, 66));
    for (const hash of hashes) expect(sha256(readBlob(other, hash))).toBe(hash);
    // Who knew the pack when it was whole notices as well.
    const short = hashes.at(-1) ?? "";
    expect(() => readBlob(base, short)).toThrow(expect.objectContaining({ code: "failed" }));
    expect(sha256(readBlob(base, short))).toBe(short);
  });

  test("[K9] something else under its name, or its list of damage, stops nobody", async () => {
    const base = freshBase();
    const hashes = await store(base, many());
    const folder = packsFolder(base);
    const [pack = ""] = packsIn(base);
    fs.writeFileSync(join(folder, "empty.tar"), "");
    fs.writeFileSync(join(folder, "noise.tar"), crypto.getRandomValues(Buffer.alloc(5000)));
    fs.writeFileSync(join(folder, ".x.damaged.1-1.tmp"), "x");
    fs.mkdirSync(join(folder, "folder.tar"));
    fs.symlinkSync("/etc/passwd", join(folder, "link.tar"));
    fs.writeFileSync(pack.replace(/\.tar$/, ".damaged"), "no hash\n\0\n");
    expect(missingBlobs(unknown(base), hashes)).toEqual([]);
  });
});

test("a pack of the first form is read as it was, for ever", () => {
  const base = freshBase();
  fs.mkdirSync(packsFolder(base));
  fs.copyFileSync(join(import.meta.dir, "../data/pack-1.tar"), join(packsFolder(base), "first.tar"));
  for (const text of ["", "one\n", "two ".repeat(200)])
    expect(Buffer.from(readBlob(base, sha256(text))).toString()).toBe(text);
});

test("[K8] a pack is on the disk before it has its name, and has its name there before anybody is told", async () => {
  const base = freshBase();
  const done: string[] = [];
  const kept = { ...fileOps };
  const paths = new Map<number, string>();
  fileOps.open = (path, flags, mode) => {
    const fd = kept.open(path, flags, mode);
    paths.set(fd, path);
    return fd;
  };
  fileOps.write = (fd, data) => {
    done.push(`write ${basename(paths.get(fd) ?? "")}`);
    return kept.write(fd, data);
  };
  const synced = (fd: number) => done.push(`sync ${basename(paths.get(fd) ?? "")}`);
  fileOps.fsync = (fd) => {
    kept.fsync(fd);
    synced(fd);
  };
  fileOps.fsyncAside = async (fd) => {
    await kept.fsyncAside(fd);
    synced(fd);
  };
  fileOps.rename = (from, to) => {
    kept.rename(from, to);
    done.push(`rename ${basename(from)} to ${basename(dirname(to))}`);
  };
  try {
    await store(base, many());
  } finally {
    Object.assign(fileOps, kept);
  }
  expect(done).toEqual([
    ...["write pack.tar", "write pack.tar", "sync pack.tar"],
    ...["rename pack.tar to packs", "sync objects", "sync packs"],
  ]);
});

test("[N5] a pack that was being written as the server was killed is no file of somebody's, and is swept", async () => {
  const base = freshBase();
  const folder = join(base.staging, "blobs-x-1-1");
  fs.mkdirSync(folder);
  fs.writeFileSync(join(folder, "pack.tar"), Buffer.alloc(2_000_000));
  fs.writeFileSync(join(folder, "a".repeat(64)), Buffer.alloc(2_000_000));
  keepInterrupted(base);
  expect(fs.readdirSync(base.staging).sort()).toEqual([`arrived-${"a".repeat(64)}`, "blobs-x-1-1"]);
  expect(sweepStaging(base, -1)).toBe(2);
  expect(fs.existsSync(packsFolder(base))).toBeFalse();
});
