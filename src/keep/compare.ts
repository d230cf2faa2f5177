/**
 * Did a run come out the same again? Metrics are compared within a tolerance that was asked for, or within the spread of earlier
 * repeats (same code, same arguments), or else to within rounding. Where there is no metric to compare, the artifacts' hashes
 * decide; where there is neither, nothing is claimed. Pure.
 *
 * Of the noise: with repeats x1 … xn the next one lies within mean ± t·s·√(1+1/n) with the chance that belongs to t (prediction
 * interval, Hahn & Meeker 1991). We take the t of 99 %, and say how many repeats it rests on.
 */
import type { Difference, MetricMatch, Reproduction } from "../protocol/keep.ts";
import type { Manifest } from "../run/manifest.ts";
import { isFinal } from "../run/status.ts";

/** Without a tolerance and without repeats: sums in another order, and no more. */
const roundingTolerance = 1e-6;
const shownArtifacts = 20;

/** Two-sided 99 % points of Student's t by degrees of freedom; beyond the table that of the normal distribution. */
const t99 = [63.66, 9.925, 5.841, 4.604, 4.032, 3.707, 3.499, 3.355, 3.25, 3.169];

/** Metrics that measure the machine and not the result. */
const load =
  /(^|[_./ -])(time|times|seconds|secs?|ms|minutes|hours|duration|elapsed|runtime|eta|throughput|speed|fps|per_?sec(ond)?|it_?s|latency|memory|mem|util|utili[sz]ation|power|energy|temperature|timestamp|flos)($|[_./ -])/i;

export interface CompareOptions {
  /** Relative difference that counts as equal; null: by noise, or to within rounding. */
  tolerance: number | null;
  /** Finished runs of the same code and arguments, the source among them, the reproduction not. */
  repeats: readonly Manifest[];
  /** Only these metrics; empty: all that are comparable. */
  names: readonly string[];
}

type Value = Manifest["metrics"][string];

const numberOf = (value: Value | undefined): number | null => (value === undefined ? null : Number(value));

/** Those of the repeats that have a finite value of the metric. */
const measuredBy = (name: string, repeats: readonly Manifest[]): Manifest[] =>
  repeats.filter((run) => Number.isFinite(numberOf(run.metrics[name])));

/** Middle and half of the interval that the next repeat lies in; null where fewer than two repeats have a value. */
function noiseOf(name: string, repeats: readonly Manifest[]): { mean: number; half: number; count: number } | null {
  const values = measuredBy(name, repeats).flatMap((run) => numberOf(run.metrics[name]) ?? []);
  const count = values.length;
  if (count < 2) return null;
  const mean = values.reduce((sum, value) => sum + value, 0) / count;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (count - 1);
  return { mean, half: (t99[count - 2] ?? 2.576) * Math.sqrt(variance * (1 + 1 / count)), count };
}

function matchMetric(name: string, runs: { source: Manifest; again: Manifest }, options: CompareOptions): MetricMatch {
  const [source, again] = [runs.source.metrics[name], runs.again.metrics[name]];
  const [a, b] = [numberOf(source), numberOf(again)];
  const known = { name, source: source ?? null, again: again ?? null, repeats: 0 };
  const scale = Math.abs(a ?? 0);
  const comparable = a !== null && b !== null && Number.isFinite(a) && Number.isFinite(b);
  const difference = !comparable ? null : a === b ? 0 : scale === 0 ? Math.abs(b - a) : Math.abs(b - a) / scale;
  if (options.tolerance !== null) return judged({ ...known, difference, allowed: options.tolerance, by: "tolerance" });
  const noise = noiseOf(name, options.repeats);
  if (noise === null || !comparable) return judged({ ...known, difference, allowed: roundingTolerance, by: "default" });
  const unit = scale === 0 ? 1 : scale;
  const allowed = Math.max(roundingTolerance, (noise.half + Math.abs(noise.mean - a)) / unit);
  const within = Math.abs(b - noise.mean) <= Math.max(noise.half, roundingTolerance * unit);
  return { ...known, repeats: noise.count, difference, allowed, by: "noise", equal: within };
}

function judged(match: Omit<MetricMatch, "equal">): MetricMatch {
  const { difference, allowed, source, again } = match;
  // NaN and the infinities are equal to themselves.
  return { ...match, equal: difference === null ? source !== null && source === again : difference <= allowed };
}

/** Names of the source's own metrics; what we derived from them says nothing new. */
function comparableNames({ metrics }: Manifest, wanted: readonly string[]): { names: string[]; left: string[] } {
  if (wanted.length > 0) return { names: [...wanted], left: [] };
  const own = Object.keys(metrics).filter(
    (name) => !(/^(best|final)_/.test(name) && name.replace(/^(best|final)_/, "") in metrics),
  );
  return { names: own.filter((name) => !load.test(name)), left: own.filter((name) => load.test(name)) };
}

function matchArtifacts(source: Manifest, again: Manifest): Reproduction["artifacts"] {
  const other = new Map(again.artifacts?.files.map((file) => [file.path, file.sha256]) ?? []);
  const both = (source.artifacts?.files ?? []).filter(
    ({ path, sha256 }) => sha256 !== undefined && other.get(path) !== undefined,
  );
  const differing = both.filter(({ path, sha256 }) => other.get(path) !== sha256).map(({ path }) => path);
  return { same: both.length - differing.length, compared: both.length, differing: differing.slice(0, shownArtifacts) };
}

function differences(pairs: readonly [what: string, source: unknown, again: unknown][]): Difference[] {
  const text = (value: unknown) => (value === null || value === undefined ? null : String(value));
  return pairs
    .map(([what, source, again]) => ({ what, source: text(source), again: text(again) }))
    .filter(({ source, again }) => source !== again);
}

function packagesOf({ environment }: Manifest): Map<string, string> {
  const lines = environment.pip_freeze?.split("\n").filter((line) => line !== "") ?? [];
  return new Map(
    lines.map((line) => {
      const [name = line, version = line] = line.split(/==| @ /);
      return [name.toLowerCase().replaceAll("_", "-"), version];
    }),
  );
}

/** Variables that hold another folder for every run. */
const ownVariables = /^(PYTHONPATH|PWD|TMPDIR|VIRTUAL_ENV|PATH)$/;

function environmentDifferences(source: Manifest, again: Manifest): Difference[] {
  const keys = ["python_version", "container_digest", "cuda_version", "os", "kernel"] as const;
  const [a, b] = [source.environment, again.environment];
  const [packagesA, packagesB] = [packagesOf(source), packagesOf(again)];
  const packages = [...new Set([...packagesA.keys(), ...packagesB.keys()])].sort();
  const variables = [...new Set([...Object.keys(a.env_vars), ...Object.keys(b.env_vars)])].sort();
  return differences([
    ["code", a.snapshot, b.snapshot],
    ...keys.map((key): [string, unknown, unknown] => [key, a[key], b[key]]),
    ...packages.map((name): [string, unknown, unknown] => [
      `package ${name}`,
      packagesA.get(name),
      packagesB.get(name),
    ]),
    ...variables
      .filter((name) => !ownVariables.test(name))
      .map((name): [string, unknown, unknown] => [`variable ${name}`, a.env_vars[name], b.env_vars[name]]),
  ]);
}

function hardwareDifferences(source: Manifest, again: Manifest): Difference[] {
  const keys = ["gpu_model", "cpu_model", "host"] as const;
  return differences([
    ...keys.map((key): [string, unknown, unknown] => [key, source.resources[key], again.resources[key]]),
    ["gpu_driver", source.environment.gpu_driver, again.environment.gpu_driver],
  ]);
}

function verdictOf(found: Omit<Reproduction, "verdict" | "sentence">, runs: { source: Manifest; again: Manifest }) {
  const { source, again } = runs;
  const { metrics, artifacts } = found;
  const equal = metrics.filter((match) => match.equal).length;
  const ofMetrics = `${equal} of ${metrics.length} ${metrics.length === 1 ? "metric is" : "metrics are"} the same`;
  const ofFiles = `${artifacts.same} of ${artifacts.compared} ${artifacts.compared === 1 ? "artifact is" : "artifacts are"} the same, byte for byte`;
  if (!isFinal(again.status))
    return { verdict: "pending", sentence: `it is ${again.status}; ask again when it has ended` } as const;
  if (again.status !== source.status) {
    const why = again.failure === null ? "" : ` (${again.failure.message})`;
    return {
      verdict: "not_reproduced",
      sentence: `it is ${again.status}${why}, and ${source.run_id} is ${source.status}`,
    } as const;
  }
  if (again.exit_code !== source.exit_code)
    return {
      verdict: "not_reproduced",
      sentence: `it ended with ${again.exit_code}, and ${source.run_id} with ${source.exit_code}`,
    } as const;
  if (metrics.length > 0) {
    const verdict = equal === metrics.length ? "reproduced" : "not_reproduced";
    return { verdict, sentence: artifacts.compared === 0 ? ofMetrics : `${ofMetrics}; ${ofFiles}` } as const;
  }
  if (artifacts.compared > 0) {
    const verdict = artifacts.same === artifacts.compared ? "reproduced" : "not_reproduced";
    return { verdict, sentence: `there is no metric to compare; ${ofFiles}` } as const;
  }
  return {
    verdict: "undecided",
    sentence: "it ended alike, and there is neither metric nor artifact to compare",
  } as const;
}

/** Ids of the repeats that the noise of at least one of these metrics was measured with. */
function repeatsBehind(metrics: readonly MetricMatch[], repeats: readonly Manifest[]): string[] {
  const byNoise = metrics.filter(({ by }) => by === "noise");
  const used = new Set(byNoise.flatMap(({ name }) => measuredBy(name, repeats)));
  return repeats.filter((run) => used.has(run)).map((run) => run.run_id);
}

export function compareRuns(source: Manifest, again: Manifest, options: CompareOptions): Reproduction {
  const runs = { source, again };
  const { names, left } = comparableNames(source, options.names);
  // What ended in another way has nothing to compare, and one whose surroundings nobody saw differs in nothing that is known.
  const ended = isFinal(again.status) && again.status === source.status;
  const seen = isFinal(again.status) && again.environment.os !== null;
  const metrics = ended ? names.map((name) => matchMetric(name, runs, options)) : [];
  const found = {
    run_id: again.run_id,
    source_run: source.run_id,
    metrics,
    not_compared: left,
    artifacts: matchArtifacts(source, again),
    repeats: repeatsBehind(metrics, options.repeats),
    seen,
    environment: seen ? environmentDifferences(source, again) : [],
    hardware: seen ? hardwareDifferences(source, again) : [],
  };
  return { ...found, ...verdictOf(found, runs) };
}
