import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { MlError } from "../../src/core/error.ts";
import { hasSnapshot, readBlob } from "../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { snapshotText } from "../../src/run/snapshot.ts";
import { prepareBase } from "../../src/run/store.ts";
import { takeTree } from "../../src/server/trees.ts";
import { blobHash } from "../../src/transfer/blob-hash.ts";
import { receivePack } from "../../src/transfer/receive.ts";
import { type Sender, sendSnapshot } from "../../src/transfer/send.ts";
import { SentMemory } from "../../src/transfer/sent-tree.ts";
import { defaultLimits } from "../../src/transfer/tree-limits.ts";
import { collectTree } from "../../src/transfer/walk.ts";
import { answerHere } from "../support/snapshot-asks.ts";
import { tempFolder } from "../support/temp.ts";

const quick = { sleep: async () => {} };

/** A server in this process; `wire` may cut or change what is PUT. */
function server(wire: (stream: ReadableStream<Uint8Array>) => AsyncIterable<Uint8Array> = (stream) => stream) {
  const base: BasePaths = basePaths(join(tempFolder(), "base"));
  prepareBase(base);
  const offers: number[] = [];
  const sender: Sender = {
    ask: (async (name: string, body: unknown) => {
      const reply = await answerHere(base, name, body);
      if ("missing" in reply)
        offers.push(reply.all ? (body as { hashes: string[] }).hashes.length : reply.missing.length);
      return reply;
    }) as Sender["ask"],
    put: async (path, stream) => (path === "/trees" ? takeTree(base, wire(stream)) : receivePack(base, wire(stream))),
  };
  return { base, sender, offers };
}

async function tree(files: Record<string, string>) {
  const root = fs.realpathSync(tempFolder());
  for (const [path, text] of Object.entries(files)) {
    fs.mkdirSync(join(root, path, ".."), { recursive: true });
    fs.writeFileSync(join(root, path), text);
  }
  return collectTree({ cwd: root, limits: defaultLimits, cacheFolder: null });
}

const random = (size: number) => Buffer.from(crypto.getRandomValues(new Uint8Array(size))).toString("base64");

describe("sending a snapshot", () => {
  test.each([3, 250])("[D10] a tree of %d files of which the server has lost contents is sent anew", async (count) => {
    const { base, sender } = server();
    const put: Sender["put"] = async (path, stream, options) =>
      path === "/trees" ? takeTree(base, stream) : sender.put(path, stream, options);
    const files = Object.fromEntries(Array.from({ length: count }, (_, n) => [`f${n}.py`, `print(${n})`]));
    const all = await tree(files);
    for (const options of [quick, { ...quick, memory: new SentMemory(tempFolder(), all.root) }]) {
      await sendSnapshot({ ...sender, put }, all, options);
      for (const name of fs.readdirSync(base.objects)) fs.rmSync(join(base.objects, name), { recursive: true });
      await sendSnapshot({ ...sender, put }, all, options);
      for (const { hash } of all.files) expect(blobHash(readBlob(base, hash))).toBe(hash);
    }
  });

  test("only what the server lacks travels, and progress ends at all of it", async () => {
    const { base, sender, offers } = server();
    const first = await tree({ "a.py": "one", "copy.py": "one", "b.py": "two" });
    const seen: number[] = [];
    const extra = [{ name: "git diff", bytes: new TextEncoder().encode("+diff") }];
    const sent = await sendSnapshot(sender, first, { extra, onProgress: (progress) => seen.push(progress.sentBytes) });
    expect(sent).toMatchObject({ snapshot: first.hash, blobs: 3, rawBytes: 11 });
    expect(seen.at(-1)).toBe(11);
    expect(Buffer.from(readBlob(base, blobHash("+diff"))).toString()).toBe("+diff");
    const second = await tree({ "a.py": "one", "b.py": "edited" });
    expect(await sendSnapshot(sender, second)).toMatchObject({ blobs: 1, rawBytes: 6 });
    expect(await sendSnapshot(sender, second)).toMatchObject({ blobs: 0, wireBytes: 0 });
    expect(offers).toEqual([3, 1, 0]);
  });

  test("[N5] a dropped connection costs only the rest: the next try sends what did not arrive", async () => {
    let cuts = 0;
    const { base, sender, offers } = server(async function* (stream) {
      let size = 0;
      for await (const chunk of stream) {
        size += chunk.length;
        if (cuts < 2 && size > 2_200_000) {
          cuts += 1;
          throw new Error("connection reset");
        }
        yield chunk;
      }
    });
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`f${n}`, random(60_000) + random(60_000)]));
    const given = await tree(files);
    await sendSnapshot(sender, given, quick);
    expect(hasSnapshot(base, given.hash)).toBeTrue();
    expect(offers[0]).toBe(40);
    expect(offers).toHaveLength(3);
    expect(offers[1]).toBeLessThan(40);
    expect(offers[2]).toBeLessThan(offers[1] ?? 0);
  });

  test("a server that never answers ends it, and says that nothing was queued", async () => {
    const { sender } = server();
    const broken: Sender = { ...sender, put: () => Promise.reject(new Error("socket closed")) };
    const failed = await sendSnapshot(broken, await tree({ a: "1" }), quick).catch((cause) => cause);
    expect(failed).toMatchObject({ code: "unreachable", message: expect.stringContaining("nothing was queued") });
  });

  test("a refusal of the server is passed on at once", async () => {
    const { sender } = server();
    let puts = 0;
    const full: Sender = {
      ...sender,
      put: () => {
        puts += 1;
        return Promise.reject(new MlError("no_space", "storing the code failed: the disk is full"));
      },
    };
    await expect(sendSnapshot(full, await tree({ a: "1" }), quick)).rejects.toMatchObject({ code: "no_space" });
    expect(puts).toBe(1);
  });

  test("a file that changes while it is sent is named, and nothing is committed", async () => {
    const { base, sender } = server();
    const given = await tree({ "a.py": "one", "b.py": "two" });
    fs.writeFileSync(join(given.root, "b.py"), "TWO");
    await expect(sendSnapshot(sender, given, quick)).rejects.toMatchObject({
      code: "conflict",
      message: "`b.py` changed while it was being sent; nothing was queued",
    });
    expect(hasSnapshot(base, given.hash)).toBeFalse();
  });

  test("[C6] Ctrl-C while it is sent: nothing is committed, and the message says so", async () => {
    const stop = new AbortController();
    const { base, sender } = server();
    const given = await tree({ a: random(60_000).repeat(40), b: random(60_000).repeat(40) });
    const failed = await sendSnapshot(sender, given, { signal: stop.signal, onProgress: () => stop.abort() }).catch(
      (e) => e,
    );
    expect(failed).toMatchObject({ code: "failed", message: "sending the code was interrupted; nothing was queued" });
    expect(hasSnapshot(base, given.hash)).toBeFalse();
  });

  test("of a tree of many files no name of a content is asked for, and what the server has is not sent again", async () => {
    const { base, sender } = server();
    const texts = Array.from({ length: 300 }, (_, n) => [`package/module${n}.py`, `text ${n}`]);
    const asked: { hashes?: string[]; listed?: unknown }[] = [];
    const noting: Sender = {
      ...sender,
      ask: ((name: "snapshot.offer", body: never) => {
        if (name === "snapshot.offer") asked.push(body);
        return sender.ask(name, body);
      }) as Sender["ask"],
    };
    await sendSnapshot(sender, await tree(Object.fromEntries(texts.slice(0, 250))));
    const whole = await tree(Object.fromEntries(texts));
    expect(await sendSnapshot(noting, whole)).toMatchObject({ snapshot: whole.hash, blobs: 50 });
    expect(asked).toMatchObject([{ hashes: [], listed: { from: 0, count: 300 } }]);
    expect(hasSnapshot(base, whole.hash)).toBeTrue();
    expect(await sendSnapshot(noting, whole)).toMatchObject({ blobs: 0, wireBytes: 0 });
    expect(asked).toHaveLength(1);
  });

  test("a tree of many files fits into frames of 1 MiB: its list travels as a blob", async () => {
    const { base } = server();
    const files = Array.from({ length: 30_000 }, (_, n) => ({
      path: `folder/file-with-a-longish-name-${String(n).padStart(5, "0")}`,
      kind: "file" as const,
      size: 1,
      hash: blobHash(String(n)),
    }));
    const text = snapshotText({ version: 1, files });
    const hash = blobHash(text);
    const bodies: number[] = [];
    const sender: Sender = {
      ask: (async (name: string, body: { hashes: string[]; tree: unknown }) => {
        bodies.push(JSON.stringify(body).length);
        if (name === "snapshot.known") return { known: false };
        const offered = { known: false, base_known: false, all: false, missing: [], bases: [], arrived: [] };
        if (name === "snapshot.offer") return offered;
        expect(body.tree).toBe(hash);
        return { snapshot: hash };
      }) as Sender["ask"],
      put: (path, stream) => (path === "/trees" ? takeTree(base, stream) : receivePack(base, stream)),
    };
    await sendSnapshot(sender, { root: "/nowhere", files, hash, text });
    expect(Math.max(...bodies)).toBeLessThan(1024 * 1024);
    expect(JSON.parse(Buffer.from(readBlob(base, hash)).toString()).files).toHaveLength(30_000);
  }, 120_000);
});
