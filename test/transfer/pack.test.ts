import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { hasBlob } from "../../src/run/blobs.ts";
import { readBlob } from "../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { prepareBase } from "../../src/run/store.ts";
import { packBlobs } from "../../src/transfer/pack.ts";
import type { PackEntry } from "../../src/transfer/pack-content.ts";
import { blockHeader, entryHeader, packMagic } from "../../src/transfer/pack-format.ts";
import { receiveLimits, receivePack, sweepStaging } from "../../src/transfer/receive.ts";
import { tempFolder } from "../support/temp.ts";

function freshBase(): BasePaths {
  const base = basePaths(join(tempFolder(), "base"));
  prepareBase(base);
  return base;
}
const sha256 = (bytes: Uint8Array) => new Bun.CryptoHasher("sha256").update(bytes).digest("hex");

function entry(content: string | Uint8Array): PackEntry {
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  return { hash: sha256(bytes), size: bytes.length, path: "x", from: { bytes } };
}
const collected = async (entries: PackEntry[]) =>
  Buffer.from(await new Response(packBlobs(entries).stream).arrayBuffer());

/** The bytes in chunks of `size`, as a connection would bring them. */
async function* chunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
function block(raw: Uint8Array): Buffer {
  const stored = Bun.zstdCompressSync(raw);
  const body = stored.length < raw.length ? stored : raw;
  return Buffer.concat([blockHeader(raw.length, body.length), body]);
}
const noise = (size: number) => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)));
  return bytes;
};

function turnIntoLink(path: string): void {
  fs.rmSync(path);
  fs.symlinkSync("/etc/passwd", path);
}

/** Every blob that is visible has the content that its name says. */
function checkAll(base: BasePaths): number {
  let count = 0;
  for (const folder of fs.readdirSync(base.objects)) {
    for (const name of fs.readdirSync(join(base.objects, folder))) {
      expect(sha256(fs.readFileSync(join(base.objects, folder, name)))).toBe(folder + name);
      count += 1;
    }
  }
  expect(fs.readdirSync(base.staging)).toEqual([]);
  return count;
}

describe("a pack", () => {
  test("brings blobs of every size whole, in chunks of any size", async () => {
    const folder = tempFolder();
    const large = noise(2_500_000);
    fs.writeFileSync(join(folder, "large"), large);
    const entries = [
      entry(""),
      entry("a"),
      entry("b".repeat(3_000_000)),
      entry(noise(1024 * 1024 - 40)),
      { hash: sha256(large), size: large.length, path: "large", from: { file: join(folder, "large") } },
    ];
    const pack = await collected(entries);
    expect(pack.length).toBeLessThan(3_700_000);
    for (const size of [1 << 20, 65_537, 4093]) {
      const base = freshBase();
      expect(await receivePack(base, chunks(pack, size))).toEqual({ entries: 5 });
      for (const { hash, size } of entries) expect(readBlob(base, hash).length).toBe(size);
      expect(checkAll(base)).toBe(5);
    }
    expect(await receivePack(freshBase(), chunks(await collected([])))).toEqual({ entries: 0 });
  });

  test("[N5] cut at any byte it stores only what arrived whole", async () => {
    const pack = await collected([entry("one"), entry("two"), entry(noise(300))]);
    const base = freshBase();
    for (let length = 0; length < pack.length; length += 1) {
      await expect(receivePack(base, chunks(pack.subarray(0, length)))).rejects.toMatchObject({ code: "refused" });
    }
    checkAll(base);
    await receivePack(base, chunks(pack));
    expect(checkAll(base)).toBe(3);
  }, 120_000);

  test("[N5] damaged at any byte it never stores a wrong blob", async () => {
    const pack = await collected([entry("one"), entry("two".repeat(50)), entry(noise(100))]);
    const base = freshBase();
    for (let at = 0; at < pack.length; at += 1) {
      const bad = Buffer.from(pack);
      bad[at] = (bad[at] ?? 0) ^ (1 << (at % 8));
      await receivePack(base, chunks(bad)).catch((cause) => expect(["refused", "too_large"]).toContain(cause.code));
    }
    checkAll(base);
  }, 120_000);

  test("[N5] what arrived whole before the connection was cut is kept", async () => {
    const [first, second] = [entry(noise(1_500_000)), entry(noise(1_500_000))];
    const pack = await collected([first, second]);
    const base = freshBase();
    async function* cut() {
      yield* chunks(pack.subarray(0, 2_800_000), 65_536);
      throw new Error("connection reset");
    }
    await expect(receivePack(base, cut())).rejects.toThrow("connection reset");
    expect([hasBlob(base, first.hash), hasBlob(base, second.hash)]).toEqual([true, false]);
    checkAll(base);
  });

  test("[S8] a bomb is refused before it is unpacked", async () => {
    const base = freshBase();
    const bomb = Bun.zstdCompressSync(new Uint8Array(64 * 1024 * 1024));
    const lying = Buffer.concat([packMagic, blockHeader(1024 * 1024, bomb.length), bomb]);
    await expect(receivePack(base, chunks(lying))).rejects.toMatchObject({ code: "refused" });
    const huge = Buffer.concat([packMagic, blockHeader(64 * 1024 * 1024, bomb.length), bomb]);
    await expect(receivePack(base, chunks(huge))).rejects.toThrow("impossible length");
    const header = entryHeader(sha256(new Uint8Array(0)), 2 ** 40);
    const vast = Buffer.concat([packMagic, block(header)]);
    await expect(receivePack(base, chunks(vast))).rejects.toMatchObject({ code: "too_large" });
    const limits = { ...receiveLimits, totalBytes: 1_000_000 };
    const zeros = await collected([entry(new Uint8Array(900_000)), entry(new Uint8Array(900_001))]);
    expect(zeros.length).toBeLessThan(1000);
    await expect(receivePack(base, chunks(zeros), { limits })).rejects.toMatchObject({ code: "too_large" });
    const many = await collected([entry("1"), entry("2"), entry("3")]);
    await expect(receivePack(base, chunks(many), { limits: { ...receiveLimits, entries: 2 } })).rejects.toThrow(
      "more than 2 files",
    );
    checkAll(base);
  });

  test("trailing bytes, a wrong count and a foreign format are refused", async () => {
    const base = freshBase();
    const pack = await collected([entry("one")]);
    await expect(receivePack(base, chunks(Buffer.concat([pack, Buffer.from("x")])))).rejects.toThrow("does not end");
    const wrong = Buffer.concat([packMagic, block(entryHeader(null, 7)), blockHeader(0, 0)]);
    await expect(receivePack(base, chunks(wrong))).rejects.toThrow("number of files");
    await expect(receivePack(base, chunks(Buffer.from("PK\x03\x04 and so on")))).rejects.toThrow("no pack");
  });

  test.each([
    ["changed", (path: string) => fs.writeFileSync(path, "TWO")],
    ["shorter", (path: string) => fs.writeFileSync(path, "t")],
    ["gone", (path: string) => fs.rmSync(path)],
    ["a link now", turnIntoLink],
  ])("a file that is %s when it is read ends the pack with its name", async (_, change) => {
    const path = join(tempFolder(), "two.py");
    fs.writeFileSync(path, "two");
    const file: PackEntry = { ...entry("two"), path: "two.py", from: { file: path } };
    change(path);
    const pack = packBlobs([entry("one"), file]);
    await expect(new Response(pack.stream).arrayBuffer()).rejects.toThrow("`two.py` changed while it was being sent");
    expect(pack.failure()?.code).toBe("conflict");
  });
});

test("[N5] staging is swept of what is old, and of nothing else", () => {
  const base = freshBase();
  fs.mkdirSync(join(base.staging, "old/deep"), { recursive: true });
  fs.mkdirSync(join(base.staging, "young"));
  fs.utimesSync(join(base.staging, "old"), 1000, 1000);
  expect(sweepStaging(base, 24 * 3_600_000)).toBe(1);
  expect(fs.readdirSync(base.staging)).toEqual(["young"]);
});
