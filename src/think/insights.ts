/**
 * What a set of runs has to say: which parameters moved a metric (parameter-effect.ts), when runs failed, what was asked for and
 * not used. Simple statistics with their n. Metrics are those of runs that completed: what broke off was measured at another step.
 */
import { betterDirection } from "../core/better-direction.ts";
import { type ParameterInsight, parameterInsights } from "./parameter-effect.ts";
import { isPlace, type RunFacts, signatureOf } from "./run-facts.ts";
import { mean, pooledSpread, type Spread } from "./statistics.ts";

export interface FailurePattern {
  failure: string;
  /** Where it happened: `batch_size >= 128`, `amp = true`; null for all runs. */
  where: string;
  failed: number;
  of: number;
  elsewhere: { failed: number; of: number };
}

export interface Waste {
  what: "ram" | "cpu" | "gpu" | "time";
  /** Runs that asked for it and whose use is known. */
  n: number;
  /** Means, in the unit of `what`: GB, cores, share of GPU time, hours. */
  asked: number;
  used: number;
}

export interface Insights {
  runs: number;
  statuses: Record<string, number>;
  verdicts: Record<string, number>;
  metric: string | null;
  better: "min" | "max" | null;
  /** Runs that completed with the metric: what all that follows is drawn from. */
  measured: number;
  /** Runs that broke off with a value of it: of another step, so they are left out. */
  not_counted: number;
  best: { run_id: string; name: string; value: number } | null;
  noise: Spread | null;
  parameters: ParameterInsight[];
  failures: FailurePattern[];
  waste: Waste[];
}

const held = /(^|[_/.-])(val|valid|validation|test|eval|dev)([_/.-]|$)/i;
const derived = /^(best|final)_|^training_time_hours$/;

/** The metric that most runs have, held-out before trained, named better before unnamed. */
export function tellingMetric(runs: readonly RunFacts[]): string | null {
  const counts = new Map<string, number>();
  for (const run of runs)
    for (const name of Object.keys(run.metrics)) if (!derived.test(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const rank = (name: string) => (held.test(name) ? 2 : 0) + (betterDirection(name) === "max" ? 1 : 0);
  const most = Math.max(0, ...counts.values());
  const common = [...counts].filter(([, count]) => count >= most * 0.8).map(([name]) => name);
  return common.sort((a, b) => rank(b) - rank(a))[0] ?? null;
}

function counted(texts: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const text of texts) counts[text] = (counts[text] ?? 0) + 1;
  return counts;
}

interface Split {
  where: string;
  holds(run: RunFacts): boolean;
}

/** `lr >= x` for each x that occurs, `amp = true` for each value of a word. */
function splitsOf(parameter: string, runs: readonly RunFacts[]): Split[] {
  const values = [...new Set(runs.map((run) => run.parameters[parameter] ?? null))];
  const numbers = values.filter((value): value is number => typeof value === "number").sort((a, b) => a - b);
  if (numbers.length === values.length)
    return numbers.slice(1).flatMap((bound, index): Split[] => [
      { where: `${parameter} >= ${bound}`, holds: (run) => Number(run.parameters[parameter]) >= bound },
      { where: `${parameter} <= ${numbers[index]}`, holds: (run) => Number(run.parameters[parameter]) < bound },
    ]);
  return values.map((value) => ({
    where: `${parameter} = ${value ?? "not given"}`,
    holds: (run) => (run.parameters[parameter] ?? null) === value,
  }));
}

/** For each kind of failure the split that sets it apart best, where it does: often here, seldom elsewhere. */
function failurePatterns(runs: readonly RunFacts[], parameters: readonly string[]): FailurePattern[] {
  const ended = runs.filter((run) => run.status === "completed" || run.status === "failed");
  const kinds = [...new Set(ended.flatMap((run) => run.failure ?? []))];
  return kinds
    .flatMap((failure): FailurePattern[] => {
      const failed = (some: readonly RunFacts[]) => some.filter((run) => run.failure === failure).length;
      const whole = {
        failure,
        where: "all runs",
        failed: failed(ended),
        of: ended.length,
        elsewhere: { failed: 0, of: 0 },
      };
      const patterns = parameters
        .flatMap((name) => splitsOf(name, ended))
        .map(({ where, holds }): FailurePattern => {
          const [inside, outside] = [ended.filter(holds), ended.filter((run) => !holds(run))];
          return {
            failure,
            where,
            failed: failed(inside),
            of: inside.length,
            elsewhere: { failed: failed(outside), of: outside.length },
          };
        });
      const share = (part: { failed: number; of: number }) => (part.of === 0 ? 0 : part.failed / part.of);
      const telling = patterns.filter(
        (one) => one.failed >= 2 && share(one) >= 0.5 && share(one.elsewhere) <= 0.2 && one.elsewhere.of >= 2,
      );
      const best = telling.sort(
        (a, b) => share(b) - share(b.elsewhere) - (share(a) - share(a.elsewhere)) || b.failed - a.failed,
      )[0];
      return [best ?? whole];
    })
    .sort((a, b) => b.failed - a.failed);
}

const wasteRules: Record<Waste["what"], (run: RunFacts) => readonly [asked: number | null, used: number | null]> = {
  ram: (run) => [run.requested.ram_gb, run.used.ram_gb],
  cpu: (run) => [run.requested.cpu_cores > 1 ? run.requested.cpu_cores : null, run.used.cpu_cores],
  gpu: (run) => [run.requested.gpus > 0 ? 1 : null, run.used.gpu_share],
  time: (run) => [
    run.requested.max_runtime_hours,
    run.status === "completed" && run.seconds !== null ? run.seconds / 3600 : null,
  ],
};

/** What was asked for and, on average, not even half used, by three runs or more. */
function wasteOf(runs: readonly RunFacts[]): Waste[] {
  return (Object.keys(wasteRules) as Waste["what"][]).flatMap((what) => {
    const pairs = runs.flatMap((run) => {
      const [asked, used] = wasteRules[what](run);
      return asked === null || used === null ? [] : [{ asked, used }];
    });
    if (pairs.length < 3) return [];
    const [asked, used] = [mean(pairs.map((pair) => pair.asked)), mean(pairs.map((pair) => pair.used))];
    return used < asked / 2 ? [{ what, n: pairs.length, asked, used }] : [];
  });
}

const isEnded = ({ status }: RunFacts) => status === "completed" || status === "failed" || status === "cancelled";

function bestOf(runs: readonly RunFacts[], metric: string, better: "min" | "max" | null): Insights["best"] {
  const measured = runs.filter((run) => run.metrics[metric] !== undefined);
  if (better === null || measured.length === 0) return null;
  const sign = better === "max" ? 1 : -1;
  const best = measured.reduce((a, b) => (sign * (b.metrics[metric] ?? 0) > sign * (a.metrics[metric] ?? 0) ? b : a));
  return { run_id: best.run_id, name: best.name, value: best.metrics[metric] ?? 0 };
}

export function insightsOf(runs: readonly RunFacts[], wanted: string | null): Insights {
  const completed = runs.filter(({ status }) => status === "completed");
  const metric = wanted ?? tellingMetric(completed) ?? tellingMetric(runs);
  const better = metric === null ? null : betterDirection(metric);
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.parameters)))].filter((name) => !isPlace(name));
  const varying = names.filter((name) => new Set(runs.map((run) => run.parameters[name] ?? null)).size > 1);
  const measured = metric === null ? [] : completed.filter((run) => run.metrics[metric] !== undefined);
  const repeats = [...Map.groupBy(measured, (run) => signatureOf(run)).values()];
  const noise = pooledSpread(repeats.map((same) => same.map((run) => run.metrics[metric ?? ""] ?? 0)));
  const broken = metric === null ? [] : runs.filter((run) => run.metrics[metric] !== undefined && isEnded(run));
  return {
    runs: runs.length,
    statuses: counted(runs.map((run) => run.status)),
    verdicts: counted(runs.map((run) => run.verdict ?? "none")),
    metric,
    better,
    measured: measured.length,
    not_counted: broken.length - measured.length,
    best: metric === null ? null : bestOf(measured, metric, better),
    noise,
    parameters:
      metric === null ? [] : parameterInsights(measured, varying, { metric, noise: noise?.deviation ?? null }),
    failures: failurePatterns(runs, varying),
    waste: wasteOf(runs),
  };
}
