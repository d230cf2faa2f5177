/** A start without an index, or with one that is behind: what is answered is true, what cannot be told yet waits, and the rest comes in behind. */
import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import type { buildApart } from "../../src/catalog/build-apart.ts";
import { buildIndex } from "../../src/catalog/build-index.ts";
import { appendHistory } from "../../src/run/history.ts";
import { type Manifest, manifestText } from "../../src/run/manifest.ts";
import { basePaths, type RunPaths } from "../../src/run/paths.ts";
import { changeManifest, listRunIds, requireManifest } from "../../src/run/store.ts";
import { writeCorpus } from "../support/corpus.ts";
import { tempFolder, until } from "../support/temp.ts";
import { serve, spec } from "./harness.ts";

/** More than a start reads before it answers. */
const many = 502;

function lab(count: number) {
  const base = basePaths(join(tempFolder(), "data"));
  writeCorpus(base.base, { count, seed: 4 });
  return { base, runIds: listRunIds(base) };
}

function rewrite(paths: RunPaths, how: (manifest: Manifest) => void): void {
  const manifest = requireManifest(paths);
  how(manifest);
  fs.writeFileSync(paths.manifest, manifestText(manifest));
}

/** Makes an index and keeps it back until it is let go, or fails as it is told; counts. */
function heldBack() {
  const gates: PromiseWithResolvers<string | null>[] = [];
  const build: typeof buildApart = async (base, path) => {
    const gate = Promise.withResolvers<string | null>();
    const runs = await buildIndex(base, path);
    gates.push(gate);
    const why = await gate.promise;
    if (why !== null) throw new Error(why);
    return runs;
  };
  const go = async (nth: number, why: string | null = null) => (await until("a build", () => gates[nth])).resolve(why);
  return { build, go, count: () => gates.length };
}

test("[K2 Q12 D6] without an index a submission that comes again is the run that was made of it, and no second one", async () => {
  const { base, runIds } = lab(many);
  const old = runIds.at(-1) ?? "";
  rewrite(base.run(old), ({ launch }) => Object.assign(launch, { submit_id: "submitted-long-ago" }));
  const { build, go } = heldBack();
  const server = await serve({ base: base.base, buildIndex: build });
  const again = server.ask("submit", { runs: [spec({ submit_id: "submitted-long-ago" })] });
  // What no earlier server can have been sent waits for nothing.
  const { instance } = await server.ask("hello", { version: "1", protocol: 1 });
  const fresh = await server.ask("submit", { runs: [spec()], new_to: instance });
  expect(fresh.runs).toMatchObject([{ duplicate: false }]);
  await go(0);
  expect((await again).runs).toMatchObject([{ run_id: old, duplicate: true }]);
  expect(listRunIds(base)).toHaveLength(many + 1);
});

test("[D6] what may mean a run that is not in the index yet is not answered by another one, and is told", async () => {
  const { base, runIds } = lab(many);
  const old = base.run(runIds.at(-1) ?? "");
  rewrite(old, (manifest) => Object.assign(manifest, { name: "of-old" }));
  const { build, go } = heldBack();
  const server = await serve({ base: base.base, buildIndex: build });
  const ask = (run: string) => server.try("run.get", { run });
  for (const run of ["of-old", "@last", "@failed", "best:val_acc"]) {
    const { error } = await ask(run);
    expect([run, error?.code, error?.message]).toEqual([run, "try_later", expect.stringContaining("still being read")]);
  }
  expect((await ask(old.runId)).error).toBeUndefined();
  const rest = many - 500;
  expect((await server.ask("find", { query: "name:of-old" })).behind).toBeGreaterThanOrEqual(rest);
  const problems = async () => (await server.ask("status", {})).server.problems.join();
  expect(await problems()).toContain(`${rest} older runs are still being read into the index`);
  await go(0);
  await until("the index", async () => (await problems()) === "");
  for (const run of ["of-old", "@last", "@failed"]) expect((await ask(run)).error).toBeUndefined();
});

test("[D6] `ml reindex` joins an index that is being made, and has what changed since it was begun", async () => {
  const { base, runIds } = lab(many);
  const { build, go, count } = heldBack();
  const server = await serve({ base: base.base, buildIndex: build });
  const [edited = "", gone = ""] = runIds.slice(-2);
  await until("the first", () => count() === 1);
  const { reindexing } = server.services;
  const asked = [reindexing.run(), reindexing.run()];
  rewrite(base.run(edited), (manifest) => Object.assign(manifest.metadata, { note: "by hand" }));
  fs.rmSync(base.run(gone).folder, { recursive: true });
  await go(0);
  expect(await Promise.all(asked)).toEqual([true, true]);
  expect(server.services.catalog.get(gone)).toBeNull();
  expect(server.services.catalog.get(edited)?.note).toBe("by hand");
  expect(count()).toBe(1);
});

test("[D6] where making the index fails it is told, and `ml reindex` makes it at once", async () => {
  const { base } = lab(many);
  const { build, go, count } = heldBack();
  const server = await serve({ base: base.base, buildIndex: build });
  await go(0, "killed");
  const problems = async () => (await server.ask("status", {})).server.problems.join();
  await until("the problem", async () => (await problems()).startsWith("killed; "));
  expect(await problems()).toContain("`ml reindex` at once");
  const failing = server.try("reindex", {});
  await go(1, "killed again");
  expect((await failing).error?.message).toContain("killed again");
  const again = server.ask("reindex", {});
  await go(2);
  expect(await again).toMatchObject({ joined: false, runs: many });
  expect(await problems()).toBe("");
  expect(count()).toBe(3);
});

test("[K1 K2 D6] an index is believed about ended runs at first, and compared with their folders behind the first answer", async () => {
  const { base, runIds } = lab(20);
  const before = await serve({ base: base.base });
  await before.close();
  const [changed = "", cutOff = "", unsealed = "", damaged = "", waiting = ""] = runIds;
  rewrite(base.run(changed), (manifest) => Object.assign(manifest.metadata, { note: "by hand" }));
  const value = { timestamp: "2026-11-23T18:00:00.000Z", author: "ana", note: "cut off" };
  appendHistory(base.run(cutOff), { at: value.timestamp, by: "ana", field: "annotations", value });
  changeManifest(base.run(cutOff), (manifest) => Object.assign(manifest.metrics, { late: 1 }));
  fs.rmSync(base.run(unsealed).sums);
  fs.writeFileSync(base.run(damaged).manifest, "{");
  rewrite(base.run(waiting), (manifest) => Object.assign(manifest, { status: "queued", ended_at: null }));
  fs.rmSync(base.run(waiting).sums);
  const server = await serve({ base: base.base, worker: true, settings: { worker_name: "w", slots: 0 } });
  const { catalog, queue } = server.services;
  await until("the note", () => catalog.get(changed)?.note === "by hand");
  await until(
    "the change that was cut off",
    () => requireManifest(base.run(cutOff)).annotations[0]?.note === "cut off",
  );
  await until("the seal", () => fs.existsSync(base.run(unsealed).sums));
  await until("the damage", () => catalog.get(damaged)?.problem);
  await until(
    "the copy of it",
    () => fs.existsSync(base.quarantine) && fs.readdirSync(base.quarantine)[0]?.startsWith(damaged),
  );
  await until("its place in the line", async () =>
    (await queue.waiting(10, true)).some((one) => one.runId === waiting),
  );
});

/** The first page of what the index keeps under this name becomes one that SQLite refuses. */
function damage(path: string, name: string): void {
  const database = new Database(path);
  const { rootpage } = database.query("SELECT rootpage FROM sqlite_master WHERE name = ?").get(name) as {
    rootpage: number;
  };
  const { page_size } = database.query("PRAGMA page_size").get() as { page_size: number };
  database.close();
  const bytes = fs.readFileSync(path);
  bytes[(rootpage - 1) * page_size] = 0xff;
  fs.writeFileSync(path, bytes);
}

test("[D6] an index of which a part is damaged is made anew: at the start, or when somebody asks for what is in it", async () => {
  const { base } = lab(60);
  const before = await serve({ base: base.base });
  const { indexDatabase } = before.services.state;
  const expected = await before.ask("runs.list", { user: "ana" });
  expect(expected.runs.length).toBeGreaterThan(1);
  let open = before;
  for (const part of ["runs", "by_user"]) {
    await open.close();
    damage(indexDatabase, part);
    const server = await serve({ base: base.base });
    open = server;
    const asked = await server.try("runs.list", { user: "ana" });
    if (part === "by_user") expect(asked.error?.message).toContain("is damaged, and is being made anew");
    const again = async () => (await server.try("runs.list", { user: "ana" })).reply;
    expect(await until("the list", again)).toEqual(expected);
    expect((await server.ask("status", {})).server.problems).toEqual([]);
  }
});
