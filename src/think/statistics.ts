/** The little statistics that few runs bear: each result carries its n, and with too few there is none. */

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** The middle one, or the mean of the two in the middle. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const half = sorted.length / 2;
  const low = sorted[Math.ceil(half) - 1] ?? Number.NaN;
  return Number.isInteger(half) ? (low + (sorted[half] ?? Number.NaN)) / 2 : low;
}

export interface Spread {
  /** Standard deviation within the groups, pooled. */
  deviation: number;
  /** How many runs, in how many groups of repeats. */
  runs: number;
  groups: number;
  /** runs − groups: how much the deviation can be trusted. */
  freedom: number;
}

/** Null where no group has two values. */
export function pooledSpread(groups: Iterable<readonly number[]>): Spread | null {
  let squares = 0;
  const spread = { runs: 0, groups: 0 };
  for (const values of groups) {
    if (values.length < 2) continue;
    const centre = mean(values);
    squares += values.reduce((sum, value) => sum + (value - centre) ** 2, 0);
    spread.runs += values.length;
    spread.groups += 1;
  }
  const freedom = spread.runs - spread.groups;
  return freedom < 1 ? null : { deviation: Math.sqrt(squares / freedom), ...spread, freedom };
}

/** Student's t, two-sided 95 %, by degrees of freedom (Fisher and Yates, table III); between entries the lower one. */
const students: readonly (readonly [number, number])[] = [
  [1, 12.706],
  [2, 4.303],
  [3, 3.182],
  [4, 2.776],
  [5, 2.571],
  [6, 2.447],
  [7, 2.365],
  [8, 2.306],
  [9, 2.262],
  [10, 2.228],
  [15, 2.131],
  [20, 2.086],
  [30, 2.042],
  [60, 2.0],
];

export function student95(freedom: number): number {
  return students.findLast(([from]) => from <= freedom)?.[1] ?? Number.POSITIVE_INFINITY;
}

/** Places from 1, equal values sharing the mean of theirs. */
function ranksOf(values: readonly number[]): number[] {
  const sorted = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  const ranks: number[] = new Array(values.length).fill(0);
  for (let from = 0; from < sorted.length; ) {
    let to = from;
    while (sorted[to + 1]?.value === sorted[from]?.value) to += 1;
    for (let at = from; at <= to; at++) ranks[sorted[at]?.index ?? 0] = (from + to) / 2 + 1;
    from = to + 1;
  }
  return ranks;
}

/** Spearman's rank correlation; null where either side is all the same. */
export function rankCorrelation(pairs: readonly (readonly [number, number])[]): number | null {
  const left = ranksOf(pairs.map(([x]) => x));
  const right = ranksOf(pairs.map(([, y]) => y));
  const [meanLeft, meanRight] = [mean(left), mean(right)];
  let both = 0;
  let squaresLeft = 0;
  let squaresRight = 0;
  for (const [index, value] of left.entries()) {
    const dx = value - meanLeft;
    const dy = (right[index] ?? 0) - meanRight;
    both += dx * dy;
    squaresLeft += dx * dx;
    squaresRight += dy * dy;
  }
  return squaresLeft === 0 || squaresRight === 0 ? null : both / Math.sqrt(squaresLeft * squaresRight);
}

/** ln Γ by Stirling's series, which is exact to ten digits from ten on; below by Γ(x) = Γ(x + 1) / x. */
function logGamma(given: number): number {
  let [x, below] = [given, 0];
  for (; x < 10; x++) below += Math.log(x);
  const series = 1 / (12 * x) - 1 / (360 * x ** 3) + 1 / (1260 * x ** 5);
  return (x - 0.5) * Math.log(x) - x + Math.log(2 * Math.PI) / 2 + series - below;
}

/** The regularized incomplete beta function by its continued fraction (dlmf.nist.gov/8.17.22, evaluated by Lentz's method). */
function beta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return x <= 0 ? 0 : 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - beta(1 - x, b, a);
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log(1 - x)) / a;
  let [c, d] = [1, 1 / (1 - ((a + b) * x) / (a + 1))];
  let fraction = d;
  for (let at = 1; at <= 300; at++) {
    const even = (at * (b - at) * x) / ((a + 2 * at - 1) * (a + 2 * at));
    const odd = (-(a + at) * (a + b + at) * x) / ((a + 2 * at) * (a + 2 * at + 1));
    let step = 1;
    for (const term of [even, odd]) {
      d = 1 / (1 + term * d || Number.MIN_VALUE);
      c = 1 + term / c || Number.MIN_VALUE;
      step = c * d;
      fraction *= step;
    }
    if (Math.abs(step - 1) < 1e-12) break;
  }
  return front * fraction;
}

/** The chance of an F at least so large, by its degrees of freedom. */
export function tailOfF(f: number, above: number, below: number): number {
  return f === Number.POSITIVE_INFINITY ? 0 : beta(below / (below + above * f), below / 2, above / 2);
}

/**
 * The chance that groups of values differ in their means as they do: analysis of variance, one way. `centres`: how many means
 * were taken off the values before. Null where no group has two values, or nothing is left to judge by.
 */
export function differenceChance(groups: readonly (readonly number[])[], centres = 1): number | null {
  const all = groups.flat();
  const freedom = all.length - groups.length - (centres - 1);
  if (groups.length < 2 || freedom < 2 || groups.every((values) => values.length < 2)) return null;
  const centre = mean(all);
  const between = groups.reduce((sum, values) => sum + values.length * (mean(values) - centre) ** 2, 0);
  const within = groups.reduce((sum, values) => {
    const own = mean(values);
    return sum + values.reduce((squares, value) => squares + (value - own) ** 2, 0);
  }, 0);
  // What rounding leaves of nothing is nothing.
  if (between <= 1e-12 * all.reduce((sum, value) => sum + value * value, 0)) return 1;
  return tailOfF(between / (groups.length - 1) / (within / freedom), groups.length - 1, freedom);
}

const shuffles = 4000;
const fewRanks = 30;

/**
 * The chance of a rank correlation at least so strong, either way. Of few pairs by shuffling them (always in the same
 * order, so that an answer stays the same), of many by its t value. Null with fewer than five.
 */
export function rankChance(pairs: readonly (readonly [number, number])[]): number | null {
  const found = rankCorrelation(pairs);
  if (pairs.length < 5 || found === null) return null;
  if (pairs.length > fewRanks) {
    const left = 1 - found ** 2;
    return left <= 0 ? 0 : tailOfF((found ** 2 * (pairs.length - 2)) / left, 1, pairs.length - 2);
  }
  const [left, right] = [centred(ranksOf(pairs.map(([x]) => x))), centred(ranksOf(pairs.map(([, y]) => y)))];
  const product = () => left.reduce((sum, x, at) => sum + x * (right[at] ?? 0), 0);
  const given = Math.abs(product());
  let state = 1;
  let asStrong = 0;
  for (let turn = 0; turn < shuffles; turn++) {
    for (let at = right.length - 1; at > 0; at--) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const other = Math.floor((state / 2 ** 32) * (at + 1));
      [right[at], right[other]] = [right[other] ?? 0, right[at] ?? 0];
    }
    if (Math.abs(product()) >= given - 1e-9) asStrong += 1;
  }
  return (asStrong + 1) / (shuffles + 1);
}

function centred(ranks: readonly number[]): number[] {
  const centre = mean(ranks);
  return ranks.map((rank) => rank - centre);
}
