/** An index made from nothing while the old one answers: what changes meanwhile is in it, and what fails leaves the old one. */
import { afterEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { buildApart } from "../../../src/catalog/build-apart.ts";
import { buildIndex } from "../../../src/catalog/build-index.ts";
import { Catalog } from "../../../src/catalog/catalog.ts";
import { familyOf } from "../../../src/core/process-work.ts";
import type { Present } from "../../../src/query/times.ts";
import { type Manifest, manifestText } from "../../../src/run/manifest.ts";
import { type BasePaths, basePaths } from "../../../src/run/paths.ts";
import { listRunIds, requireManifest } from "../../../src/run/store.ts";
import { writeCorpus } from "../../support/corpus.ts";
import { tempFolder } from "../../support/temp.ts";

const open: Catalog[] = [];
afterEach(() => {
  for (const catalog of open.splice(0)) catalog.close();
});

const present: Present = { nowMs: Date.UTC(2026, 10, 24), offsetAt: () => 0 };

function lab(count: number) {
  const base = basePaths(join(tempFolder(), "data"));
  writeCorpus(base.base, { count, seed: 4 });
  const openCatalog = (name: string) => {
    const catalog = Catalog.open(base, join(base.base, name));
    open.push(catalog);
    return catalog;
  };
  return { base, openCatalog, runIds: listRunIds(base) };
}

function change(base: BasePaths, runId: string, how: (manifest: Manifest) => void): void {
  const manifest = requireManifest(base.run(runId));
  how(manifest);
  fs.writeFileSync(base.run(runId).manifest, manifestText(manifest));
}

/** By words, numbers, labels and order, and whatever else is drawn from the folders; as short as they can be compared. */
function answers(catalog: Catalog): string[] {
  expect(catalog.search.catchUp(Number.POSITIVE_INFINITY)).toBe(0);
  const found = ["", "warmup", "lr>=1e-3", "gpu:2 has:outcome", "sort:-val_acc", "package:torch", "note~again"].map(
    (query) => catalog.finder.page(query, { user: "ana", present, limit: 500, count: true }),
  );
  const said = catalog.said("learned", { group: "warmup-study", sinceMs: 0, untilMs: null, limit: 500 });
  const rest = [said, catalog.list({ limit: 500 }), catalog.totals(), catalog.damaged(), catalog.past.newest(500)];
  const short = (answer: unknown) => Bun.hash(JSON.stringify(answer)).toString(36);
  return [...found.map((page) => `${page.read.echo} ${page.total} ${short(page)}`), ...rest.map(short)];
}

test("[D6] runs that share a place in the order, damaged ones, and readers in other processes: the same answers", async () => {
  const { base, openCatalog, runIds } = lab(40);
  for (const runId of runIds.slice(0, 12)) change(base, runId, ({ launch }) => Object.assign(launch, { sequence: 7 }));
  fs.writeFileSync(base.run(runIds[20] ?? "").manifest, "{");
  const lived = openCatalog("lived.db");
  lived.sync();
  const expected = answers(lived);
  await lived.rebuild((path) => buildIndex(base, path, { readHere: 0, runsAtOnce: 5 }));
  expect(lived.search.pending()).toBe(0);
  expect(answers(lived)).toEqual(expected);
});

test("[D6] what changes while an index is made is in it, and the old one answers meanwhile", async () => {
  const { base, openCatalog, runIds } = lab(60);
  const catalog = openCatalog("index.db");
  catalog.sync();
  const [edited = "", deleted = "", added = "", damaged = ""] = runIds;
  fs.renameSync(base.run(added).folder, join(base.base, "elsewhere"));
  catalog.apply(added);
  let told = 0;
  catalog.search.onStale = () => (told += 1);
  await catalog.rebuild(async (path) => {
    await buildIndex(base, path);
    change(base, edited, (manifest) => Object.assign(manifest.metadata, { note: "once again" }));
    catalog.apply(edited);
    fs.rmSync(base.run(deleted).folder, { recursive: true });
    catalog.remove(deleted);
    fs.renameSync(join(base.base, "elsewhere"), base.run(added).folder);
    catalog.insert([requireManifest(base.run(added))]);
    fs.writeFileSync(base.run(damaged).manifest, "");
    catalog.apply(damaged);
    expect(catalog.get(edited)?.note).toBe("once again");
    expect(catalog.list({ limit: 100 }).length).toBe(59);
    await expect(catalog.rebuild(async () => {})).rejects.toThrow("already");
  });
  expect(told).toBeGreaterThan(0);
  const fresh = openCatalog("fresh.db");
  fresh.sync();
  expect(answers(catalog)).toEqual(answers(fresh));
  expect(catalog.get(added)).not.toBeNull();
  expect(fs.readdirSync(base.base).filter((name) => name.includes(".new"))).toEqual([]);
});

test("[D6] an index that is not finished, for whatever reason, changes nothing", async () => {
  const { base, openCatalog } = lab(30);
  const catalog = openCatalog("index.db");
  catalog.sync();
  const before = answers(catalog);
  const abort = new AbortController();
  const killed = catalog.rebuild((path) => {
    abort.abort();
    return buildApart(base, path, { signal: abort.signal });
  });
  await expect(killed).rejects.toThrow("ended early");
  const torn = catalog.rebuild(async (path) => {
    await buildIndex(base, path);
    fs.truncateSync(path, 20_000);
  });
  await expect(torn).rejects.toThrow("cannot be used");
  expect(answers(catalog)).toEqual(before);
  fs.writeFileSync(join(base.base, "other.db.new"), "of a process that was killed");
  fs.mkdirSync(join(base.base, "other.db.new.parts"));
  fs.writeFileSync(join(base.base, "other.db.new.parts", "3"), "of its helper");
  openCatalog("other.db");
  expect(fs.readdirSync(base.base).filter((name) => name.includes(".new"))).toEqual([]);
  await catalog.rebuild((path) => buildApart(base, path));
  expect(answers(catalog)).toEqual(before);
});

test("[D6] a process that makes an index and is killed, or stuck, is told of soon, and the next one makes it", async () => {
  const { base, openCatalog } = lab(30);
  const catalog = openCatalog("index.db");
  catalog.sync();
  const before = answers(catalog);
  for (const [signal, said] of [
    ["SIGKILL", "ended early"],
    ["SIGSTOP", "is stopped for"],
  ] as const) {
    const making = catalog.rebuild((path) => {
      const built = buildApart(base, path, { stuckMs: 300 });
      for (const { pid } of familyOf(process.pid).slice(1)) process.kill(pid, signal);
      return built;
    });
    await expect(making).rejects.toThrow(said);
  }
  await catalog.rebuild((path) => buildApart(base, path));
  expect(answers(catalog)).toEqual(before);
});

test("with very many changes only the newest runs and those that have not ended are read at once", () => {
  const { base, openCatalog, runIds } = lab(30);
  const live = runIds.at(-1) ?? "";
  fs.rmSync(base.run(live).sums);
  const catalog = openCatalog("index.db");
  expect(catalog.sync(10)).toEqual({ read: 11, left: 19, believed: 0 });
  expect(catalog.list({ limit: 100 }).map((run) => run.run_id)).toEqual([...runIds.slice(0, 10), live]);
  expect(catalog.sync(100)).toEqual({ read: 19, left: 0, believed: 0 });
});

test("of a day with very many runs those are read at once that were sealed last", () => {
  const { base, openCatalog, runIds } = lab(6);
  const today = runIds.map((runId, at) => {
    const renamed = base.run(`2026-11-27_${runId.slice(11)}`);
    fs.renameSync(base.run(runId).folder, renamed.folder);
    fs.utimesSync(renamed.sums, at, at);
    return renamed.runId;
  });
  const catalog = openCatalog("index.db");
  expect(catalog.sync(2)).toEqual({ read: 2, left: 4, believed: 0 });
  expect(today.slice(-2).map((runId) => catalog.get(runId)?.run_id)).toEqual(today.slice(-2));
});
