/** Searching the catalog: right answers, the same from nothing as after every change, and names that survive. */
import { afterEach, expect, test } from "bun:test";
import * as fs from "node:fs";
import { join } from "node:path";
import { buildIndex } from "../../../src/catalog/build-index.ts";
import { Catalog } from "../../../src/catalog/catalog.ts";
import { MlError } from "../../../src/core/error.ts";
import type { Present } from "../../../src/query/times.ts";
import { type Manifest, manifestText, newManifest } from "../../../src/run/manifest.ts";
import { storeBlob, storeSnapshot } from "../../../src/run/objects.ts";
import { type BasePaths, basePaths } from "../../../src/run/paths.ts";
import { listRunIds, prepareBase, requireManifest } from "../../../src/run/store.ts";
import { corpus, writeCorpus } from "../../support/corpus.ts";
import { tempFolder } from "../../support/temp.ts";

const open: Catalog[] = [];
afterEach(() => {
  for (const catalog of open.splice(0)) catalog.close();
});

const present: Present = { nowMs: Date.UTC(2026, 10, 24), offsetAt: () => 0 };
const asked = { user: "ana", present };

function openCatalog(base: BasePaths, name: string): Catalog {
  const catalog = Catalog.open(base, join(base.base, name));
  open.push(catalog);
  return catalog;
}

function upToDate(base: BasePaths, name = "index.db"): Catalog {
  const catalog = openCatalog(base, name);
  catalog.sync();
  // In a hurry, newest first: names get other ids than from a rebuild.
  expect(catalog.search.catchUp(600_000)).toBe(0);
  return catalog;
}

function write(base: BasePaths, manifest: Manifest): void {
  const paths = base.run(manifest.run_id);
  fs.mkdirSync(paths.folder, { recursive: true });
  fs.writeFileSync(paths.manifest, manifestText(manifest));
}

const idsOf = (catalog: Catalog, query: string, limit = 1000) =>
  catalog.finder.page(query, { ...asked, limit }).runs.map(({ record }) => record.run_id);

const queries = [
  ...["", "status:failed", "status:failed,cancelled gpu:2", "warmup", "warm*", '"linear learning rate"', "-warmup"],
  ...["lr>=1e-3 batch_size:64", "optimizer:adam or optimizer:sgd", "optimizer~ada", "val_acc>0.87 -tag:ablation"],
  ...["failure:gpu_oom,oom", "verdict:refutes note~warmup", "since:2026-06 until:2026-07", "user:me has:outcome"],
  ...["runtime>4h", "package:torch==2.4*", "host:gpu01 dataset:imagenet", "group:bs-* learned~scaling", "is:ended"],
  ...["best val_acc with warmup", "sort:lr", "sort:-runtime status:completed", "sort:relevance warmup spikes", "oom"],
  ...["(tag:paper or tag:lm) -status:failed", "log~loading", "error~shapes", "perplexity:*", "script:pretrain.py"],
  ...["annotation~paper", "project:vision branch:exp", "ended:2026-05", "waited<10m", "learning_rate>=1e-3"],
];

const answers = (catalog: Catalog) =>
  queries.map((query) => {
    const { read, runs, columns, more, total } = catalog.finder.page(query, { ...asked, limit: 30, count: true });
    return JSON.stringify({ query, echo: read.echo, runs, columns, more, total });
  });

test("[D6] an index that saw every change and one made from nothing give byte-equal answers", async () => {
  const base = basePaths(join(tempFolder(), "data"));
  writeCorpus(base.base, { count: 160, seed: 3 });
  const lived = upToDate(base);
  const runIds = listRunIds(base);
  for (const [at, runId] of runIds.entries()) {
    if (at % 20 === 0) fs.rmSync(base.run(runId).folder, { recursive: true });
    else if (at % 7 === 0) {
      const manifest = requireManifest(base.run(runId));
      manifest.annotations.push({ timestamp: "2026-11-23T10:00:00Z", author: "ana", note: "warmup was the reason" });
      manifest.narrative.tags = ["ablation"];
      write(base, manifest);
    } else if (at % 33 === 0) fs.writeFileSync(base.run(runId).manifest, "{");
    else continue;
    lived.apply(runId);
    if (at % 5 === 0) lived.search.catchUp(0);
  }
  lived.search.catchUp(Number.POSITIVE_INFINITY);
  const before = answers(lived);
  const synced = upToDate(base, "synced.db");
  expect(answers(synced)).toEqual(before);
  const rebuilt = openCatalog(base, "rebuilt.db");
  await rebuilt.rebuild((path) => buildIndex(base, path));
  expect(rebuilt.search.pending()).toBe(0);
  expect(answers(rebuilt)).toEqual(before);
  await lived.rebuild((path) => buildIndex(base, path));
  expect(answers(lived)).toEqual(before);
});

test("every kind of condition finds exactly the runs that fulfil it", () => {
  const base = basePaths(join(tempFolder(), "data"));
  writeCorpus(base.base, { count: 250, seed: 5 });
  const catalog = upToDate(base);
  const runs = listRunIds(base).map((runId) => requireManifest(base.run(runId)));
  const argument = (run: Manifest, name: string) => run.argv[run.argv.indexOf(name) + 1];
  const cases: [string, (run: Manifest) => boolean][] = [
    ["status:failed gpu:2", (run) => run.status === "failed" && run.resources.assigned?.gpu_ids[0] === "2"],
    ["lr>=1e-3", (run) => run.argv.includes("--lr") && Number(argument(run, "--lr")) >= 1e-3],
    ["lr:3e-4", (run) => argument(run, "--lr") === "0.0003"],
    ["val_acc>0.87", (run) => Number(run.metrics.val_acc) > 0.87],
    ["-has:note", (run) => run.metadata.note === null],
    ["optimizer:sgd", (run) => run.argv.includes("sgd")],
    ["tag:warmup -status:completed", (run) => run.narrative.tags.includes("warmup") && run.status !== "completed"],
    ["hypothesis~budgets", (run) => /budget/.test(run.narrative.hypothesis ?? "")],
    ["since:2026-09-01", (run) => run.queued_at >= "2026-09-01"],
    ["user:ana or failure:timeout", (run) => run.user === "ana" || run.failure?.kind === "timeout"],
    ["not (user:ana or user:bob)", (run) => run.user !== "ana" && run.user !== "bob"],
    [
      "script:finetune.py dropout:0.3..",
      (run) => Number(argument(run, "--dropout")) >= 0.3 && run.argv[1] === "finetune.py",
    ],
    [
      "runtime>6h",
      (run) => run.started_at !== null && Date.parse(run.ended_at ?? "") - Date.parse(run.started_at) > 6 * 3.6e6,
    ],
  ];
  for (const [query, test] of cases) {
    const expected = runs.filter(test).map((run) => run.run_id);
    expect([query, idsOf(catalog, query).sort()]).toEqual([query, expected.sort()]);
    expect(expected.length).toBeGreaterThan(0);
    const { runIds } = catalog.finder.findRuns(query, { ...asked, most: 1000 });
    expect(runIds.sort()).toEqual(expected);
  }
});

test("what a run lacks is found by its denial, and what every run has by a star", () => {
  const base = basePaths(join(tempFolder(), "data"));
  writeCorpus(base.base, { count: 20, seed: 8 });
  const [bare] = corpus({ count: 1, seed: 9 });
  if (bare === undefined) throw new Error("the corpus is empty");
  write(base, { ...bare, run_id: "2026-11-22_bare00", narrative: { ...bare.narrative, experiment_group: null } });
  const catalog = upToDate(base);
  expect(idsOf(catalog, "-group:*")).toEqual(["2026-11-22_bare00"]);
  const groups = listRunIds(base).map((runId) => requireManifest(base.run(runId)).narrative.experiment_group);
  const others = groups.filter((group) => group !== "bs-scaling").length;
  expect(idsOf(catalog, "-group:bs-scaling")).toHaveLength(others);
  expect(idsOf(catalog, "not (group:bs-scaling or priority>10)")).toHaveLength(others);
  for (const field of ["user", "status", "name", "run", "script"])
    expect([field, idsOf(catalog, `${field}:*`).length]).toEqual([field, 21]);
});

test("newest first, pages follow each other, and sorting is by the value", () => {
  const base = basePaths(join(tempFolder(), "data"));
  writeCorpus(base.base, { count: 120, seed: 6 });
  const catalog = upToDate(base);
  const all = idsOf(catalog, "status:completed");
  const paged: string[] = [];
  for (let before: string | null = null; ; ) {
    const page = catalog.finder.page("status:completed", { ...asked, limit: 25, before });
    paged.push(...page.runs.map(({ record }) => record.run_id));
    if (!page.more) break;
    before = paged.at(-1) ?? null;
  }
  expect(paged).toEqual(all);
  const best = catalog.finder.page("best val_acc", { ...asked, limit: 50 });
  const values = best.runs.map(({ values }) => Number(values.val_acc));
  expect(values).toEqual([...values].sort((a, b) => b - a));
  expect(best.columns).toEqual(["val_acc"]);
  const narrowed = catalog.finder.page("dataset:cifar10 group:warmup-study gpu:1 sort:val_loss", {
    ...asked,
    limit: 50,
  });
  const losses = narrowed.runs.map(({ values }) => Number(values.val_loss));
  expect(losses).toEqual([...losses].sort((a, b) => a - b));
});

test("the best of a metric among hits of a word is by whichever of its names says more, up and down", () => {
  const base = basePaths(join(tempFolder(), "data"));
  prepareBase(base);
  const runs = [...corpus({ count: 150, seed: 9 })];
  for (const [at, run] of runs.entries()) {
    const { val_acc: acc, val_loss: loss } = run.metrics;
    run.metrics = {};
    // Rounded, so that many are equal; some have both names, some only one.
    if (acc !== undefined && at % 4 !== 0) run.metrics.val_acc = Number(Number(acc).toFixed(2));
    if (acc !== undefined && at % 3 !== 0) run.metrics.best_val_acc = Number((Number(acc) + (at % 5) / 100).toFixed(2));
    if (loss !== undefined && at % 4 !== 0) run.metrics.val_loss = Number(Number(loss).toFixed(2));
    if (loss !== undefined && at % 3 !== 0)
      run.metrics.best_val_loss = Number((Number(loss) - (at % 5) / 100).toFixed(2));
    write(base, run);
  }
  const catalog = upToDate(base);
  const hits = new Set(idsOf(catalog, "warmup"));
  expect(hits.size).toBeGreaterThan(15);
  for (const [name, sign] of [
    ["val_acc", -1],
    ["val_loss", 1],
  ] as const) {
    const scored = runs.flatMap(({ run_id: runId, metrics }, at) => {
      const values = [metrics[name], metrics[`best_${name}`]].filter((value) => value !== undefined).map(Number);
      const best = sign < 0 ? Math.max(...values) : Math.min(...values);
      return values.length > 0 && hits.has(runId) ? [{ runId, best, at }] : [];
    });
    scored.sort((a, b) => sign * (a.best - b.best) || b.at - a.at);
    for (const limit of [1, 5, 20]) {
      const page = catalog.finder.page(`best ${name} with warmup`, { ...asked, limit });
      expect(page.runs.map(({ record }) => record.run_id)).toEqual(scored.slice(0, limit).map(({ runId }) => runId));
    }
  }
});

test("runs with one value come newest first, up and down, however many there are", async () => {
  const base = basePaths(join(tempFolder(), "data"));
  prepareBase(base);
  // More of one value than a sorted search reads at first.
  const count = 1300;
  for (let at = 0; at < count; at++) {
    const value = at < 20 ? 0 : at < count - 20 ? 1 : 2;
    const run = { run_id: `2026-11-01_${at.toString(32).padStart(6, "0")}`, name: `n${at}`, user: "ana" };
    const argv = ["python", "train.py", "--level", String(value)];
    const manifest = { ...run, argv, command: argv.join(" "), queued_at: new Date(1e12 + at).toISOString() };
    write(base, newManifest({ ...manifest, launch: { sequence: 1e12 + at } }));
  }
  const catalog = openCatalog(base, "index.db");
  await catalog.rebuild((path) => buildIndex(base, path));
  const names = (query: string, limit: number) =>
    catalog.finder.page(query, { ...asked, limit }).runs.map(({ record }) => Number(record.name.slice(1)));
  const down = (from: number, to: number) => Array.from({ length: from - to + 1 }, (_, at) => from - at);
  expect(names("sort:level", 30)).toEqual([...down(19, 0), ...down(count - 21, count - 30)]);
  expect(names("sort:-level", 30)).toEqual([...down(count - 1, count - 20), ...down(count - 21, count - 30)]);
  expect(names("sort:level user:ana train", 25)).toEqual([...down(19, 0), ...down(count - 21, count - 25)]);
  expect(names("sort:level level:1", 5)).toEqual(down(count - 21, count - 25));
  expect(names("level:1..2", 3)).toEqual(down(count - 1, count - 3));
});

async function withCode(
  base: BasePaths,
  given: Partial<Manifest> & { run_id: string; argv: string[] },
  files: Record<string, string>,
) {
  const entries = [];
  for (const [path, text] of Object.entries(files).sort()) {
    const bytes = new TextEncoder().encode(text);
    const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
    await storeBlob(base, bytes, hash);
    entries.push({ path, kind: "file" as const, size: bytes.length, hash });
  }
  const snapshot = storeSnapshot(base, { version: 1, files: entries });
  const { environment, ...rest } = given;
  const manifest = newManifest({
    ...{ name: "x", user: "ana", command: given.argv.join(" "), queued_at: `${given.run_id.slice(0, 10)}T08:00:00Z` },
    ...rest,
    environment: { ...environment, snapshot },
  });
  write(base, manifest);
}

test("a renamed script keeps its history, a copy does not take it", async () => {
  const base = basePaths(join(tempFolder(), "data"));
  prepareBase(base);
  const body = Array.from({ length: 20 }, (_, at) => `step_${at} = compute(${at})`).join("\n");
  const run = (day: string, script: string, files: Record<string, string>) =>
    withCode(base, { run_id: `2026-11-${day}_aaaaaa`, argv: ["python", script] }, files);
  await run("01", "train.py", { "train.py": body });
  await run("02", "fit.py", { "fit.py": body.replace("step_3", "stage_3") });
  await run("03", "src/fit_model.py", { "src/fit_model.py": `${body.replace("step_3", "stage_3")}\nlast = 1` });
  await run("04", "other.py", { "other.py": "import nothing\nunrelated = True", "fit.py": body });
  await run("05", "copy.py", {
    "copy.py": `${body}\n`,
    "fit.py": body.replace("step_3", "stage_3"),
    "train.py": body,
    "src/fit_model.py": body,
  });
  const catalog = upToDate(base);
  const days = (query: string) => idsOf(catalog, query).map((runId) => runId.slice(8, 10));
  expect(days("script:fit_model.py")).toEqual(["03", "02", "01"]);
  expect(days("script:train.py")).toEqual(["03", "02", "01"]);
  expect(days("script:other.py")).toEqual(["04"]);
  expect(days("script:copy.py")).toEqual(["05"]);
  expect(days("code:other.py")).toEqual(["04"]);
});

test("a project is one under its name, its remotes and its root commit", async () => {
  const base = basePaths(join(tempFolder(), "data"));
  prepareBase(base);
  const run = (day: string, environment: Partial<Manifest["environment"]>) =>
    withCode(
      base,
      {
        run_id: `2026-11-${day}_aaaaaa`,
        argv: ["python", "train.py"],
        environment: environment as Manifest["environment"],
      },
      { "train.py": day },
    );
  const root = "ab".repeat(20);
  await run("01", { git_remote: "git@gitlab.com:lab/vision.git" });
  await run("02", { git_remote: "https://ana@gitlab.com/lab/vision", git_root: root });
  await run("03", { git_remote: "ssh://git@github.com:22/lab/sight.git", git_root: root });
  await run("04", { git_remote: "ssh://git@github.com/lab/sight.git", project: "Eyes" });
  await run("05", { git_remote: "git@github.com:lab/hearing.git" });
  const catalog = upToDate(base);
  for (const name of ["vision", "sight", "Eyes", "gitlab.com/lab/vision", root.slice(0, 10)])
    expect(idsOf(catalog, `project:${name}`).length).toBe(4);
  expect(idsOf(catalog, "project:hearing").length).toBe(1);
});

test("parameters come from config files in the code; a name is found by its last part and by synonyms", async () => {
  const base = basePaths(join(tempFolder(), "data"));
  prepareBase(base);
  await withCode(
    base,
    { run_id: "2026-11-01_aaaaaa", argv: ["python", "train.py", "--config", "conf/base.yaml"] },
    {
      "train.py": "x",
      "conf/base.yaml": "optim:\n  learning_rate: 3e-4\nmodel: resnet\n",
    },
  );
  const catalog = upToDate(base);
  for (const query of [
    "optim.learning_rate:3e-4",
    "learning_rate<1e-3",
    "lr:3e-4",
    "model:resnet",
    "resnet",
    "param.lr:*",
  ])
    expect([query, idsOf(catalog, query).length]).toEqual([query, 1]);
  expect(idsOf(catalog, "lr>1")).toEqual([]);
});

test("[I4] what full text or SQL would take for syntax is only words", () => {
  const base = basePaths(join(tempFolder(), "data"));
  writeCorpus(base.base, { count: 20, seed: 8 });
  const catalog = upToDate(base);
  for (const query of [
    '"AND"',
    "NEAR",
    'note~"a OR b*"',
    "x'; DROP TABLE runs; --",
    "naïve",
    "日本語",
    "a^2",
    "{note}",
    "user:*'*",
    'tag:"]["',
    "column:x",
  ]) {
    try {
      idsOf(catalog, query);
    } catch (cause) {
      if (!(cause instanceof MlError)) throw cause;
      expect(cause.message).toStartWith("bad search: ");
      expect(cause.message).not.toMatch(/sql|fts5/i);
    }
  }
  expect(idsOf(catalog, "").length).toBe(20);
});
