/**
 * Whatever way a search takes through the index, its answer is that of a plain reading: every run is asked every term, and
 * what is left is sorted. Enough runs that lists are long, pages are not among the first, and words have many hits.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { Catalog } from "../../../src/catalog/catalog.ts";
import type { Manifest } from "../../../src/run/manifest.ts";
import { basePaths } from "../../../src/run/paths.ts";
import { indexCorpus } from "../../support/corpus-index.ts";
import { seeded } from "../../support/seeded.ts";
import { tempFolder } from "../../support/temp.ts";

const count = 3200;
const runs: Manifest[] = [];
let catalog: Catalog;

beforeAll(() => {
  const path = join(tempFolder(), "index.db");
  indexCorpus(path, { count, seed: 11 }, (manifest) => runs.push(manifest));
  catalog = Catalog.open(basePaths(join(tempFolder(), "data")), path);
  // Newest first.
  runs.reverse();
});
afterAll(() => catalog.close());

const argument = (run: Manifest, name: string) => {
  const at = run.argv.indexOf(`--${name.replaceAll("_", "-")}`);
  return at < 0 ? null : (run.argv[at + 1] ?? null);
};
const parameter = (run: Manifest, name: string) => {
  const text = argument(run, name);
  return text === null || !Number.isFinite(Number(text)) ? null : Number(text);
};
const metric = (run: Manifest, name: string) => (typeof run.metrics[name] === "number" ? run.metrics[name] : null);
const hours = ({ started_at, ended_at }: Manifest) =>
  started_at === null || ended_at === null ? null : (Date.parse(ended_at) - Date.parse(started_at)) / 3_600_000;
const over = (value: number | null, bound: number) => value !== null && value > bound;
const allText = ({ name, metadata, narrative, annotations, command, failure }: Manifest) =>
  JSON.stringify([name, metadata, narrative, annotations, command, failure]);

const terms: readonly (readonly [string, (run: Manifest) => boolean])[] = [
  ["status:failed", (run) => run.status === "failed"],
  ["-status:completed", (run) => run.status !== "completed"],
  ["user:bob", (run) => run.user === "bob"],
  ["gpu:2", (run) => run.resources.assigned?.gpu_ids[0] === "2"],
  ["host:gpu01", (run) => run.resources.host === "gpu01"],
  ["tag:ablation", (run) => run.narrative.tags.includes("ablation")],
  ["-tag:ablation", (run) => !run.narrative.tags.includes("ablation")],
  ["failure:gpu_oom,oom", (run) => run.failure?.kind === "gpu_oom" || run.failure?.kind === "oom"],
  ["script:train.py", (run) => run.argv[1] === "train.py"],
  ["group:lm-*", (run) => run.narrative.experiment_group === "lm-context"],
  ["has:outcome", (run) => run.narrative.outcome !== null],
  ["-has:verdict", (run) => run.narrative.validation_status === null],
  ["since:2026-08-01", (run) => run.queued_at >= "2026-08-01"],
  ["until:2026-02", (run) => run.queued_at < "2026-03-01"],
  ["lr>=1e-3", (run) => (parameter(run, "lr") ?? 0) >= 1e-3],
  ["lr:3e-4", (run) => parameter(run, "lr") === 3e-4],
  ["lr:*", (run) => parameter(run, "lr") !== null],
  ["dropout:*", (run) => parameter(run, "dropout") !== null],
  ["batch_size:64", (run) => parameter(run, "batch_size") === 64],
  ["optimizer:Adam", (run) => argument(run, "optimizer") === "adam"],
  ["optimizer:adam*", (run) => argument(run, "optimizer")?.startsWith("adam") === true],
  ["-optimizer:sgd", (run) => argument(run, "optimizer") !== "sgd"],
  ["val_acc>0.86", (run) => over(metric(run, "val_acc"), 0.86)],
  ["val_acc>0.88", (run) => over(metric(run, "val_acc"), 0.88)],
  ["perplexity:*", (run) => metric(run, "perplexity") !== null],
  ["runtime>7h", (run) => over(hours(run), 7)],
  ["warmup", (run) => /\bwarmup\b/i.test(allText(run))],
  ["-warmup", (run) => !/\bwarmup\b/i.test(allText(run))],
  ["python", () => true],
  ["note~repeating", (run) => /repeating/i.test(String(run.metadata.note))],
  [
    "(optimizer:sgd or dropout:0.3)",
    (run) => argument(run, "optimizer") === "sgd" || parameter(run, "dropout") === 0.3,
  ],
  ["(tag:lm or user:ana)", (run) => run.narrative.tags.includes("lm") || run.user === "ana"],
];

type By = (run: Manifest) => number | null;
const better = (run: Manifest) => {
  const values = [metric(run, "val_acc"), metric(run, "best_val_acc")].filter((value) => value !== null);
  return values.length === 0 ? null : Math.max(...values);
};
const sorts: readonly (readonly [string, By | null, "up" | "down"])[] = [
  ["", null, "down"],
  ["sort:oldest", null, "up"],
  ["sort:lr", (run) => parameter(run, "lr"), "up"],
  ["sort:-dropout", (run) => parameter(run, "dropout"), "down"],
  ["sort:-val_acc", (run) => metric(run, "val_acc"), "down"],
  ["sort:best:val_acc", better, "down"],
  ["sort:loss", (run) => metric(run, "loss"), "up"],
  ["sort:-runtime", hours, "down"],
];

function plainly(tests: readonly ((run: Manifest) => boolean)[], by: By | null, way: "up" | "down"): string[] {
  const found = runs.filter((run) => tests.every((test) => test(run)));
  if (by === null) return (way === "up" ? found.reverse() : found).map((run) => run.run_id);
  const valued = found.flatMap((run) => {
    const value = by(run);
    return value === null ? [] : [{ run, value: way === "up" ? value : -value }];
  });
  // Stable: equal values stay newest first.
  return valued.sort((a, b) => a.value - b.value).map(({ run }) => run.run_id);
}

const limit = 25;
const present = { nowMs: Date.UTC(2026, 10, 24), offsetAt: () => 0 };

function asked(query: string, before: string | null): string[] {
  const page = catalog.finder.page(query, { user: "ana", present, literal: true, limit, before });
  return page.runs.map(({ record }) => record.run_id);
}

test("random terms and orders, the first page and the next: as a plain reading of every run", () => {
  const random = seeded(5);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const cases = [
    ...terms.flatMap((term) => [pick(sorts), sorts[0]].map((sort) => ({ chosen: [term], sort }))),
    ...Array.from({ length: 260 }, () => ({
      chosen: Array.from({ length: 2 + Math.floor(random() * 2) }, () => pick(terms)),
      sort: pick(sorts),
    })),
  ];
  let empty = 0;
  for (const { chosen, sort = sorts[0] } of cases) {
    if (sort === undefined) continue;
    const query = [...chosen.map(([text]) => text), sort[0]].join(" ").trim();
    const all = plainly(
      chosen.map(([, test]) => test),
      sort[1],
      sort[2],
    );
    const first = asked(query, null);
    expect([query, ...first]).toEqual([query, ...all.slice(0, limit)]);
    if (first.length === 0) empty += 1;
    if (sort[0] === "" && all.length > limit)
      expect([query, ...asked(query, first.at(-1) ?? null)]).toEqual([query, ...all.slice(limit, 2 * limit)]);
  }
  expect(empty).toBeLessThan(cases.length / 2);
});

test("names that never meet have no runs, and are counted as none; names that meet are found", () => {
  expect(asked("lr:* dropout:*", null)).toEqual([]);
  const { finder } = catalog;
  expect(finder.page("lr:* dropout:*", { user: "ana", present, limit, count: true }).total).toBe(0);
  expect(asked("lr:* warmup:* sort:-val_acc", null)).toEqual(
    plainly(
      [(run) => parameter(run, "lr") !== null && parameter(run, "warmup") !== null],
      (run) => metric(run, "val_acc"),
      "down",
    ).slice(0, limit),
  );
});
