/** P11: the index: made from run folders, asked a mix of questions, and asked by `ml find` in all. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { buildIndex } from "../src/catalog/build-index.ts";
import { Catalog } from "../src/catalog/catalog.ts";
import type { Present } from "../src/query/times.ts";
import { basePaths } from "../src/run/paths.ts";
import { writeCorpus } from "../test/support/corpus.ts";
import { alternately, growthExponent, quantile, type Spread, spread, timed } from "./measure.ts";
import { startOurs } from "./ours.ts";
import type { BenchContext, Line, Row } from "./table.ts";

/** What people ask: terms, words, numbers, English; common and rare; newest first but for the last three. */
const questions = [
  ...["", "status:failed", "status:failed gpu:2 since:30d", "warmup", '"linear learning rate"', "warm* -tag:ablation"],
  ...[
    "lr>=1e-3 batch_size:64",
    "optimizer:adam val_acc>0.87",
    "failure:gpu_oom lr:3e-3",
    "verdict:refutes note~warmup",
  ],
  ...[
    "user:ana has:outcome since:90d",
    "runtime>7h host:gpu01",
    "package:torch==2.4* dataset:wikitext",
    "nothinglikethis",
  ],
  ...["failed runs on GPU2 last week", "tag:paper or tag:lm", "-has:verdict status:completed", "perplexity<20"],
  ...["best val_acc with warmup since March", "longest runs of bob", "sort:lr dropout:*"],
];

/** The whole of a question's times is held against the goal of the 95th percentile; no kind of question should be near it. */
const goalMs = { p95: 10, kind: 8 };

const present: Present = { nowMs: Date.UTC(2026, 10, 23, 12), offsetAt: () => 0 };

interface Measured {
  rebuildMs: number;
  queries: Spread;
  p95Ms: number;
  slowest: string;
  /** Kinds whose median is beyond the goal, the worst first, with it. */
  slowKinds: string[];
}

async function measure(base: string, rounds: number): Promise<Measured> {
  // What is measured is reading folders, not their way to the disk.
  Bun.spawnSync(["sync"]);
  const path = join(base, "bench-index.db");
  const catalog = Catalog.open(basePaths(base), path);
  try {
    const started = performance.now();
    // As `ml reindex` does it, but at our own priority.
    await catalog.rebuild((made) => buildIndex(basePaths(base), made));
    const rebuildMs = performance.now() - started;
    const times: { ms: number; question: string }[] = [];
    for (let round = 0; round <= rounds; round++) {
      for (const question of questions) {
        const at = performance.now();
        catalog.finder.page(question, { user: "ana", present, limit: 20 });
        if (round > 0) times.push({ ms: performance.now() - at, question });
      }
    }
    times.sort((a, b) => a.ms - b.ms);
    const sorted = times.map(({ ms }) => ms);
    const kinds = questions.map((question) => {
      const own = times.filter((time) => time.question === question).map(({ ms }) => ms);
      return { question, median: quantile(own, 0.5) };
    });
    const slow = kinds.filter(({ median }) => median > goalMs.kind).sort((a, b) => b.median - a.median);
    return {
      ...{ rebuildMs, queries: spread(sorted), p95Ms: quantile(sorted, 0.95), slowest: times.at(-1)?.question ?? "" },
      slowKinds: slow.map(({ question, median }) => `\`${question}\` ${median.toFixed(1)} ms`),
    };
  } finally {
    catalog.close();
    for (const suffix of ["", "-wal", "-shm"]) rmSync(`${path}${suffix}`, { force: true });
  }
}

const once = (value: number): Spread => ({ median: value, min: value, max: value, count: 1 });

async function wholeCommand(context: BenchContext, count: number): Promise<Line> {
  const ours = await startOurs(context, { name: `find-${count}`, prepare: (base) => writeCorpus(base, { count }) });
  const question = ["find", "status:failed lr>=1e-3 since:90d"];
  // The first answer waits for the index; what is measured comes after.
  for (let left = 1; left > 0; )
    left = (JSON.parse(ours.ml(...question, "--json").stdout) as { behind: number }).behind;
  const found = await alternately(
    { find: () => ours.ml(...question).ms, noop: () => timed([context.noop]).ms },
    context.long ? 60 : 15,
  );
  await ours.stop();
  return {
    ...{ what: `ml find in all, ${count} runs`, unit: "ms", ours: found.find },
    limit: { name: "compiled no-op", value: found.noop },
    ...{ goal: "no-op + 23 ms", met: found.find.median <= found.noop.median + 23 },
  };
}

export const row: Row = {
  id: "P11",
  title: "the index and its questions",
  async run(context) {
    const sizes = context.long ? [1000, 10_000, 100_000] : [300, 1000, 3000];
    const found: Measured[] = [];
    for (const count of sizes) {
      const base = join(context.folder, `corpus-${count}`);
      writeCorpus(base, { count });
      found.push(await measure(base, context.long ? 20 : 10));
      rmSync(base, { recursive: true, force: true });
    }
    const last = found.at(-1);
    const most = sizes.at(-1) ?? 0;
    const growth = (pick: (one: Measured) => number) => ({
      sizes,
      exponent: growthExponent(sizes.map((n, at) => ({ n, cost: found[at] === undefined ? NaN : pick(found[at]) }))),
    });
    const rebuild: Line = {
      ...{ what: `index of ${most} runs from their folders`, unit: "s", ours: once((last?.rebuildMs ?? NaN) / 1000) },
      ...{ goal: "0.15 ms a run", met: (last?.rebuildMs ?? Infinity) <= most * 0.15 },
      growth: growth(({ rebuildMs }) => rebuildMs),
      note: found.map(({ rebuildMs }, at) => `${sizes[at]}: ${(rebuildMs / 1000).toFixed(2)} s`).join(", "),
    };
    const queries: Line = {
      ...{
        what: `questions at ${most} runs, p95`,
        unit: "ms",
        ours: { ...once(last?.p95Ms ?? NaN), ...last?.queries, median: last?.p95Ms ?? NaN },
      },
      ...{ goal: `${goalMs.p95} ms`, met: (last?.p95Ms ?? Infinity) <= goalMs.p95 },
      growth: growth(({ p95Ms }) => p95Ms),
      note: [
        ...[`median ${last?.queries.median.toFixed(2)} ms`, `slowest: \`${last?.slowest}\``],
        `kinds with a median over ${goalMs.kind} ms: ${last?.slowKinds.join(", ") || "none"}`,
      ].join("; "),
    };
    return [rebuild, queries, await wholeCommand(context, context.long ? 10_000 : 1000)];
  },
};
