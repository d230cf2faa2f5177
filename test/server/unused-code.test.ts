/** Code that no run needs any more: what goes, what stays, and that nobody who submits meanwhile loses anything. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { findUnusedCode, removeUnusedCode } from "../../src/keep/unused-code.ts";
import { BlobBatch } from "../../src/run/blob-batch.ts";
import { hasBlob } from "../../src/run/blobs.ts";
import { packsFolder } from "../../src/run/object-packs.ts";
import { hasSnapshot, readBlob, readSnapshot, storeBlob, storeSnapshot } from "../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../src/run/paths.ts";
import { whileRelying } from "../../src/run/reliance.ts";
import { prepareBase } from "../../src/run/store.ts";
import { seeded } from "../support/seeded.ts";
import { tempFolder, until } from "../support/temp.ts";
import { queued, serve, spec, type TestServer } from "./harness.ts";

async function storeTexts(base: BasePaths, ...texts: string[]): Promise<string> {
  const files = [];
  for (const [index, text] of texts.entries()) {
    const bytes = new TextEncoder().encode(text);
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    await storeBlob(base, bytes, hash);
    files.push({ path: `f${index}`, kind: "file", size: bytes.length, hash });
  }
  return storeSnapshot(base, { version: 1, files });
}

/** One batch of so many contents that they become a pack, and a tree of them for each of `groups`; `common` is in all trees. */
async function storePacked(
  base: BasePaths,
  groups: readonly string[][],
  common: readonly string[] = [],
): Promise<string[]> {
  const batch = new BlobBatch(base);
  const entry = (text: string, index: number) => {
    const hash = new Bun.CryptoHasher("sha256").update(text).digest("hex");
    const writer = batch.begin(hash, text.length);
    writer.write(Buffer.from(text));
    writer.end();
    return { path: `f${index}`, kind: "file", size: text.length, hash };
  };
  const trees = groups.map((texts) => [...texts, ...common].map(entry));
  await batch.publish();
  batch.discard();
  return trees.map((files) => storeSnapshot(base, { version: 1, files }));
}

const texts = (name: string, count: number) => Array.from({ length: count }, (_, n) => `${name} ${n}`);
const packNames = (base: BasePaths) => readdirSync(packsFolder(base)).filter((name) => name.endsWith(".tar"));

function refer(base: BasePaths, runId: string, tree: string): void {
  mkdirSync(base.run(runId).folder, { recursive: true });
  writeFileSync(base.run(runId).manifest, JSON.stringify({ environment: { snapshot: tree } }));
}

const isWhole = (base: BasePaths, tree: string) =>
  readSnapshot(base, tree).files.every(({ hash }) => readBlob(base, hash).length > 0);

const blobs = (base: BasePaths) =>
  (readdirSync(base.objects, { recursive: true }) as string[]).filter((at) => at.includes("/"));
const prune = (server: TestServer, dryRun: boolean) =>
  server.ask("code.prune", { older_than_seconds: 0, dry_run: dryRun });

describe("code that no run needs", () => {
  test("what a deleted run leaves is shown and goes; what another run shares stays; what is young stays", async () => {
    const server = await serve();
    const base = basePaths(server.base);
    const [mine, kept] = [await storeTexts(base, "mine", "shared"), await storeTexts(base, "kept", "shared")];
    const run = await queued(server, { snapshot: mine, held: true });
    await queued(server, { snapshot: kept, held: true });
    expect(await prune(server, true)).toEqual({ dry_run: true, trees: 0, files: 0, size_bytes: 0 });
    await server.ask("run.cancel", { runs: [run] });
    await server.ask("run.delete", { runs: [run], dry_run: false });
    // The journal of submissions names it until the folders of its batch are on the disk.
    await until("the journal to forget it", async () => (await prune(server, true)).trees === 1);
    expect(await prune(server, true)).toEqual({ dry_run: true, trees: 1, files: 1, size_bytes: 4 });
    expect(await server.ask("code.prune", { dry_run: false })).toMatchObject({ trees: 0, files: 0 });
    expect(hasSnapshot(base, mine)).toBeTrue();
    expect(await prune(server, false)).toMatchObject({ trees: 1, files: 1 });
    expect([hasSnapshot(base, mine), hasSnapshot(base, kept)]).toEqual([false, true]);
    expect(blobs(base)).toHaveLength(2);
    // Whoever counted on it is told that it is not there, and sends it again.
    expect((await server.try("submit", { runs: [spec({ snapshot: mine })] })).error?.code).toBe("snapshot_missing");
    await storeTexts(base, "mine", "shared");
    await queued(server, { snapshot: mine, held: true });
    expect(await prune(server, false)).toMatchObject({ trees: 0, files: 0 });
  });

  test("contents that pushed data shares stay, and a record that cannot be read stops the whole", async () => {
    const server = await serve();
    const base = basePaths(server.base);
    const data = await storeTexts(base, "numbers");
    await server.ask("data.put", { name: "set", snapshot: data });
    expect(await prune(server, false)).toMatchObject({ trees: 1, files: 0 });
    expect(blobs(base)).toHaveLength(1);
    const lost = await storeTexts(base, "perhaps needed");
    const run = await queued(server, { held: true });
    const { manifest } = base.run(run);
    const text = readFileSync(manifest, "utf8");
    writeFileSync(manifest, text.slice(0, -20));
    const { error } = await server.try("code.prune", { older_than_seconds: 0, dry_run: false });
    expect([error?.code, error?.message]).toEqual(["failed", expect.stringContaining(manifest)]);
    expect(hasSnapshot(base, lost)).toBeTrue();
    writeFileSync(manifest, text);
    expect(await prune(server, false)).toMatchObject({ trees: 1, files: 1 });
  });

  test("a pack goes with the last that is needed of it, is written anew when most is unused, and else stays", async () => {
    const base = basePaths(join(tempFolder(), "data"));
    prepareBase(base);
    const options = { intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000 };
    const [some = "", most = "", rest = ""] = await storePacked(base, [texts("a", 10), texts("b", 50), texts("c", 30)]);
    const ids = ["2026-11-27_aaaaaa", "2026-11-27_bbbbbb", "2026-11-27_cccccc"];
    for (const [n, tree] of [some, most, rest].entries()) refer(base, ids[n] ?? "", tree);
    const first = packNames(base);
    expect(first).toHaveLength(1);
    const drop = (n: number) => rmSync(base.run(ids[n] ?? "").folder, { recursive: true });
    // Most of it is needed: it stays, and what of it is unused is not counted as freed.
    drop(2);
    expect(await findUnusedCode(base, options)).toEqual({ trees: [rest], contents: [] });
    expect(await removeUnusedCode(base, options)).toEqual({ trees: [rest], contents: [] });
    expect(packNames(base)).toEqual(first);
    // Too young.
    drop(1);
    expect((await findUnusedCode(base, { ...options, olderThanMs: 60_000 })).contents).toEqual([]);
    const found = await findUnusedCode(base, options);
    expect([found.trees, found.contents.length]).toEqual([[most], 80]);
    expect((await removeUnusedCode(base, options)).contents).toEqual(found.contents);
    expect(packNames(base)).toHaveLength(1);
    expect(packNames(base)).not.toEqual(first);
    expect(isWhole(base, some)).toBeTrue();
    for (const { hash } of found.contents) expect(hasBlob(base, hash)).toBeFalse();
    drop(0);
    expect((await removeUnusedCode(base, options)).contents).toHaveLength(10);
    expect(packNames(base)).toEqual([]);
    expect(readdirSync(base.staging)).toEqual([]);
  });

  test("[K2] what a crash left in two packs goes from the older one; a pack that cannot be read stays", async () => {
    const base = basePaths(join(tempFolder(), "data"));
    prepareBase(base);
    const options = { intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000 };
    const [kept = ""] = await storePacked(base, [texts("a", 10), texts("b", 70)]);
    refer(base, "2026-11-27_aaaaaa", kept);
    const [old = ""] = packNames(base);
    const bytes = readFileSync(join(packsFolder(base), old));
    await removeUnusedCode(base, options);
    const [fresh = ""] = packNames(base);
    // As if it had died before the older one was gone.
    writeFileSync(join(packsFolder(base), `0${old}`), bytes);
    writeFileSync(join(packsFolder(base), "noise.tar"), crypto.getRandomValues(Buffer.alloc(3000)));
    expect((await removeUnusedCode(base, options)).contents).toHaveLength(80);
    expect(packNames(base).sort()).toEqual([fresh, "noise.tar"]);
    expect(isWhole(base, kept)).toBeTrue();
  });

  test("[D10] of two copies the one in the older pack stays where that in the newer is damaged", async () => {
    const base = basePaths(join(tempFolder(), "data"));
    prepareBase(base);
    const options = { intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000 };
    const [kept = ""] = await storePacked(base, [texts("a", 70)]);
    refer(base, "2026-11-27_aaaaaa", kept);
    const path = join(packsFolder(base), packNames(base)[0] ?? "");
    const bytes = readFileSync(path);
    writeFileSync(join(packsFolder(base), "0older.tar"), bytes);
    rmSync(path);
    bytes[bytes.indexOf("a 3")] = 0;
    writeFileSync(path, bytes);
    await removeUnusedCode(base, options);
    expect(packNames(base)).toHaveLength(2);
    // Whoever meets the damaged one first names it: from then on the other is read.
    expect(() => isWhole(base, kept)).toThrow("damaged");
    expect(isWhole(base, kept)).toBeTrue();
    await removeUnusedCode(base, options);
    expect(isWhole(base, kept)).toBeTrue();
  });

  test("[D10] what is damaged in a pack is not carried over in silence", async () => {
    const base = basePaths(join(tempFolder(), "data"));
    prepareBase(base);
    const options = { intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000 };
    const [kept = ""] = await storePacked(base, [texts("a", 10), texts("b", 70)]);
    refer(base, "2026-11-27_aaaaaa", kept);
    const path = join(packsFolder(base), packNames(base)[0] ?? "");
    const bytes = readFileSync(path);
    rmSync(path);
    bytes[bytes.indexOf("a 3")] = 0;
    writeFileSync(path, bytes);
    expect((await removeUnusedCode(base, options)).contents).toEqual([]);
    expect(() => isWhole(base, kept)).toThrow("damaged");
    expect((await removeUnusedCode(base, options)).contents).toHaveLength(71);
    expect(() => isWhole(base, kept)).toThrow("have not arrived");
    await storePacked(base, [texts("a", 10)]);
    expect(isWhole(base, kept)).toBeTrue();
  });

  test("[S12] only an administrator removes it", async () => {
    const server = await serve();
    const { key } = await server.ask("key.add", { user: "ada" });
    expect(await server.as(key, "code.prune", {})).toMatchObject({ reply: { dry_run: true } });
    expect((await server.as(key, "code.prune", { dry_run: false })).error?.code).toBe("not_allowed");
  });

  test.each([
    ["file by file", 1],
    ["file by file", 2],
    ["in packs", 3],
    ["in packs", 4],
    ["in packs", 5],
  ])(
    "[Q11] whoever refers to old code while it is removed, %s, has it whole afterwards, or was told that it is gone (%d)",
    async (how, seed) => {
      const random = seeded(seed);
      const base = basePaths(join(tempFolder(), "data"));
      prepareBase(base);
      const trees = [];
      if (how === "in packs")
        for (let at = 0; at < 3; at += 1)
          trees.push(
            ...(await storePacked(
              base,
              Array.from({ length: 12 }, (_, n) => texts(`own ${at} ${n}`, 7)),
              texts("shared", at),
            )),
          );
      for (let at = 0; at < 40 && how !== "in packs"; at += 1)
        trees.push(await storeTexts(base, `own ${at}`, `shared ${at % 7}`, `shared ${at % 3}`));
      const taken: string[] = [];
      const lists = new Map(trees.map((tree) => [tree, readSnapshot(base, tree)]));
      let refused = 0;
      const options = { intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000, sliceMs: 0 };
      let over = false;
      const removing = removeUnusedCode(base, options).finally(() => {
        over = true;
      });
      while (!over) {
        const tree = trees[Math.floor(random() * trees.length)] ?? "";
        try {
          // As submitting does: a look and the reference in one turn. As sending does: the tree again, perhaps gone by now, upon contents that are there.
          if (random() < 0.5 ? hasSnapshot(base, tree) : storeSnapshot(base, lists.get(tree)) === tree) {
            refer(base, `2026-11-27_${String(taken.length).padStart(6, "0")}`, tree);
            taken.push(tree);
          } else refused += 1;
        } catch {
          refused += 1;
        }
        for (let turns = random() * 20; turns > 0 && !over; turns -= 1) await new Promise((done) => setImmediate(done));
      }
      const gone = await removing;
      expect({ seed, taken: taken.length > 0, gone: gone.trees.length > 0, refused: refused > 0 }).toEqual({
        ...{ seed, taken: true, gone: true, refused: true },
      });
      for (const tree of taken) expect(isWhole(base, tree)).toBeTrue();
    },
  );

  test("work that looks first and refers later is waited for", async () => {
    const base = basePaths(join(tempFolder(), "data"));
    prepareBase(base);
    const tree = await storeTexts(base, "old");
    const mayRefer = Promise.withResolvers<void>();
    const working = whileRelying(async () => {
      expect(hasSnapshot(base, tree)).toBeTrue();
      await mayRefer.promise;
      refer(base, "2026-11-27_aaaaaa", tree);
    });
    let settled = false;
    const removing = removeUnusedCode(base, {
      ...{ intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000, sliceMs: 0 },
    }).finally(() => {
      settled = true;
    });
    for (let turns = 0; turns < 50; turns += 1) await new Promise((done) => setImmediate(done));
    expect(settled).toBeFalse();
    mayRefer.resolve();
    await working;
    expect((await removing).trees).toEqual([]);
    await until("the tree to stay", () => hasSnapshot(base, tree));
  });
});
