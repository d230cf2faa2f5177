/** How the bench measures: subjects take turns in one run, so that a busy moment hits all of them; medians with spread. */

export interface Spread {
  median: number;
  min: number;
  max: number;
  count: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b);
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? NaN, max: sorted.at(-1) ?? NaN, count: sorted.length };
}

/** Nearest-rank quantile of sorted values; NaN of none. */
export function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1))] ?? NaN;
}

type Subject = () => number | Promise<number>;

/**
 * Measures every subject `times` times, one after the other in a rotating order, after one round that does not count.
 * A subject returns its own figure; figures of the same place are of the same round.
 */
export async function rounds<Name extends string>(
  subjects: Record<Name, Subject>,
  times: number,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(subjects) as Name[];
  const values = new Map<Name, number[]>(names.map((name) => [name, []]));
  for (let round = -1; round < times; round++) {
    for (let at = 0; at < names.length; at++) {
      const name = names[(at + round + 1) % names.length] as Name;
      const value = await subjects[name]();
      if (round >= 0) values.get(name)?.push(value);
    }
  }
  return Object.fromEntries(values) as Record<Name, number[]>;
}

/** The same, as medians with spread. */
export async function alternately<Name extends string>(
  subjects: Record<Name, Subject>,
  times: number,
): Promise<Record<Name, Spread>> {
  const found = await rounds(subjects, times);
  const names = Object.keys(found) as Name[];
  return Object.fromEntries(names.map((name) => [name, spread(found[name])])) as Record<Name, Spread>;
}

/**
 * Between which two of the values the true median lies with 95 % confidence, whatever their distribution: by the binomial
 * law of how many of them are below it (Conover, Practical Nonparametric Statistics, 3.2).
 */
export function medianBounds(values: readonly number[]): { low: number; high: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const half = 0.98 * Math.sqrt(sorted.length);
  const low = Math.max(0, Math.floor(sorted.length / 2 - half));
  const high = Math.min(sorted.length - 1, Math.ceil(sorted.length / 2 + half));
  return { low: sorted[low] ?? NaN, high: sorted[high] ?? NaN };
}

export interface Spawned {
  /** Wall milliseconds from before the start to after the end. */
  ms: number;
  stdout: string;
  stderr: string;
  exitCode: number;
}

/** Runs a command to its end. Throws where it fails, with what it said: a failed command must not count as a fast one. */
export function timed(
  command: readonly string[],
  options: { env?: Record<string, string>; cwd?: string; stdin?: Uint8Array } = {},
): Spawned {
  const started = performance.now();
  const run = Bun.spawnSync([...command], {
    env: options.env ?? plainEnv(),
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    stdin: options.stdin ?? "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const ms = performance.now() - started;
  const [stdout, stderr] = [run.stdout.toString(), run.stderr.toString()];
  if (run.exitCode !== 0) {
    throw new Error(`\`${command.join(" ").slice(0, 200)}\` exited with ${run.exitCode}: ${stderr || stdout}`);
  }
  return { ms, stdout, stderr, exitCode: run.exitCode };
}

/** Our environment without anything of Bun, of `ml` or of a peer. */
export function plainEnv(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).filter(
      (entry): entry is [string, string] => entry[1] !== undefined && !/^(BUN_|ML_|TS_|NQ|npm_)/.test(entry[0]),
    ),
  );
}

/** The wall clock in milliseconds, with a fraction; comparable with bash's EPOCHREALTIME. */
export function wallMs(): number {
  return performance.timeOrigin + performance.now();
}

/** k of `cost ~ n^k` through the points, by least squares on logarithms. */
export function growthExponent(points: readonly { n: number; cost: number }[]): number {
  const logs = points.map(({ n, cost }) => ({ x: Math.log(n), y: Math.log(Math.max(cost, 1e-9)) }));
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [mx, my] = [mean(logs.map(({ x }) => x)), mean(logs.map(({ y }) => y))];
  const above = logs.reduce((sum, { x, y }) => sum + (x - mx) * (y - my), 0);
  return above / logs.reduce((sum, { x }) => sum + (x - mx) ** 2, 0);
}

/** Polls until `condition` holds, every `stepMs`; throws after `limitMs`, naming `what`. */
export async function waitUntil(what: string, condition: () => boolean, limitMs = 60_000, stepMs = 5): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${what}`);
    await Bun.sleep(stepMs);
  }
}

/** The interpreter itself, not a shim in its place that takes 200 ms to find it; null where there is none. */
export function realPython(): string | null {
  const found = Bun.which("python3");
  return found === null ? null : timed([found, "-c", "import sys; print(sys.executable)"]).stdout.trim();
}
