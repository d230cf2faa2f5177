import { describe, expect, test } from "bun:test";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { BlobBatch } from "../../src/run/blob-batch.ts";
import { hasBlob, loosePath } from "../../src/run/blobs.ts";
import {
  checkoutSnapshot,
  hasSnapshot,
  missingBlobs,
  readBlob,
  readSnapshot,
  storeBlob,
  storeSnapshot,
} from "../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { linkHash, type Snapshot, type SnapshotFile, snapshotText } from "../../src/run/snapshot.ts";
import { prepareBase } from "../../src/run/store.ts";
import { defaultLimits } from "../../src/transfer/tree-limits.ts";
import { collectTree } from "../../src/transfer/walk.ts";
import { tempFolder } from "../support/temp.ts";

function freshBase(): BasePaths {
  const base = basePaths(join(tempFolder(), "base"));
  prepareBase(base);
  return base;
}
const texts = (count: number) => Array.from({ length: count }, (_, n) => `text ${n}`);
const bytes = (text: string) => new TextEncoder().encode(text);
const sha256 = (text: string | Uint8Array) => new Bun.CryptoHasher("sha256").update(text).digest("hex");
const row = (path: string, text: string, kind: "file" | "exec" = "file"): SnapshotFile => ({
  path,
  kind,
  size: Buffer.byteLength(text),
  hash: sha256(text),
});
const linkRow = (path: string, target: string): SnapshotFile => ({
  path,
  kind: "link",
  size: Buffer.byteLength(target),
  hash: linkHash(target),
  target,
});

async function store(base: BasePaths, texts: string[], files: SnapshotFile[]): Promise<string> {
  for (const text of texts) await storeBlob(base, bytes(text), sha256(text));
  return storeSnapshot(base, { version: 1, files } satisfies Snapshot);
}

describe("blobs", () => {
  test("a stored blob is read-only, found under its hash, and comes back", async () => {
    const base = freshBase();
    const hash = sha256("hello");
    await storeBlob(base, bytes("hello"), hash);
    await storeBlob(base, new Blob(["hello"]).stream(), hash);
    expect(Buffer.from(readBlob(base, hash)).toString()).toBe("hello");
    expect(fs.statSync(join(base.objects, hash.slice(0, 2), hash.slice(2))).mode & 0o777).toBe(0o444);
    expect(missingBlobs(base, [hash, hash, sha256("x")])).toEqual([sha256("x")]);
    expect(fs.readdirSync(base.staging)).toEqual([]);
  });

  test("bytes that do not have the hash are refused and leave nothing", async () => {
    const base = freshBase();
    const refused = await storeBlob(base, bytes("other"), sha256("hello")).catch((cause) => cause);
    expect(refused.code).toBe("refused");
    expect(hasBlob(base, sha256("hello"))).toBeFalse();
    expect(fs.readdirSync(base.staging)).toEqual([]);
  });

  test.each(["../../etc/passwd", "ABC", "", `${"a".repeat(63)}/`])("the name %j opens nothing", (hash) => {
    expect(() => loosePath(freshBase(), hash)).toThrow("no sha256");
  });

  test("[D10] a damaged blob is noticed, set aside, and can be sent again", async () => {
    const base = freshBase();
    const hash = sha256("hello");
    await storeBlob(base, bytes("hello"), hash);
    fs.chmodSync(loosePath(base, hash), 0o644);
    fs.writeFileSync(loosePath(base, hash), "hellO");
    expect(() => readBlob(base, hash)).toThrow(expect.objectContaining({ code: "failed" }));
    expect(missingBlobs(base, [hash])).toEqual([hash]);
    await storeBlob(base, bytes("hello"), hash);
    expect(Buffer.from(readBlob(base, hash)).toString()).toBe("hello");
  });

  test("a large batch becomes visible only when it is published", async () => {
    const base = freshBase();
    const batch = new BlobBatch(base);
    const hashes = Array.from({ length: 50 }, (_, n) => sha256(`blob ${n}`));
    for (const [n, hash] of hashes.entries()) {
      const writer = batch.begin(hash);
      writer.write(bytes(`blob ${n}`));
      expect(writer.end()).toBeTrue();
    }
    expect(missingBlobs(base, hashes)).toHaveLength(50);
    await batch.publish();
    expect(missingBlobs(base, hashes)).toEqual([]);
    batch.discard();
    expect(fs.readdirSync(base.staging)).toEqual([]);
  });

  for (const [point, count] of [
    ["objects/write", 2],
    ["objects/before-publish", 2],
    ["objects/published-one", 2],
    // So many become a pack.
    ["objects/write", 70],
    ["objects/pack-written", 70],
    ["objects/before-publish", 70],
    ["objects/pack-published", 70],
  ] as const) {
    test(`[D1 D4] a full disk at ${point} with ${count} contents is said as such, and nothing half-written is visible`, async () => {
      const folder = tempFolder();
      const script = `
        import { basePaths } from ${JSON.stringify(join(import.meta.dir, "../../src/run/paths.ts"))};
        import { prepareBase } from ${JSON.stringify(join(import.meta.dir, "../../src/run/store.ts"))};
        import { BlobBatch } from ${JSON.stringify(join(import.meta.dir, "../../src/run/blob-batch.ts"))};
        const base = basePaths(process.argv[2]);
        prepareBase(base);
        const batch = new BlobBatch(base);
        try {
          for (const text of ${JSON.stringify(texts(count))}) {
            const writer = batch.begin(new Bun.CryptoHasher("sha256").update(text).digest("hex"), text.length);
            writer.write(new TextEncoder().encode(text));
            writer.end();
          }
          await batch.publish();
        } catch (cause) { console.log(cause.code, cause.message); } finally { batch.discard(); }`;
      const file = join(folder, "script.ts");
      fs.writeFileSync(file, script);
      const base = basePaths(join(folder, "base"));
      const env = { ...process.env, ML_FAULTS: `${point}:1:enospc` };
      const done = Bun.spawnSync([process.execPath, file, base.base], { env });
      expect(done.stdout.toString()).toContain("no_space storing the code failed: the disk is full, or out of inodes");
      expect(fs.readdirSync(base.staging)).toEqual([]);
      for (const text of texts(count)) {
        if (hasBlob(base, sha256(text))) expect(Buffer.from(readBlob(base, sha256(text))).toString()).toBe(text);
      }
    }, 120_000);
  }
});

describe("snapshots", () => {
  test("a tree is kept under its own hash, given whole or as the hash of its text", async () => {
    const base = freshBase();
    const files = [row("b", "1"), row("a", "2")];
    const hash = await store(base, ["1", "2"], files);
    expect(readSnapshot(base, hash).files.map((file) => file.path)).toEqual(["a", "b"]);
    const other = snapshotText({ version: 1, files: [row("c", "1")] });
    await storeBlob(base, bytes(other), sha256(other));
    expect(storeSnapshot(base, sha256(other))).toBe(sha256(other));
    expect(hasSnapshot(base, sha256(other))).toBeTrue();
  });

  test("without its blobs it is not kept, and what is missing is named", () => {
    const base = freshBase();
    expect(() => storeSnapshot(base, { version: 1, files: [row("a", "1")] })).toThrow(
      expect.objectContaining({
        code: "snapshot_missing",
        detail: expect.objectContaining({ data: { missing: [sha256("1")] } }),
      }),
    );
    expect(fs.readdirSync(base.snapshots)).toEqual([]);
  });

  test.each([
    ["../x", [row("../x", "1")]],
    ["a//b", [row("a//b", "1")]],
    ["/abs", [row("/abs", "1")]],
    ["a link out", [linkRow("x", "../y")]],
    ["a file through a link", [linkRow("d", "e"), row("d/x", "1"), row("e/y", "1")]],
    ["the same path twice", [row("a", "1"), row("a", "1")]],
  ])("a hostile one with %s is refused", async (_, files) => {
    const base = freshBase();
    await expect(store(base, ["1"], files)).rejects.toMatchObject({ code: "bad_path" });
    expect(fs.readdirSync(base.snapshots)).toEqual([]);
  });

  test("[K9] a damaged one is an error that names it", async () => {
    const base = freshBase();
    const hash = await store(base, ["1"], [row("a", "1")]);
    const path = join(base.snapshots, `${hash}.json`);
    const good = fs.readFileSync(path);
    fs.chmodSync(path, 0o644);
    for (let length = 0; length < good.length; length += 3) {
      fs.writeFileSync(path, good.subarray(0, length));
      expect(() => readSnapshot(base, hash)).toThrow("is damaged");
    }
    expect(storeSnapshot(base, { version: 1, files: [row("a", "1")] })).toBe(hash);
    expect(readSnapshot(base, hash).files).toHaveLength(1);
  });
});

describe("laying out", () => {
  test("modes, links, empty files and odd names are as they were; copies may be changed", async () => {
    const base = freshBase();
    const files = [
      row("run.sh", "#!", "exec"),
      row("d/e/a b\nc", ""),
      row("x", "1"),
      linkRow("l", "d/e"),
      linkRow("dangling", "no"),
    ];
    const hash = await store(base, ["#!", "", "1"], files);
    const work = join(tempFolder(), "work");
    const before = process.umask(0o077);
    try {
      await checkoutSnapshot(base, hash, work);
    } finally {
      process.umask(before);
    }
    expect(fs.statSync(join(work, "run.sh")).mode & 0o777).toBe(0o755);
    expect(fs.statSync(join(work, "x")).mode & 0o777).toBe(0o644);
    expect(fs.readlinkSync(join(work, "l"))).toBe("d/e");
    expect(fs.readlinkSync(join(work, "dangling"))).toBe("no");
    fs.appendFileSync(join(work, "x"), "changed");
    expect(Buffer.from(readBlob(base, sha256("1"))).toString()).toBe("1");
  });

  test("it appears whole or not at all, and replaces what a crash left", async () => {
    const base = freshBase();
    const hash = await store(base, ["1", "2"], [row("a", "1"), row("b", "2")]);
    const work = join(tempFolder(), "work");
    fs.mkdirSync(join(work, "old"), { recursive: true });
    fs.mkdirSync(`${work}.laying/half`, { recursive: true });
    await checkoutSnapshot(base, hash, work);
    expect(fs.readdirSync(work).sort()).toEqual(["a", "b"]);
    expect(fs.readdirSync(dirname(work))).toEqual(["work"]);
    fs.rmSync(loosePath(base, sha256("2")));
    const other = join(dirname(work), "other");
    await expect(checkoutSnapshot(base, hash, other)).rejects.toMatchObject({ code: "snapshot_missing" });
    expect(fs.readdirSync(dirname(work))).toEqual(["work"]);
    await checkoutSnapshot(base, null, other);
    expect(fs.readdirSync(other)).toEqual([]);
  });

  test("a large file whose blob has been cut is not laid out", async () => {
    const base = freshBase();
    const text = "x".repeat(5 * 1024 * 1024);
    const hash = await store(base, [text], [row("big", text)]);
    const work = join(tempFolder(), "work");
    await checkoutSnapshot(base, hash, work);
    expect(fs.statSync(join(work, "big")).mode & 0o777).toBe(0o644);
    fs.chmodSync(loosePath(base, sha256(text)), 0o644);
    fs.truncateSync(loosePath(base, sha256(text)), 100);
    await expect(checkoutSnapshot(base, hash, work)).rejects.toThrow("damaged");
  });
});

/** path → content, `*content` for executables, `>target` for links. */
function describeTree(root: string, folder = ""): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of fs.readdirSync(join(root, folder))) {
    const path = join(folder, name);
    const stat = fs.lstatSync(join(root, path));
    if (stat.isDirectory()) Object.assign(found, describeTree(root, path));
    else if (stat.isSymbolicLink()) found[path] = `>${fs.readlinkSync(join(root, path))}`;
    else found[path] = `${stat.mode & 0o100 ? "*" : " "}${fs.readFileSync(join(root, path), "latin1")}`;
  }
  return found;
}

describe("a tree that was collected", () => {
  async function send(base: BasePaths, root: string) {
    const tree = await collectTree({ cwd: root, limits: defaultLimits, cacheFolder: null });
    for (const file of tree.files) {
      if (file.kind !== "link") await storeBlob(base, fs.readFileSync(join(root, file.path)), file.hash);
    }
    expect(storeSnapshot(base, { version: 1, files: tree.files })).toBe(tree.hash);
    return tree;
  }

  test("editing, deleting and rebasing after it was sent changes nothing about what is laid out", async () => {
    const base = freshBase();
    const root = fs.realpathSync(tempFolder());
    fs.writeFileSync(join(root, "train.py"), "sealed");
    fs.writeFileSync(join(root, "other.py"), "sealed too");
    const { hash } = await send(base, root);
    fs.writeFileSync(join(root, "train.py"), "edited");
    fs.rmSync(join(root, "other.py"));
    const work = join(tempFolder(), "work");
    await checkoutSnapshot(base, hash, work);
    expect(describeTree(work)).toEqual({ "train.py": " sealed", "other.py": " sealed too" });
  });

  test("is laid out identical, whatever is in it", async () => {
    const name = fc.oneof(
      fc
        .string({ minLength: 1, maxLength: 8, unit: "grapheme" })
        .filter((text) => !/[\0/]/.test(text) && text !== "." && text !== ".."),
      fc.constantFrom("a", "b", "-rf", "a b", "é", "x\ny", "..c", "C", "c"),
    );
    const entry = fc.record({
      path: fc.array(name, { minLength: 1, maxLength: 3 }),
      kind: fc.constantFrom("file", "exec", "link"),
      content: fc.string({ maxLength: 40, unit: "binary" }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 12 }), async (entries) => {
        const root = fs.realpathSync(tempFolder());
        for (const { path, kind, content } of entries) {
          const full = join(root, ...path);
          try {
            fs.mkdirSync(dirname(full), { recursive: true });
            if (kind === "link") fs.symlinkSync(`t${content.replaceAll("\0", "").slice(0, 20)}`, full);
            else fs.writeFileSync(full, content, { flag: "wx", mode: kind === "exec" ? 0o755 : 0o644 });
          } catch {
            // A name that is taken, or too long for this file system: the tree is what could be made.
          }
        }
        const base = freshBase();
        const tree = await send(base, root);
        const work = join(tempFolder(), "work");
        await checkoutSnapshot(base, tree.hash, work);
        const expected = describeTree(root);
        for (const { path } of tree.leftOut) {
          for (const known of Object.keys(expected))
            if (known === path || known.startsWith(path)) delete expected[known];
        }
        expect(describeTree(work)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});
