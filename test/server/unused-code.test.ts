/** Code that no run needs any more: what goes, what stays, and that nobody who submits meanwhile loses anything. */
import { describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeUnusedCode } from "../../src/keep/unused-code.ts";
import { loosePath } from "../../src/run/blobs.ts";
import { hasSnapshot, readSnapshot, storeBlob, storeSnapshot } from "../../src/run/objects.ts";
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

  test("[S12] only an administrator removes it", async () => {
    const server = await serve();
    const { key } = await server.ask("key.add", { user: "ada" });
    expect(await server.as(key, "code.prune", {})).toMatchObject({ reply: { dry_run: true } });
    expect((await server.as(key, "code.prune", { dry_run: false })).error?.code).toBe("not_allowed");
  });

  test("[Q11] whoever refers to old code while it is removed has it whole afterwards, or was told that it is gone", async () => {
    for (const seed of [1, 2, 3]) {
      const random = seeded(seed);
      const base = basePaths(join(tempFolder(), "data"));
      prepareBase(base);
      const trees = [];
      for (let at = 0; at < 40; at += 1)
        trees.push(await storeTexts(base, `own ${at}`, `shared ${at % 7}`, `shared ${at % 3}`));
      const taken: string[] = [];
      let refused = 0;
      const options = { intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000, sliceMs: 0 };
      let over = false;
      const removing = removeUnusedCode(base, options).finally(() => {
        over = true;
      });
      while (!over) {
        const tree = trees[Math.floor(random() * trees.length)] ?? "";
        try {
          // As submitting does: a look and the reference in one turn. As sending does: the tree again, upon contents that are there.
          if (random() < 0.5 ? hasSnapshot(base, tree) : storeSnapshot(base, readSnapshot(base, tree)) === tree) {
            const { folder, manifest } = base.run(`2026-11-27_${String(taken.length).padStart(6, "0")}`);
            mkdirSync(folder, { recursive: true });
            writeFileSync(manifest, JSON.stringify({ environment: { snapshot: tree } }));
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
      for (const tree of taken)
        for (const { hash } of readSnapshot(base, tree).files) expect(existsSync(loosePath(base, hash))).toBeTrue();
    }
  });

  test("work that looks first and refers later is waited for", async () => {
    const base = basePaths(join(tempFolder(), "data"));
    prepareBase(base);
    const tree = await storeTexts(base, "old");
    const refer = Promise.withResolvers<void>();
    const working = whileRelying(async () => {
      expect(hasSnapshot(base, tree)).toBeTrue();
      await refer.promise;
      mkdirSync(base.run("2026-11-27_aaaaaa").folder, { recursive: true });
      writeFileSync(base.run("2026-11-27_aaaaaa").manifest, JSON.stringify({ snapshot: tree }));
    });
    let settled = false;
    const removing = removeUnusedCode(base, {
      ...{ intakePath: join(base.base, "none"), olderThanMs: 0, nowMs: Date.now() + 1000, sliceMs: 0 },
    }).finally(() => {
      settled = true;
    });
    for (let turns = 0; turns < 50; turns += 1) await new Promise((done) => setImmediate(done));
    expect(settled).toBeFalse();
    refer.resolve();
    await working;
    expect((await removing).trees).toEqual([]);
    await until("the tree to stay", () => hasSnapshot(base, tree));
  });
});
