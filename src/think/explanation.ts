/**
 * Why two runs ended with different values of a metric, as far as other runs bear witness. The noise floor is the spread
 * among repeats (same set-up, other seeds); a gap that chance alone makes is said to be within noise, and without
 * repeats nothing is claimed. A cause that differs gets as evidence every pair of other runs that differs in it alone: the two
 * themselves bear no witness to their own gap. Runs that broke off are no witnesses: they were measured at another step.
 */
import type { Cell, DifferenceRow, Facet, FacetDifference } from "./difference.ts";
import { isPlace, isSeed, type RunFacts, signatureOf, type Without } from "./run-facts.ts";
import { median, pooledSpread, type Spread, student95 } from "./statistics.ts";

export interface Cause {
  facet: Facet;
  key: string;
  a: Cell;
  b: Cell;
  /**
   * Pairs of other runs that differ in this alone, from a's value to b's: how the metric moved, in how many of the pairs the way
   * that it did from a to b, and how many runs they are; null without any.
   */
  evidence: { median: number; low: number; high: number; pairs: number; same_way: number; runs: number } | null;
  /** Its weight by the rules of difference.ts, for what has no evidence. */
  weight: number;
}

export interface Explanation {
  metric: string;
  a: number;
  b: number;
  /** b − a. */
  gap: number;
  /** `beyond_noise`, `within_noise`, or `cannot_tell` where there are too few repeats. */
  verdict: "beyond_noise" | "within_noise" | "cannot_tell";
  /** One sentence on how that was judged, with n. */
  reason: string;
  noise: (Spread & { own: boolean; threshold: number }) | null;
  /** What keeps the two from being compared in full, a sentence each. */
  reserves: string[];
  /** Most plausible first; `only` where nothing else differs. */
  causes: Cause[];
  more: number;
}

const mostCauses = 12;
const leastFreedom = 2;

const number = (value: number) => String(Number(value.toPrecision(3)));

function noiseOf(
  a: RunFacts,
  b: RunFacts,
  options: { pool: readonly RunFacts[]; metric: string },
): Explanation["noise"] {
  const groups = new Map<string, number[]>();
  for (const run of options.pool) {
    const value = run.metrics[options.metric];
    if (value === undefined || run.status !== "completed") continue;
    const key = signatureOf(run);
    groups.set(key, [...(groups.get(key) ?? []), value]);
  }
  const mine = [...new Set([signatureOf(a), signatureOf(b)])].map((key) => groups.get(key) ?? []);
  const ownSpread = pooledSpread(mine);
  const own = ownSpread !== null && ownSpread.freedom >= leastFreedom;
  const spread = own ? ownSpread : pooledSpread(groups.values());
  if (spread === null) return null;
  return { ...spread, own, threshold: student95(spread.freedom) * Math.SQRT2 * spread.deviation };
}

function judge(gap: number, noise: Explanation["noise"], same: boolean): Pick<Explanation, "verdict" | "reason"> {
  if (noise === null || noise.freedom < leastFreedom) {
    const count = noise === null ? "no set-up was repeated" : `only ${noise.runs} runs are repeats`;
    return {
      verdict: "cannot_tell",
      reason: `${count}, so how far chance alone moves it is not known; queue it again with other seeds${same ? "" : ", both ways"}`,
    };
  }
  const repeats = `${noise.runs} repeats of ${noise.groups} ${noise.groups === 1 ? "set-up" : "set-ups"}${noise.own ? "" : " like these"}`;
  const floor = `two runs of one set-up differ by up to ${number(noise.threshold)} by chance (95 %, from ${repeats}, deviation ${number(noise.deviation)})`;
  return Math.abs(gap) <= noise.threshold
    ? { verdict: "within_noise", reason: floor }
    : { verdict: "beyond_noise", reason: floor };
}

interface Witnesses {
  a: RunFacts;
  b: RunFacts;
  pool: readonly RunFacts[];
  metric: string;
}

interface Moves {
  by: number[];
  runs: Set<string>;
}

/** How the metric moved from each run with a's value to each with b's, where all else is the same. */
function movesOf(read: (run: RunFacts) => Cell, without: Without, { a, b, pool, metric }: Witnesses): Moves {
  const isWitness = ({ run_id, status, metrics }: RunFacts) =>
    metrics[metric] !== undefined && status === "completed" && run_id !== a.run_id && run_id !== b.run_id;
  const measured = pool.filter(isWitness);
  const starts = Map.groupBy(
    measured.filter((run) => read(run) === read(a)),
    (run) => signatureOf(run, without),
  );
  const moves: Moves = { by: [], runs: new Set() };
  for (const run of measured) {
    if (read(run) !== read(b)) continue;
    for (const start of starts.get(signatureOf(run, without)) ?? []) {
      moves.by.push((run.metrics[metric] ?? 0) - (start.metrics[metric] ?? 0));
      moves.runs.add(run.run_id).add(start.run_id);
    }
  }
  return moves;
}

/** Pairs with the same seed tell most; where there are none, any seeds. */
function evidenceOf(read: (run: RunFacts) => Cell, without: Without, witnesses: Witnesses): Cause["evidence"] {
  const paired = movesOf(read, { ...without, keepSeed: true }, witnesses);
  const { by, runs } = paired.by.length > 0 ? paired : movesOf(read, without, witnesses);
  if (by.length === 0) return null;
  const { a, b, metric } = witnesses;
  const way = Math.sign((b.metrics[metric] ?? 0) - (a.metrics[metric] ?? 0));
  by.sort((one, other) => one - other);
  return {
    median: median(by),
    low: by[0] ?? 0,
    high: by.at(-1) ?? 0,
    pairs: by.length,
    same_way: by.filter((step) => Math.sign(step) === way).length,
    runs: runs.size,
  };
}

/** Evidence that points the way of the gap, the larger the better; then what has none, by weight. */
function plausibility(cause: Cause, gap: number): number {
  if (cause.evidence === null) return cause.weight / 1000;
  return Math.sign(cause.evidence.median) === Math.sign(gap) ? 1 + Math.abs(cause.evidence.median / gap) : 0;
}

const causal: readonly Facet[] = ["arguments", "code", "packages", "data", "hardware", "environment"];

export interface ExplainOptions {
  a: RunFacts;
  b: RunFacts;
  metric: string;
  /** Runs of the same script, the two among them. */
  pool: readonly RunFacts[];
  differences: readonly FacetDifference[];
}

/** Changed files count as one cause: no other pair of runs could tell them apart. */
function codeRow({ a, b }: ExplainOptions, files: number): DifferenceRow {
  const key = `${files} ${files === 1 ? "file" : "files"}`;
  return { key, a: a.snapshot?.slice(0, 8) ?? null, b: b.snapshot?.slice(0, 8) ?? null, weight: 84 };
}

function evidenceFor(facet: Facet, key: string, options: ExplainOptions): Cause["evidence"] {
  if (facet === "code") return evidenceOf((run) => run.snapshot, { code: true }, options);
  if (facet !== "arguments" || key === "script") return null;
  return evidenceOf((run) => run.parameters[key] ?? null, { parameter: key }, options);
}

function causesOf(options: ExplainOptions): Cause[] {
  return options.differences
    .filter(({ facet }) => causal.includes(facet))
    .flatMap(({ facet, rows }) =>
      (facet === "code" ? [codeRow(options, rows.length)] : rows)
        .filter(({ key }) => facet !== "arguments" || !(isSeed(key) || isPlace(key)))
        .map((row) => ({ ...row, facet, evidence: evidenceFor(facet, row.key, options) })),
    );
}

function reservesOf(runs: readonly [RunFacts, RunFacts]): string[] {
  return runs.flatMap((run, at) => {
    const which = at === 0 ? "a" : "b";
    if (run.status === "completed") return [];
    return run.ended_at === null
      ? [`${which} has not ended yet: what it says now is not its last word`]
      : [`${which} broke off (${run.failure ?? run.status}): its last value may be of an earlier step`];
  });
}

/** Both runs must have the metric. */
export function explainGap(options: ExplainOptions): Explanation {
  const { a, b, metric } = options;
  const [from, to] = [a.metrics[metric] ?? Number.NaN, b.metrics[metric] ?? Number.NaN];
  const gap = to - from;
  const noise = noiseOf(a, b, options);
  const causes = causesOf(options).sort((one, other) => plausibility(other, gap) - plausibility(one, gap));
  return {
    metric,
    a: from,
    b: to,
    gap,
    ...judge(gap, noise, signatureOf(a) === signatureOf(b)),
    noise,
    reserves: reservesOf([a, b]),
    causes: causes.slice(0, mostCauses),
    more: Math.max(0, causes.length - mostCauses),
  };
}
