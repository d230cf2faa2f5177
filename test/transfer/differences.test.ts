/** Changed files told by what they have in common with what the server has, and large ones resumed after a cut. */
import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { MlError } from "../../src/core/error.ts";
import { arrivedPath } from "../../src/run/blob-batch.ts";
import { loosePath } from "../../src/run/blobs.ts";
import { hasSnapshot, readBlob } from "../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { prepareBase } from "../../src/run/store.ts";
import { takeTree } from "../../src/server/trees.ts";
import { Ahead } from "../../src/transfer/ahead.ts";
import { blobHash } from "../../src/transfer/blob-hash.ts";
import { type BlockSums, decodeSums, encodeSums, sumBlocks } from "../../src/transfer/block-sums.ts";
import { memorySource } from "../../src/transfer/byte-source.ts";
import { decodeKept, encodeKept, FollowedSums } from "../../src/transfer/followed-sums.ts";
import { matchBlocks } from "../../src/transfer/match-blocks.ts";
import { arrivedOf } from "../../src/transfer/offer.ts";
import { keepInterrupted, receivePack, sweepStaging } from "../../src/transfer/receive.ts";
import { type Sender, sendSnapshot } from "../../src/transfer/send.ts";
import { SentMemory } from "../../src/transfer/sent-tree.ts";
import { defaultLimits } from "../../src/transfer/tree-limits.ts";
import { collectTree } from "../../src/transfer/walk.ts";
import { seeded } from "../support/seeded.ts";
import { answerHere } from "../support/snapshot-asks.ts";
import { tempFolder } from "../support/temp.ts";

const quick = { sleep: async () => {} };

function noise(size: number): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)));
  return bytes;
}

function sumsOf(bytes: Uint8Array): BlockSums {
  const steps = sumBlocks(memorySource(bytes));
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function rebuilt(old: Uint8Array, fresh: Uint8Array): { bytes: Buffer; newBytes: number } {
  const pieces: Uint8Array[] = [];
  let newBytes = 0;
  for (const { at, length, knownAt } of matchBlocks(memorySource(fresh), sumsOf(old))) {
    pieces.push(knownAt === null ? fresh.subarray(at, at + length) : old.subarray(knownAt, knownAt + length));
    if (knownAt === null) newBytes += length;
  }
  return { bytes: Buffer.concat(pieces), newBytes };
}

describe("matching blocks", () => {
  test("whatever is cut out, put in and moved around, the new content comes out exactly", () => {
    const random = seeded(7);
    const upTo = (most: number) => Math.floor(random() * most);
    for (let round = 0; round < 150; round += 1) {
      const old = noise(upTo(60_000));
      let fresh: Buffer = Buffer.from(old);
      for (let edits = upTo(5); edits > 0; edits -= 1) {
        const [at, to] = [upTo(fresh.length), upTo(fresh.length)];
        const middle = [noise(upTo(3000)), fresh.subarray(to, to + upTo(9000)), Buffer.alloc(upTo(5000))][upTo(3)];
        fresh = Buffer.concat([fresh.subarray(0, at), middle ?? Buffer.alloc(0), fresh.subarray(at + upTo(2000))]);
      }
      expect(rebuilt(old, fresh).bytes.equals(fresh)).toBeTrue();
    }
  });

  test("ten bytes overwritten or inserted cost about a block", () => {
    const old = noise(4_000_000);
    const overwritten = Buffer.from(old);
    overwritten.set(Buffer.from("0123456789"), 1_234_567);
    const inserted = Buffer.concat([old.subarray(0, 1_234_567), Buffer.from("0123456789"), old.subarray(1_234_567)]);
    const block = sumsOf(old).blockBytes;
    for (const fresh of [overwritten, inserted]) expect(rebuilt(old, fresh).newBytes).toBeLessThanOrEqual(block + 10);
    expect(rebuilt(old, old).newBytes).toBe(0);
  });

  test("the sums of what came of an edit follow from it, again and again, and find the next one", () => {
    const random = seeded(11);
    const first = noise(400_000);
    let [content, sums]: [Buffer, BlockSums] = [first, sumsOf(first)];
    for (let edit = 0; edit < 12; edit += 1) {
      const at = Math.floor(random() * content.length);
      const fresh = Buffer.concat([content.subarray(0, at), noise(10), content.subarray(at + 10 * (edit % 3))]);
      const followed = new FollowedSums(sums);
      const pieces: Buffer[] = [];
      let newBytes = 0;
      const source = memorySource(fresh);
      for (const stretch of matchBlocks(source, sums)) {
        const { at: from, length, knownAt } = stretch;
        followed.take(stretch, source);
        pieces.push(
          knownAt === null ? fresh.subarray(from, from + length) : content.subarray(knownAt, knownAt + length),
        );
        if (knownAt === null) newBytes += length;
      }
      expect(Buffer.concat(pieces).equals(fresh)).toBeTrue();
      expect(newBytes).toBeLessThan(5000);
      const next = followed.of(fresh.length);
      if (next !== null) expect(decodeKept(encodeKept(next))).toEqual(next);
      [content, sums] = [fresh, next ?? sumsOf(fresh)];
    }
    const broken = new FollowedSums(sumsOf(content));
    for (let at = 0; at < content.length; at += 300) {
      broken.take({ at, length: 300, knownAt: null, block: null }, memorySource(Buffer.alloc(content.length + 300)));
    }
    expect(broken.of(content.length)).toBeNull();
    expect(decodeKept(encodeKept(sumsOf(first)))).toEqual(sumsOf(first));
    const uneven = encodeKept({ ...sumsOf(first), starts: new Float64Array(sumsOf(first).weak.length) });
    for (const damaged of [uneven, uneven.subarray(1), Buffer.from([0, 0, 0, 0x80])])
      expect(decodeKept(damaged)).toBeNull();
  });

  test("sums survive their encoding, and what is none is told apart", () => {
    for (const size of [0, 1, 1024, 70_000, 5_000_000]) {
      const sums = sumsOf(noise(size));
      expect(decodeSums(encodeSums(sums))).toEqual(sums);
      expect(decodeSums(encodeSums(sums).subarray(1))).toBeNull();
    }
    expect(decodeSums(new Uint8Array(3))).toBeNull();
  });
});

/** A server in this process and a client with a memory; `wire` may cut what is PUT. */
function pair(wire: (stream: ReadableStream<Uint8Array>) => AsyncIterable<Uint8Array> = (stream) => stream) {
  const base: BasePaths = basePaths(join(tempFolder(), "base"));
  prepareBase(base);
  const asked: unknown[] = [];
  const sender: Sender = {
    ask: (async (name: string, body: Offer) => {
      asked.push(body);
      return answerHere(base, name, body);
    }) as Sender["ask"],
    put: async (path, stream) => (path === "/trees" ? takeTree(base, wire(stream)) : receivePack(base, wire(stream))),
  };
  const root = fs.realpathSync(tempFolder());
  const memory = new SentMemory(tempFolder(), root);
  const tree = () => collectTree({ cwd: root, limits: defaultLimits, cacheFolder: null });
  return {
    base,
    sender,
    asked,
    root,
    memory,
    tree,
    send: async () => sendSnapshot(sender, await tree(), { ...quick, memory }),
  };
}
interface Offer {
  snapshot: string;
  hashes: string[];
  base: string | null;
  bases: { at: number; base: string; sums?: boolean }[];
  tree: unknown;
}

describe("a large file that has been changed, on its way while it is hashed", () => {
  /** A large file that was sent, and one more send of what became of it. */
  async function sentBefore(wire?: Parameters<typeof pair>[0]) {
    const both = pair(wire);
    const { root, sender, memory, send } = both;
    const large = noise(9_000_000);
    fs.writeFileSync(join(root, "large"), large);
    fs.writeFileSync(join(root, "small"), "small");
    await send();
    both.asked.length = 0;
    const puts: string[] = [];
    const put: Sender["put"] = (path, stream, options) => {
      puts.push(path);
      return sender.put(path, stream, options);
    };
    const { signal } = new AbortController();
    const given = { sender: { put }, memory, compress: true, bytesPerSecond: null, signal, patienceMs: 60_000 };
    const ahead = () => new Ahead(given);
    const again = async () => {
      puts.length = 0;
      const going = ahead();
      const tree = await collectTree({ cwd: root, limits: defaultLimits, cacheFolder: null, ahead: going });
      const sent = await sendSnapshot({ ...sender, put }, tree, { ...quick, memory, ahead: going });
      return { tree, sent };
    };
    return { ...both, large, puts, again };
  }

  test("is built by the server under the name that comes of it, and the tree follows without a question", async () => {
    const { base, root, asked, large, puts, again } = await sentBefore();
    const edited = Buffer.concat([large.subarray(0, 5_000_000), Buffer.from("inserted"), large.subarray(5_000_000)]);
    for (const content of [edited, large.subarray(0, 8_500_000)]) {
      fs.writeFileSync(join(root, "large"), content);
      const { tree, sent } = await again();
      expect(puts).toEqual(["/blobs", "/trees"]);
      expect(sent).toMatchObject({ blobs: 1, rawBytes: content.length });
      expect(sent.wireBytes).toBeLessThan(10_000);
      expect(tree.files[0]?.hash).toBe(blobHash(content));
      expect(Buffer.from(readBlob(base, blobHash(content))).equals(content)).toBeTrue();
      expect(hasSnapshot(base, tree.hash)).toBeTrue();
    }
    expect(asked).toEqual([]);
    expect(fs.readdirSync(base.staging)).toEqual([]);
  });

  test("goes the usual way where much of it is new", async () => {
    const { base, root, large, puts, again } = await sentBefore();
    const other = Buffer.concat([large.subarray(0, 2_000_000), noise(7_000_000)]);
    fs.writeFileSync(join(root, "large"), other);
    const { tree, sent } = await again();
    expect(puts).toEqual(["/blobs", "/trees"]);
    expect(sent.wireBytes).toBeGreaterThan(7_000_000);
    expect(hasSnapshot(base, tree.hash)).toBeTrue();
    expect(fs.readdirSync(base.staging)).toEqual([]);
  });

  test("[N5] cut, or put together of another version than it was told by, it is sent again", async () => {
    let cuts = 0;
    const { base, root, large, puts, again } = await sentBefore(async function* (stream) {
      for await (const chunk of stream) {
        yield chunk;
        if (cuts === 0 || chunk.length <= 8) continue;
        cuts -= 1;
        throw new Error("connection reset");
      }
    });
    large.set(Buffer.from("edited"), 4_000_000);
    fs.writeFileSync(join(root, "large"), large);
    cuts = 1;
    const cut = await again();
    expect(puts).toEqual(["/blobs", "/trees"]);
    expect(hasSnapshot(base, cut.tree.hash)).toBeTrue();
    large.set(Buffer.from("edited"), 6_000_000);
    fs.writeFileSync(join(root, "large"), large);
    const before = loosePath(base, cut.tree.files[0]?.hash ?? "");
    fs.chmodSync(before, 0o644);
    fs.writeFileSync(before, Buffer.alloc(9_000_000));
    const { tree } = await again();
    expect(hasSnapshot(base, tree.hash)).toBeTrue();
    expect(Buffer.from(readBlob(base, blobHash(large))).equals(large)).toBeTrue();
  });
});

describe("sending what has changed", () => {
  test("an edit in a small file and one in a large file travel as a few bytes, by the sums of either side", async () => {
    const { base, root, asked, send, tree, memory } = pair();
    const large = noise(3_000_000);
    const small = noise(30_000);
    fs.writeFileSync(join(root, "large"), large);
    fs.writeFileSync(join(root, "small"), small);
    for (let at = 0; at < 300; at += 1) fs.writeFileSync(join(root, `other${at}`), `${at}`);
    expect((await send()).wireBytes).toBeGreaterThan(3_000_000);
    asked.length = 0;
    const edited = Buffer.concat([large.subarray(0, 1_000_000), Buffer.from("inserted"), large.subarray(1_000_000)]);
    small.set(Buffer.from("edited"), 20_000);
    fs.writeFileSync(join(root, "large"), edited);
    fs.writeFileSync(join(root, "small"), small);
    const sent = await send();
    expect(sent).toMatchObject({ blobs: 2, rawBytes: 3_030_008 });
    expect(sent.wireBytes).toBeLessThan(6000);
    expect(JSON.stringify(asked).length).toBeLessThan(3000);
    // What has changed once is told by sums that were kept, and its blocks are a few hundred bytes.
    small.set(Buffer.from("again"), 10_000);
    fs.writeFileSync(join(root, "small"), small);
    asked.length = 0;
    expect((await send()).wireBytes).toBeLessThan(1200);
    expect(asked).toEqual([]);
    for (const { hash, path } of (await tree()).files) {
      expect(Buffer.from(readBlob(base, hash)).equals(fs.readFileSync(join(root, path)))).toBeTrue();
    }
    expect(memory.tree()?.hash).toBe((await tree()).hash);
  });

  test("a server that has forgotten the tree, or a base that is not what it seems, gets all of it", async () => {
    const { base, root, send, tree, memory } = pair();
    fs.writeFileSync(join(root, "large"), noise(2_000_000));
    await send();
    const { files, hash } = await tree();
    fs.rmSync(join(base.snapshots, `${hash}.json`));
    fs.appendFileSync(join(root, "large"), "more");
    expect((await send()).wireBytes).toBeLessThan(10_000);
    const [was] = (await tree()).files;
    // Sums of something else: the result fails its check, and the file is sent whole.
    memory.keepSums(new Map([[was?.hash ?? "", sumsOf(noise(2_000_004))]]));
    fs.appendFileSync(join(root, "large"), "and more");
    await send();
    expect(hasSnapshot(base, (await tree()).hash)).toBeTrue();
    expect(files).toHaveLength(1);
  });
});

describe("a change and its contents in one request", () => {
  /** The body that a second edit of a small file makes, and what the server has before. */
  async function body() {
    let last: Uint8Array = new Uint8Array();
    const { base, root, send, tree } = pair(async function* (stream) {
      last = new Uint8Array(await new Response(stream).arrayBuffer());
      yield last;
    });
    const small = noise(20_000);
    for (const mark of ["one", "two", "three"]) {
      small.set(Buffer.from(mark), 5000);
      fs.writeFileSync(join(root, "small"), small);
      await send();
    }
    return { base, body: last, hash: (await tree()).hash };
  }
  const stream = async function* (bytes: Uint8Array) {
    for (let at = 0; at < bytes.length; at += 7) yield bytes.subarray(at, at + 7);
  };

  test("[N5] arrives in pieces of any size, twice does no harm, and cut anywhere it stores no tree", async () => {
    const { base, body: whole, hash } = await body();
    const name = join(base.snapshots, `${hash}.json`);
    expect(hasSnapshot(base, hash)).toBeTrue();
    expect(await takeTree(base, stream(whole))).toBe(hash);
    fs.rmSync(name);
    for (let at = 0; at < whole.length; at += 37) {
      await expect(takeTree(base, stream(whole.subarray(0, at)))).rejects.toBeInstanceOf(MlError);
      expect(fs.existsSync(name)).toBeFalse();
    }
    expect(await takeTree(base, stream(whole))).toBe(hash);
  });

  test("what names a tree or contents that are not here is told what is lacking", async () => {
    const { body: whole, hash } = await body();
    const empty = pair().base;
    await expect(takeTree(empty, stream(whole))).rejects.toMatchObject({ code: "snapshot_missing" });
    expect(hasSnapshot(empty, hash)).toBeFalse();
  });

  test("[S8] a length beyond the limit, deep JSON and what is no tree are refused before anything is stored", async () => {
    const { base } = pair();
    const framed = (text: string, length = text.length) => {
      const bytes = Buffer.from(`....${text}`);
      bytes.writeUInt32LE(length, 0);
      return stream(bytes);
    };
    await expect(takeTree(base, framed("{}", 2 ** 31))).rejects.toMatchObject({ code: "too_large" });
    await expect(takeTree(base, framed("[".repeat(1000)))).rejects.toMatchObject({ code: "too_large" });
    for (const text of ["{}", "no JSON"])
      await expect(takeTree(base, framed(text))).rejects.toMatchObject({ code: "usage" });
    expect(fs.readdirSync(base.snapshots)).toEqual([]);
  });
});

describe("a large file that was cut", () => {
  async function cutAfter(bytes: number) {
    let cuts = 1;
    const { sender, root, base, ...rest } = pair(async function* (stream) {
      let passed = 0;
      for await (const chunk of stream) {
        passed += chunk.length;
        if (cuts > 0 && passed > bytes) {
          cuts -= 1;
          throw new Error("connection reset");
        }
        yield chunk;
      }
    });
    fs.writeFileSync(join(root, "large"), noise(6_000_000));
    return { sender, root, base, ...rest };
  }

  test("[N5] goes on where it stopped, and is stored only when all of it has the right sum", async () => {
    const { base, send, tree } = await cutAfter(5_000_000);
    const sent = await send();
    expect(sent.wireBytes).toBeLessThan(3_000_000);
    expect(readBlob(base, (await tree()).files[0]?.hash ?? "")).toHaveLength(6_000_000);
    expect(fs.readdirSync(base.staging)).toEqual([]);
  });

  test("[N5] what arrived of it and is damaged is not built upon", async () => {
    const { base, send, tree, sender } = await cutAfter(5_000_000);
    const hash = (await tree()).files[0]?.hash ?? "";
    await expect(sendSnapshot(sender, await tree(), { ...quick, tries: 1 })).rejects.toThrow("nothing was queued");
    const fd = fs.openSync(arrivedPath(base, hash), "r+");
    fs.writeSync(fd, "damage", 1000);
    fs.closeSync(fd);
    expect((await send()).wireBytes).toBeGreaterThan(6_000_000);
    expect(readBlob(base, hash)).toHaveLength(6_000_000);
  });

  test("[N5] a server that was killed meanwhile finds what it had; after a day it is swept", async () => {
    const base = basePaths(join(tempFolder(), "base"));
    prepareBase(base);
    const hash = "a".repeat(64);
    fs.mkdirSync(join(base.staging, "blobs-x-1-1"));
    fs.writeFileSync(join(base.staging, "blobs-x-1-1", hash), noise(2_000_000));
    keepInterrupted(base);
    expect((await arrivedOf(base, [hash]))[0]?.bytes).toBe(2_000_000);
    fs.utimesSync(arrivedPath(base, hash), 1000, 1000);
    sweepStaging(base, 24 * 3_600_000);
    expect(await arrivedOf(base, [hash])).toEqual([]);
  });
});
