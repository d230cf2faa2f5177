/**
 * Do the points of a run begin with those that were imported of it? Metric by metric, in order, by a hash of each beginning: so
 * both files are read once, and of none of them more is held than a hash a metric.
 */
import { type MetricPoint, scanMetrics } from "../run/metrics.ts";

export interface GrownPoints {
  fresh: number;
  /** Names of metrics whose imported points are not there any more, or are others. */
  others: string[];
}

interface Series {
  count: number;
  hash: Bun.CryptoHasher;
}

/** A table tells no time of a value: there it follows from those of the row. */
const textOf = ({ value, step, t }: MetricPoint, withTimes: boolean) =>
  `${JSON.stringify(withTimes ? [value, step, t] : [value, step])}\n`;

/** Missing files have no points. Throws system errors. */
export async function grownPoints(
  herePath: string,
  givenPath: string,
  { withTimes }: { withTimes: boolean },
): Promise<GrownPoints> {
  const here = new Map<string, Series>();
  let known = 0;
  await scanMetrics(herePath, {
    onPoint(point) {
      const series = here.get(point.name) ?? { count: 0, hash: new Bun.CryptoHasher("sha256") };
      here.set(point.name, series);
      series.count += 1;
      series.hash.update(textOf(point, withTimes));
      known += 1;
    },
  });
  const given = new Map<string, Series>();
  let all = 0;
  await scanMetrics(givenPath, {
    onPoint(point) {
      all += 1;
      const least = here.get(point.name)?.count ?? 0;
      const series = given.get(point.name) ?? { count: 0, hash: new Bun.CryptoHasher("sha256") };
      given.set(point.name, series);
      if (series.count >= least) return;
      series.count += 1;
      series.hash.update(textOf(point, withTimes));
    },
  });
  const others = [...here].flatMap(([name, { count, hash }]) => {
    const now = given.get(name);
    return now?.count === count && now.hash.digest("hex") === hash.digest("hex") ? [] : [name];
  });
  return { fresh: Math.max(0, all - known), others };
}
