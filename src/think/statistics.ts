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

/** Whether a rank correlation of `n` pairs is beyond chance at 95 %, by its t value; false with fewer than five. */
export function isBeyondChance(correlation: number, n: number): boolean {
  if (n < 5) return false;
  if (Math.abs(correlation) >= 1) return true;
  return Math.abs(correlation) * Math.sqrt((n - 2) / (1 - correlation ** 2)) > student95(n - 2);
}
