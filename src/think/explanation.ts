/**
 * Why two runs ended with different values of a metric, as far as other runs bear witness. The noise floor is the spread
 * among repeats (same set-up, other seeds); a gap that chance alone makes is said to be within noise, and without
 * repeats nothing is claimed. A cause that differs gets as evidence every other pair of runs that differs in it alone.
 */
import type { Cell, DifferenceRow, Facet, FacetDifference } from "./difference.ts";
import { isPlace, isSeed, type RunFacts, signatureOf, type Without } from "./run-facts.ts";
import { median, pooledSpread, type Spread, student95 } from "./statistics.ts";

export interface Cause {
  facet: Facet;
  key: string;
  a: Cell;
  b: Cell;
  /** Other pairs of runs that differ in this alone, from a's value to b's: how the metric moved; null without any. */
  evidence: { median: number; low: number; high: number; pairs: number } | null;
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
    if (value === undefined) continue;
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

/** How the metric moved from each run with a's value to each with b's, where all else is the same. */
function movesOf(read: (run: RunFacts) => Cell, without: Without, { a, b, pool, metric }: Witnesses): number[] {
  const measured = pool.filter((run) => run.metrics[metric] !== undefined);
  const starts = Map.groupBy(
    measured.filter((run) => read(run) === read(a)),
    (run) => signatureOf(run, without),
  );
  return measured
    .filter((run) => read(run) === read(b))
    .flatMap((run) =>
      (starts.get(signatureOf(run, without)) ?? [])
        .filter((start) => !(start.run_id === a.run_id && run.run_id === b.run_id))
        .map((start) => (run.metrics[metric] ?? 0) - (start.metrics[metric] ?? 0)),
    );
}

/** Pairs with the same seed tell most; where there are none, any seeds. */
function evidenceOf(read: (run: RunFacts) => Cell, without: Without, witnesses: Witnesses): Cause["evidence"] {
  const paired = movesOf(read, { ...without, keepSeed: true }, witnesses);
  const moves = paired.length > 0 ? paired : movesOf(read, without, witnesses);
  if (moves.length === 0) return null;
  return { median: median(moves), low: Math.min(...moves), high: Math.max(...moves), pairs: moves.length };
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
    causes: causes.slice(0, mostCauses),
    more: Math.max(0, causes.length - mostCauses),
  };
}
