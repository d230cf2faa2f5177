/**
 * Runs of one set-up taken together: what a paper's table has in a row. A set-up is what `signatureOf` says (script, code, data,
 * parameters but for seeds and places); of its runs only those that completed count, and none is left out in silence.
 */
import { betterDirection } from "../core/better-direction.ts";
import { isPlace, isSeed, type RunFacts, signatureOf } from "./run-facts.ts";
import { mean } from "./statistics.ts";

export interface Measured {
  mean: number;
  /** Sample standard deviation (n − 1); null for a single run. */
  deviation: number | null;
  n: number;
}

export interface SetUp {
  /** All of them, in the order given. */
  runs: RunFacts[];
  completed: number;
  /** By metric, over the completed runs that have it. */
  metrics: Record<string, Measured>;
  /** Seconds, over the completed runs. */
  seconds: Measured | null;
  /** One run that stands for all of them: the means as its metrics. */
  merged: RunFacts;
}

export function measuredOf(values: readonly number[]): Measured | null {
  if (values.length === 0) return null;
  const centre = mean(values);
  const squares = values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
  return {
    mean: centre,
    deviation: values.length < 2 ? null : Math.sqrt(squares / (values.length - 1)),
    n: values.length,
  };
}

/** Where any set-up has repeats, no row has a seed or a place of its own. */
function ownParameters({ parameters }: RunFacts, repeated: boolean): RunFacts["parameters"] {
  const all = Object.entries(parameters);
  return Object.fromEntries(all.filter(([name]) => !repeated || !(isSeed(name) || isPlace(name))));
}

const agreed = <Value>(values: readonly Value[]): Value | null =>
  new Set(values).size === 1 ? (values[0] ?? null) : null;

function setUpOf(runs: RunFacts[], repeated: boolean): SetUp {
  const done = runs.filter((run) => run.status === "completed");
  const metrics: Record<string, Measured> = {};
  for (const name of new Set(done.flatMap((run) => Object.keys(run.metrics)))) {
    const measured = measuredOf(done.flatMap((run) => run.metrics[name] ?? []));
    if (measured !== null) metrics[name] = measured;
  }
  const seconds = measuredOf(done.flatMap((run) => run.seconds ?? []));
  const first = (done[0] ?? runs[0]) as RunFacts;
  const merged = {
    ...first,
    parameters: ownParameters(first, repeated),
    metrics: Object.fromEntries(Object.entries(metrics).map(([name, measured]) => [name, measured.mean])),
    seconds: seconds?.mean ?? null,
    verdict: agreed(runs.map((run) => run.verdict)),
    // Where one machine differs from another between repeats, the set-up has none of its own.
    host: agreed(runs.map((run) => run.host)),
    gpu: agreed(runs.map((run) => run.gpu)),
    python: agreed(runs.map((run) => run.python)),
    user: agreed(runs.map((run) => run.user)) ?? "several",
  };
  return { runs, completed: done.length, metrics, seconds, merged };
}

/** In the order of their first runs. */
export function setUpsOf(runs: readonly RunFacts[]): SetUp[] {
  const groups = [...Map.groupBy(runs, (run) => signatureOf(run)).values()];
  const repeated = groups.some((group) => group.length > 1);
  return groups.map((group) => setUpOf(group, repeated));
}

/** By the mean of a metric, best first where its name says which way that is, else most first; those without it last. */
export function bestFirst(setUps: readonly SetUp[], metric: string | undefined): SetUp[] {
  if (metric === undefined) return [...setUps];
  const sign = betterDirection(metric) === "min" ? 1 : -1;
  const place = (setUp: SetUp) => sign * (setUp.metrics[metric]?.mean ?? sign * Number.POSITIVE_INFINITY);
  return setUps.toSorted((a, b) => (place(a) === place(b) ? 0 : place(a) < place(b) ? -1 : 1));
}
