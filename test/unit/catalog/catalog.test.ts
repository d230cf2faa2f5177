/** The catalog against the folders it is made from: same answers however it came to be. */
import { afterEach, expect, test } from "bun:test";
import { mkdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { buildIndex } from "../../../src/catalog/build-index.ts";
import { Catalog } from "../../../src/catalog/catalog.ts";
import { resolveRuns } from "../../../src/catalog/resolve.ts";
import type { ListFilter } from "../../../src/catalog/run-list.ts";
import { type Manifest, manifestText, newManifest } from "../../../src/run/manifest.ts";
import { basePaths } from "../../../src/run/paths.ts";
import { statuses } from "../../../src/run/status.ts";
import { prepareBase } from "../../../src/run/store.ts";
import { tempFolder } from "../../support/temp.ts";

const open: Catalog[] = [];
afterEach(() => {
  for (const catalog of open.splice(0)) catalog.close();
});

function setUp(count: number) {
  const folder = tempFolder();
  const base = basePaths(join(folder, "data"));
  prepareBase(base);
  for (let n = 0; n < count; n++) write(base, sample(n));
  const openCatalog = (name = "index.db") => {
    const catalog = Catalog.open(base, join(folder, name));
    open.push(catalog);
    return catalog;
  };
  return { base, openCatalog, folder };
}

function write(base: ReturnType<typeof basePaths>, manifest: Manifest): void {
  const paths = base.run(manifest.run_id);
  mkdirSync(paths.folder, { recursive: true });
  writeFileSync(paths.manifest, manifestText(manifest));
}

const idOf = (n: number) => `2026-11-${String((n % 28) + 1).padStart(2, "0")}_${n.toString(32).padStart(6, "0")}`;

function sample(n: number): Manifest {
  const manifest = newManifest({
    run_id: idOf(n),
    name: `name-${n % 7}`,
    user: ["ana", "bob"][n % 2] ?? "",
    command: "true",
    argv: ["true"],
    queued_at: new Date(1_700_000_000_000 + n).toISOString(),
    priority: (n % 10) + 1,
    narrative: { tags: [`t${n % 3}`, "all"], experiment_group: n % 4 === 0 ? "g" : null },
    launch: { submit_id: `submit-${n}`, sequence: 1000 + n, held: n % 11 === 0 },
  });
  return { ...manifest, status: statuses[n % statuses.length] ?? "queued" };
}

const filters: ListFilter[] = [
  { limit: 1000 },
  { limit: 7 },
  { limit: 1000, status: ["queued", "failed"] },
  { limit: 1000, status: [] },
  { limit: 1000, user: "ana" },
  { limit: 1000, group: "g" },
  { limit: 1000, tag: "t1" },
  { limit: 10, before: idOf(20) },
  { limit: 1000, tag: "all", user: "bob", status: ["completed"] },
];

function answers(catalog: Catalog) {
  return {
    lists: filters.map((filter) => catalog.list(filter)),
    waiting: catalog.waitingRuns.all().sort((a, b) => a.sequence - b.sequence),
    totals: catalog.totals(),
    words: [catalog.words("tag", "t", 50), catalog.words("group", "", 50)],
    submission: catalog.bySubmission("submit-3"),
    damaged: catalog.damaged(),
    named: catalog.named("name-1", true, 10),
    prefix: catalog.byPrefix("2026-11-0", 1000),
    next: catalog.nextSequence(0),
  };
}

test("a catalog that saw every change and one made from nothing give the same answers", async () => {
  const { base, openCatalog } = setUp(60);
  const grown = openCatalog();
  grown.sync();
  for (let n = 60; n < 90; n++) {
    write(base, sample(n));
    if (n % 2) grown.apply(idOf(n));
    else grown.insert([sample(n)]);
  }
  for (let n = 0; n < 90; n += 5) {
    write(base, { ...sample(n), status: "completed", metrics: { loss: n } });
    grown.apply(idOf(n));
  }
  for (let n = 3; n < 90; n += 9) {
    rmSync(base.run(idOf(n)).folder, { recursive: true });
    grown.remove(idOf(n));
  }
  writeFileSync(base.run(idOf(7)).manifest, "{");
  grown.apply(idOf(7));
  const fresh = openCatalog("other.db");
  fresh.sync();
  const expected = answers(fresh);
  expect(answers(grown)).toEqual(expected);
  await fresh.rebuild((path) => buildIndex(base, path));
  expect(answers(fresh)).toEqual({ ...expected, next: expect.any(Number) as never });
});

test("a start reads only the manifests that changed, and forgets runs that are gone", () => {
  const { base, openCatalog } = setUp(40);
  const first = openCatalog();
  expect(first.sync()).toEqual({ read: 40, left: 0, believed: 0 });
  first.close();
  const second = openCatalog();
  expect(second.sync().read).toBe(0);
  write(base, { ...sample(4), name: "renamed" });
  utimesSync(base.run(idOf(5)).manifest, 1, 1);
  rmSync(base.run(idOf(6)).folder, { recursive: true });
  expect(second.sync().read).toBe(2);
  expect(second.get(idOf(4))?.name).toBe("renamed");
  expect(second.get(idOf(6))).toBeNull();
  expect(Object.values(second.totals()).reduce((sum, count) => sum + count)).toBe(39);
});

test("pages follow each other without a gap or a repeat", () => {
  const { openCatalog } = setUp(55);
  const catalog = openCatalog();
  catalog.sync();
  const seen: string[] = [];
  for (let before: string | undefined; ; ) {
    const page = catalog.list({ limit: 10, before });
    if (page.length === 0) break;
    seen.push(...page.map((run) => run.run_id));
    before = page.at(-1)?.run_id;
  }
  expect(seen).toEqual(catalog.list({ limit: 1000 }).map((run) => run.run_id));
  expect(new Set(seen).size).toBe(55);
});

test("the runs that wait are at hand as planning wants them, and no others", () => {
  const { openCatalog } = setUp(60);
  const catalog = openCatalog();
  catalog.sync();
  const queued = catalog.list({ limit: 1000, status: ["queued"] });
  const waiting = new Map(catalog.waitingRuns.all().map((run) => [run.runId, run]));
  expect([...waiting.keys()].sort()).toEqual(queued.map((run) => run.run_id).sort());
  for (const { run_id, user, priority, held, requested, group } of queued)
    expect(waiting.get(run_id)).toMatchObject({ user, priority, held, requested, facts: { group } });
  const rows = catalog.many(["2026-11-01_nobody", ...waiting.keys()]);
  expect([...rows.keys()].sort()).toEqual([...waiting.keys()].sort());
  const version = catalog.waitingRuns.version;
  catalog.remove(queued[0]?.run_id ?? "");
  expect(catalog.waitingRuns.version).toBeGreaterThan(version);
  expect(catalog.waitingRuns.all()).toHaveLength(queued.length - 1);
});

test("the order of arrival never goes back, whatever the clock and however often it is opened", () => {
  const { openCatalog, base } = setUp(0);
  const catalog = openCatalog();
  const first = catalog.nextSequence(5000);
  expect(catalog.nextSequence(5000)).toBe(first + 1);
  expect(catalog.nextSequence(10)).toBe(first + 2);
  write(base, { ...sample(1), launch: { ...sample(1).launch, sequence: 9000 } });
  catalog.sync();
  expect(catalog.nextSequence(10)).toBe(9001);
});

test("equal names: live before ended, own before others', and several are an error with all of them", () => {
  const { base, openCatalog } = setUp(0);
  const put = (n: number, values: Partial<Manifest>) => write(base, { ...sample(n), ...values });
  put(1, { name: "x", user: "ana", status: "completed" });
  put(2, { name: "x", user: "ana", status: "running" });
  put(3, { name: "x", user: "bob", status: "running" });
  put(4, { name: "y", user: "ana", status: "failed" });
  put(5, { name: "y", user: "ana", status: "failed" });
  const catalog = openCatalog();
  catalog.sync();
  const resolve = (text: string, user: string, many = false) => resolveRuns(catalog, text, { user, many });
  expect(resolve("x", "ana")).toEqual([idOf(2)]);
  expect(resolve("x", "bob")).toEqual([idOf(3)]);
  expect(() => resolve("x", "eve")).toThrow("could be any of 2 runs");
  expect(() => resolve("y", "ana")).toThrow("could be any of 2 runs");
  expect(resolve("@failed", "ana")).toEqual([idOf(5)]);
  expect(resolve("@failed", "ana", true)).toEqual([idOf(5), idOf(4)]);
  expect(resolve("@running", "bob")).toEqual([idOf(3)]);
  expect(resolve("@last", "bob")).toEqual([idOf(3)]);
  expect(resolve("@last", "eve")).toEqual([idOf(5)]);
});

test("best:METRIC and min:METRIC mean the run with the highest and lowest number, of all or of a group", () => {
  const { base, openCatalog } = setUp(0);
  const runs: [number, Manifest["metrics"], string | null][] = [
    [1, { acc: 0.8, loss: 0.5 }, "a"],
    [2, { acc: 0.6, best_acc: 0.95, loss: "NaN" }, "b"],
    [3, { acc: 0.9, loss: 0.1 }, "a"],
    [4, {}, "a"],
  ];
  for (const [n, metrics, group] of runs) {
    const manifest = { ...sample(n), metrics };
    write(base, { ...manifest, narrative: { ...manifest.narrative, experiment_group: group } });
  }
  const catalog = openCatalog();
  catalog.sync();
  const means = (text: string) => resolveRuns(catalog, text, { user: "ana" });
  expect(means("best:acc")).toEqual([idOf(2)]);
  expect(means("best:acc@a")).toEqual([idOf(3)]);
  expect(means("min:loss")).toEqual([idOf(3)]);
  expect(() => means("best:nothing")).toThrow("no run has a number for the metric `nothing`");
  expect(() => means("best:acc@c")).toThrow("group `c`");
  expect(() => means('best:a"b')).toThrow("no run");
});
