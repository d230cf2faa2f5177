import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { MlError } from "../../src/core/error.ts";
import { blobHash } from "../../src/transfer/blob-hash.ts";
import { decodeSums } from "../../src/transfer/block-sums.ts";
import { openInside, streamRange } from "../../src/transfer/open-inside.ts";
import { packBlobs } from "../../src/transfer/pack.ts";
import { type FetchRange, type PullFile, pullFiles } from "../../src/transfer/pull.ts";
import type { FetchPack } from "../../src/transfer/pull-pack.ts";
import { tempFolder } from "../support/temp.ts";

const quick = { sleep: async () => {} };
const sha256 = (path: string) => new Bun.CryptoHasher("sha256").update(fs.readFileSync(path)).digest("hex");

/** Serves a folder; `cutAfter` bytes a request break off, as often as the list says. */
function remote(files: Record<string, string | Uint8Array>, cutAfter: number[] = []) {
  const folder = tempFolder();
  for (const [path, content] of Object.entries(files)) {
    fs.mkdirSync(join(folder, path, ".."), { recursive: true });
    fs.writeFileSync(join(folder, path), content);
  }
  const asked: [string, number][] = [];
  const fetchRange: FetchRange = async (path, from) => {
    asked.push([path, from]);
    const file = openInside(folder, path);
    const limit = cutAfter.shift() ?? Number.POSITIVE_INFINITY;
    async function* body() {
      let size = 0;
      for await (const chunk of streamRange(file, { from })) {
        yield chunk.subarray(0, Math.max(0, limit - size));
        size += chunk.length;
        if (size > limit) throw new Error("connection reset");
      }
    }
    return { body: body(), from, totalBytes: file.sizeBytes, version: file.version, sha256: null };
  };
  const list = (): PullFile[] =>
    Object.keys(files).map((path) => {
      const stat = fs.lstatSync(join(folder, path));
      return { path, sizeBytes: stat.size, modified: stat.mtime.toISOString() };
    });
  return { folder, fetchRange, list, asked };
}
const noise = (size: number) => {
  const bytes = new Uint8Array(size);
  for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, Math.min(size, at + 65_536)));
  return bytes;
};

describe("pulling files", () => {
  test("they arrive whole under the target, with their times, and a second pull fetches nothing", async () => {
    const server = remote({ "work/a.txt": "one", "work/deep/b": noise(700_000), "work/empty": "" });
    const target = join(tempFolder(), "here");
    const pulled = await pullFiles(server.fetchRange, server.list(), { target, strip: "work/" });
    expect(pulled.written).toEqual(["a.txt", "deep/b", "empty"]);
    expect(sha256(join(target, "deep/b"))).toBe(sha256(join(server.folder, "work/deep/b")));
    expect(fs.readdirSync(join(target, "deep"))).toEqual(["b"]);
    const again = await pullFiles(server.fetchRange, server.list(), { target, strip: "work/" });
    expect(again).toMatchObject({ written: [], unchanged: ["a.txt", "deep/b", "empty"], receivedBytes: 0 });
  });

  test("[N5] a cut connection goes on at the byte where it stopped, in this call and in the next", async () => {
    const server = remote({ big: noise(1_000_000) }, [300_000, 100_000, 50_000]);
    const target = tempFolder();
    await expect(pullFiles(server.fetchRange, server.list(), { target, tries: 1 })).rejects.toThrow("connection reset");
    expect(fs.existsSync(join(target, "big"))).toBeFalse();
    await pullFiles(server.fetchRange, server.list(), { target, ...quick });
    expect(server.asked.map(([, from]) => from)).toEqual([0, 300_000, 400_000, 450_000]);
    expect(sha256(join(target, "big"))).toBe(sha256(join(server.folder, "big")));
    expect(fs.readdirSync(target)).toEqual(["big"]);
  });

  test("a file that changed on the server since the cut is fetched from the start, never mixed", async () => {
    const server = remote({ big: noise(600_000) }, [300_000]);
    const target = tempFolder();
    await pullFiles(server.fetchRange, server.list(), { target, tries: 1 }).catch(() => {});
    fs.writeFileSync(join(server.folder, "big"), noise(600_000));
    await pullFiles(server.fetchRange, server.list(), { target, ...quick });
    expect(sha256(join(target, "big"))).toBe(sha256(join(server.folder, "big")));
    expect(fs.readdirSync(target)).toEqual(["big"]);
  });

  test("a complete part that was not renamed is finished, not refused", async () => {
    const server = remote({ big: "0123456789" }, [9]);
    const target = tempFolder();
    await pullFiles(server.fetchRange, server.list(), { target, tries: 1 }).catch(() => {});
    const part = fs.readdirSync(target)[0] ?? "";
    fs.writeFileSync(join(target, part), "0123456789");
    await pullFiles(server.fetchRange, server.list(), { target, ...quick });
    expect(fs.readFileSync(join(target, "big"), "utf8")).toBe("0123456789");
  });

  test.each(["../evil", "/etc/evil", "a/../../evil", "a//b", "nul\0"])(
    "[S3] a server that names %j writes nothing",
    async (path) => {
      const target = join(tempFolder(), "here");
      const fetchRange: FetchRange = () => Promise.reject(new Error("must not be asked"));
      const files = [{ path, sizeBytes: 1, modified: null }];
      await expect(pullFiles(fetchRange, files, { target })).rejects.toMatchObject({ code: "bad_path" });
      expect(fs.readdirSync(target)).toEqual([]);
    },
  );

  test("[S3] a link that stands in the target is not written through", async () => {
    const [target, outside] = [tempFolder(), tempFolder()];
    fs.symlinkSync(outside, join(target, "d"));
    fs.symlinkSync(join(outside, "victim"), join(target, "f"));
    const server = remote({ f: "1", "d/x": "2" });
    const refused = await pullFiles(server.fetchRange, server.list(), { target }).catch((cause) => cause);
    expect(refused).toMatchObject({ code: "refused" });
    expect(fs.readdirSync(outside)).toEqual([]);
    await pullFiles(server.fetchRange, server.list().slice(0, 1), { target });
    expect(fs.readdirSync(outside)).toEqual([]);
    expect(fs.lstatSync(join(target, "f")).isFile()).toBeTrue();
  });

  test("what the server does not give is left out and said; the rest arrives", async () => {
    const server = remote({ a: "1", b: "2" });
    const fetchRange: FetchRange = (path, from) =>
      path === "a" ? Promise.reject(new MlError("bad_path", "it is no regular file")) : server.fetchRange(path, from);
    const target = tempFolder();
    const pulled = await pullFiles(fetchRange, server.list(), { target });
    expect(pulled).toMatchObject({ written: ["b"], leftOut: [{ path: "a", why: "it is no regular file" }] });
  });

  test("a wrong checksum or more bytes than announced is never put in place", async () => {
    const target = tempFolder();
    const files = [{ path: "a", sizeBytes: 3, modified: null }];
    async function* body(text: string) {
      yield new TextEncoder().encode(text);
    }
    const answer = (text: string, sum: string | null): FetchRange => {
      return async () => ({ body: body(text), from: 0, totalBytes: 3, version: "v", sha256: sum });
    };
    await expect(pullFiles(answer("one", "0".repeat(64)), files, { target })).rejects.toThrow("checksum");
    await expect(pullFiles(answer("four", null), files, { target })).rejects.toThrow("sent more");
    expect(fs.existsSync(join(target, "a"))).toBeFalse();
  });

  test("Ctrl-C keeps what has arrived", async () => {
    const server = remote({ big: noise(900_000) });
    const target = tempFolder();
    const stop = new AbortController();
    const onProgress = () => stop.abort();
    const ended = await pullFiles(server.fetchRange, server.list(), { target, signal: stop.signal, onProgress }).catch(
      (e) => e,
    );
    expect(ended.message).toContain("was interrupted");
    await pullFiles(server.fetchRange, server.list(), { target });
    expect(server.asked[1]?.[1]).toBeGreaterThan(0);
    expect(sha256(join(target, "big"))).toBe(sha256(join(server.folder, "big")));
  });
});

/** The newer version of one large file as what differs from what the asker has; each stream ends after so many bytes. */
function differing(fresh: Uint8Array, cutAfter: number[]) {
  const path = join(tempFolder(), "fresh");
  fs.writeFileSync(path, fresh);
  const carried: number[] = [];
  const fetchPack: FetchPack = async ([asked]) => {
    const sums = decodeSums(Buffer.from(asked?.sums ?? "", "base64"));
    if (sums === null) throw new Error("the sums cannot be read");
    const by = { base: blobHash(path), sums };
    const entry = { hash: blobHash(fresh), size: fresh.length, path, from: { file: path }, by };
    const { stream } = packBlobs([entry], { compress: false });
    const limit = cutAfter.shift() ?? Number.POSITIVE_INFINITY;
    const at = carried.push(0) - 1;
    return (async function* () {
      for await (const chunk of stream) {
        const piece = chunk.subarray(0, Math.max(0, limit - (carried[at] ?? 0)));
        carried[at] = (carried[at] ?? 0) + piece.length;
        yield piece;
        if (piece.length < chunk.length) throw new Error("connection reset");
      }
    })();
  };
  const fetchRange: FetchRange = async () => {
    throw new Error("the whole file was asked for");
  };
  const list: PullFile[] = [{ path: "big", sizeBytes: fresh.length, modified: "2026-01-01T00:00:00.000Z" }];
  return { fetchPack, fetchRange, list, carried };
}

describe("a large file that is here in an older version", () => {
  const megabytes = (count: number) => count * 1024 * 1024;
  const setting = (cutAfter: number[]) => {
    const old = noise(megabytes(6));
    const fresh = Buffer.concat([noise(megabytes(8)), old]);
    const target = tempFolder();
    fs.writeFileSync(join(target, "big"), old);
    const server = differing(fresh, cutAfter);
    const pull = (tries: number) =>
      pullFiles(server.fetchRange, server.list, { target, fetchPack: server.fetchPack, tries, ...quick });
    return { target, fresh, server, pull };
  };

  test("[N5] cut while it came as what differs, it goes on with what had arrived, in this call and in the next", async () => {
    const { target, fresh, server, pull } = setting([megabytes(3), megabytes(3)]);
    await expect(pull(2)).rejects.toThrow("big");
    expect(fs.readFileSync(join(target, "big")).length).toBe(megabytes(6));
    await pull(1);
    expect(sha256(join(target, "big"))).toBe(blobHash(fresh));
    expect(fs.readdirSync(target)).toEqual(["big"]);
    expect(server.carried.reduce((sum, count) => sum + count)).toBeLessThan(megabytes(8 + 3));
    expect(server.carried.at(-1)).toBeLessThan(megabytes(5));
  });

  test("[N5] what a killed pull has left is built upon; what is no file, or damaged, does no harm", async () => {
    const { target, fresh, server, pull } = setting([]);
    fs.writeFileSync(join(target, "big.packed.part"), fresh.subarray(0, megabytes(5)));
    fs.symlinkSync("/dev/zero", join(target, "big.kept.part"));
    await pull(1);
    expect(sha256(join(target, "big"))).toBe(blobHash(fresh));
    expect(server.carried).toHaveLength(1);
    expect(server.carried[0]).toBeLessThan(megabytes(3.2));
    const other = setting([]);
    fs.writeFileSync(join(other.target, "big.kept.part"), noise(megabytes(2)));
    await other.pull(1);
    expect(sha256(join(other.target, "big"))).toBe(blobHash(other.fresh));
    expect(fs.readdirSync(other.target)).toEqual(["big"]);
  });
});
