/**
 * What a parameter has to do with a metric, among runs that completed. Where enough runs differ in it alone, only these bear
 * witness, each beside those that share all else with it; where there are none, all do, and what changed along with it is
 * named. Nothing is said to move a metric for less than what 95 % would say of all parameters looked at together (Holm).
 */
import type { ParameterValue } from "../run/parameters.ts";
import { isPlace, isSeed, type RunFacts, signatureOf } from "./run-facts.ts";
import { differenceChance, mean, rankChance, rankCorrelation } from "./statistics.ts";

export interface ByValue {
  /** Of many numbers, a range of them as text. */
  value: ParameterValue | null;
  n: number;
  mean: number;
  low: number;
  high: number;
}

export interface ParameterInsight {
  parameter: string;
  /** Runs that completed with the metric. */
  n: number;
  /** Rank correlation, for numbers; null for words, or where one side does not vary. */
  correlation: number | null;
  /**
   * `moves`: beyond chance; `not_alone`: beyond chance, but what is named in `along` changed with it; `no_sign`: not beyond
   * chance; `too_few`: fewer than five runs, or no value twice and nothing to rank.
   */
  finding: "moves" | "not_alone" | "no_sign" | "too_few";
  /** How likely chance alone would show as much, were it the only parameter looked at; null where it was not tested. */
  chance: number | null;
  /** Runs that bear witness because others differ from them in it alone; 0: there are too few, so all were looked at. */
  alone: number;
  /** What changed wherever it did: parameters, `code`, `data`. */
  along: string[];
  /** How far the means by value lie apart; null where there are too few. */
  effect: number | null;
  /** The effect is less than what repeats of one set-up differ by; null where no set-up was repeated. */
  small: boolean | null;
  values: ByValue[];
  /** Values not listed. */
  more: number;
}

const leastRuns = 5;
const shownValues = 8;
const shownRanges = 4;
const accepted = 0.05;
const closely = 0.7;

interface Point {
  run: RunFacts;
  value: ParameterValue | null;
  metric: number;
}

const summary = (value: ByValue["value"], metrics: readonly number[]): ByValue => ({
  value,
  n: metrics.length,
  mean: mean(metrics),
  low: Math.min(...metrics),
  high: Math.max(...metrics),
});

/** Numbers in four ranges of equally many runs; equal numbers stay together. */
function byRange(points: readonly Point[]): ByValue[] {
  const sorted = points.toSorted((a, b) => Number(a.value) - Number(b.value));
  const ranges: Point[][] = [];
  for (const [at, point] of sorted.entries()) {
    const last = ranges.at(-1);
    const wanted = Math.floor((at * shownRanges) / sorted.length);
    if (last === undefined || (wanted >= ranges.length && last.at(-1)?.value !== point.value)) ranges.push([point]);
    else last.push(point);
  }
  return ranges.map((range) => {
    const [first, last] = [range[0]?.value, range.at(-1)?.value].map((end) => Number(Number(end).toPrecision(3)));
    const value = first === last ? (first ?? null) : `${first} to ${last}`;
    return summary(
      value,
      range.map(({ metric }) => metric),
    );
  });
}

/** Numbers in their order, words by how many runs have them; runs without the parameter last. */
function byValue(points: readonly Point[]): Pick<ParameterInsight, "values" | "more"> {
  const summarise = (value: ByValue["value"], some: readonly Point[]) =>
    summary(
      value,
      some.map(({ metric }) => metric),
    );
  const given = points.filter(({ value }) => value !== null);
  const without = points.filter(({ value }) => value === null);
  const last = without.length === 0 ? [] : [summarise(null, without)];
  const groups = [...Map.groupBy(given, ({ value }) => value)];
  const isNumeric = groups.every(([value]) => typeof value === "number");
  if (isNumeric && groups.length > shownValues) return { values: [...byRange(given), ...last], more: 0 };
  const values = groups.map(([value, same]) => summarise(value, same));
  values.sort((a, b) => (isNumeric ? Number(a.value) - Number(b.value) : b.n - a.n));
  return { values: [...values.slice(0, shownValues), ...last], more: Math.max(0, values.length - shownValues) };
}

/** Runs that share all but the parameter, with others that have another value of it. */
function setApart(points: readonly Point[], parameter: string): Point[][] {
  const alike = Map.groupBy(points, ({ run }) => signatureOf(run, { parameter }));
  return [...alike.values()].filter((some) => new Set(some.map(({ value }) => value)).size > 1);
}

type Reader = (run: RunFacts) => ParameterValue | null;

/** All else that varies among the runs. */
function othersOf(points: readonly Point[], parameter: string): [name: string, read: Reader][] {
  const runs = points.map(({ run }) => run);
  const names = [...new Set(runs.flatMap((run) => Object.keys(run.parameters)))];
  const others: [string, Reader][] = [
    ...names
      .filter((name) => name !== parameter && !isSeed(name) && !isPlace(name))
      .map((name): [string, Reader] => [name, (run) => run.parameters[name] ?? null]),
    ["code", (run) => run.snapshot],
    ["data", (run) => run.data],
    ["script", (run) => run.script],
  ];
  return others.filter(([, read]) => new Set(runs.map(read)).size > 1);
}

/** Numbers that rise or fall together; of words, those that never stay the same where the parameter changes. */
function goesAlong(points: readonly Point[], read: Reader): boolean {
  const pairs = points.map(({ run, value }) => [value, read(run)] as const);
  const numbers = pairs.filter((pair): pair is readonly [number, number] =>
    pair.every((one) => typeof one === "number"),
  );
  if (numbers.length === pairs.length && Math.abs(rankCorrelation(numbers) ?? 0) >= closely) return true;
  const several = [...Map.groupBy(pairs, ([, other]) => other).values()].filter((same) => same.length > 1);
  return several.length > 1 && several.every((same) => new Set(same.map(([value]) => value)).size === 1);
}

/** The smaller of two chances, for having looked twice. */
function chanceOf(strata: readonly (readonly Point[])[]): number | null {
  // Beside runs that share all else, only what lies between them counts.
  const points = strata.flatMap((some) => {
    const centre = mean(some.map(({ metric }) => metric));
    return some.map(({ value, metric }) => ({ value, metric: metric - centre }));
  });
  const groups = [...Map.groupBy(points, ({ value }) => value).values()].map((same) =>
    same.map(({ metric }) => metric),
  );
  const numbers = points.flatMap(({ value, metric }) => (typeof value === "number" ? [[value, metric] as const] : []));
  const chances = [
    differenceChance(groups, strata.length),
    numbers.length === points.length ? rankChance(numbers) : null,
  ].filter((chance) => chance !== null);
  return chances.length === 0 ? null : Math.min(1, chances.length * Math.min(...chances));
}

function insightOf(
  parameter: string,
  runs: readonly RunFacts[],
  metric: string,
  noise: number | null,
): ParameterInsight {
  const points = runs.flatMap((run): Point[] => {
    const value = run.metrics[metric];
    return value === undefined ? [] : [{ run, value: run.parameters[parameter] ?? null, metric: value }];
  });
  const strata = setApart(points, parameter);
  const alone = strata.reduce((sum, some) => sum + some.length, 0);
  const isMatched = alone >= leastRuns;
  const chance = points.length < leastRuns ? null : chanceOf(isMatched ? strata : [points]);
  const along = isMatched
    ? []
    : othersOf(points, parameter)
        .filter(([, read]) => goesAlong(points, read))
        .map(([name]) => name);
  const numbers = points.flatMap(({ value, metric }) => (typeof value === "number" ? [[value, metric] as const] : []));
  const { values, more } = byValue(points);
  const several = values.filter(({ n }) => n > 1 || values.length > shownValues).map((one) => one.mean);
  const effect = several.length < 2 ? null : Math.max(...several) - Math.min(...several);
  return {
    parameter,
    n: points.length,
    correlation: numbers.length >= 3 ? rankCorrelation(numbers) : null,
    finding: chance === null ? "too_few" : "no_sign",
    chance,
    alone: isMatched ? alone : 0,
    along,
    effect,
    small: effect === null || noise === null ? null : effect < noise,
    values,
    more,
  };
}

const order = { moves: 0, not_alone: 1, no_sign: 2, too_few: 3 };

/** `noise`: the deviation among repeats. Seeds and places are not looked at. */
export function parameterInsights(
  runs: readonly RunFacts[],
  names: readonly string[],
  { metric, noise }: { metric: string; noise: number | null },
): ParameterInsight[] {
  const found = names
    .filter((name) => !isSeed(name) && !isPlace(name))
    .map((name) => insightOf(name, runs, metric, noise))
    .filter(({ values }) => values.length > 1);
  // Holm (1979): the least likely is held against all that were tested, the next against one fewer, until one fails.
  const tested = found.filter(({ chance }) => chance !== null).sort((a, b) => (a.chance ?? 1) - (b.chance ?? 1));
  const beyond = tested.findIndex(({ chance }, at) => (chance ?? 1) > accepted / (tested.length - at));
  for (const one of tested.slice(0, beyond < 0 ? tested.length : beyond))
    one.finding = one.along.length > 0 ? "not_alone" : "moves";
  return found.sort(
    (a, b) =>
      order[a.finding] - order[b.finding] || (a.chance ?? 1) - (b.chance ?? 1) || (b.effect ?? 0) - (a.effect ?? 0),
  );
}
