/**
 * How long a running run will take in all, from what runs like it took and from its own progress. Pure; and how often such
 * forecasts came true, counted from ended runs.
 *
 * Progress says `elapsed / fraction`, or elapsed and what the script itself says is left; it is believed the more the further
 * the run is (`progressSd`). History is an interval of past runtimes. Both are weighed by how sure they are, and the run
 * is known to last longer than it has: what that refutes is not told any more.
 */
import { type Forecast, type ForecastBasis, type ForecastMark, forecastMarks } from "../run/forecasts.ts";
import type { PastRun } from "../run/past-run.ts";
import { coverage, type Estimate, estimateOf, type Interval, intervalBeyond, together } from "./estimate.ts";

export interface Signs {
  elapsedSeconds: number;
  /** Whole runtimes of runs like it, and how many they are. */
  history: { seconds: Interval; runs: number } | null;
  progress: { fraction: number | null; etaSeconds: number | null } | null;
  /** It is stopped then; null for no limit. */
  limitSeconds: number | null;
}

export interface Foretold {
  /** Of the whole runtime, from the start on. */
  seconds: Interval;
  basis: ForecastBasis;
  runs: number;
}

/** Below this share of the way, elapsed time says too little about the rest. */
const tellingFraction = 0.02;

/**
 * Spread of the logarithm of the whole runtime, told from progress: half at a fiftieth of the way, a fifth at a quarter, a
 * tenth at the half. Starting up, slow first epochs and a last evaluation make early progress a bad witness.
 */
function progressSd(fraction: number): number {
  return 0.02 + (1 - fraction) * (0.15 + 0.05 / Math.sqrt(fraction));
}

function byProgress({ elapsedSeconds, progress }: Signs): Estimate | null {
  if (progress === null || elapsedSeconds <= 0) return null;
  const { fraction, etaSeconds } = progress;
  const known = fraction !== null && fraction >= tellingFraction && fraction <= 1 ? fraction : null;
  if (etaSeconds !== null && etaSeconds >= 0) {
    const total = elapsedSeconds + etaSeconds;
    const share = known ?? Math.min(1, Math.max(tellingFraction, elapsedSeconds / total));
    return { mean: Math.log(total), sd: progressSd(share) };
  }
  return known === null ? null : { mean: Math.log(elapsedSeconds / known), sd: progressSd(known) };
}

/** Null where neither history nor progress says anything that has not been refuted by the time that it took already. */
export function foretell(signs: Signs): Foretold | null {
  const elapsed = Math.max(0, signs.elapsedSeconds);
  const past = signs.history === null ? null : estimateOf(signs.history.seconds);
  const lasts = past !== null && intervalBeyond(past, elapsed) !== null ? past : null;
  const own = byProgress({ ...signs, elapsedSeconds: elapsed });
  const both = together(lasts, own);
  const seconds = both === null ? null : intervalBeyond(both, elapsed);
  if (seconds === null) return null;
  const most = Math.max(elapsed, signs.limitSeconds ?? Infinity);
  const { low, middle, high } = seconds;
  return {
    seconds: { low: Math.min(low, most), middle: Math.min(middle, most), high: Math.min(high, most) },
    basis: lasts === null ? "progress" : own === null ? "history" : "both",
    runs: lasts === null ? 0 : (signs.history?.runs ?? 0),
  };
}

const shareOf: Record<ForecastMark, number> = { start: 0, quarter: 0.25, half: 0.5 };

/** The mark that is due: the furthest that was reached and not yet made. Marks that were passed by unseen are not made up for. */
export function dueMark(signs: Signs, made: ReadonlySet<ForecastMark>): ForecastMark | null {
  const { progress, history, elapsedSeconds } = signs;
  const share = progress?.fraction ?? (history === null ? 0 : elapsedSeconds / history.seconds.middle);
  const reached = forecastMarks.filter((mark) => share >= shareOf[mark]).at(-1) ?? "start";
  const later = forecastMarks.slice(forecastMarks.indexOf(reached));
  return later.some((mark) => made.has(mark)) ? null : reached;
}

export function forecastOf(foretold: Foretold, { mark, at }: Pick<Forecast, "mark" | "at">): Forecast {
  const round = (value: number) => Number(value.toPrecision(5));
  const { low, middle, high } = foretold.seconds;
  const seconds = { seconds_low: round(low), seconds: round(middle), seconds_high: round(high) };
  return { at, mark, ...seconds, basis: foretold.basis, runs: foretold.runs };
}

export interface EtaAccuracy {
  /** How often an interval is meant to hold. */
  promised: number;
  /** Completed runs that anything was foretold of. */
  runs: number;
  /** How often it held, by when it was foretold; null rates where nothing was. */
  marks: { mark: ForecastMark; forecasts: number; hits: number; rate: number | null }[];
}

/** Counted over runs that completed: an interval says when a run is done, not when it breaks. */
export function etaAccuracy(past: readonly PastRun[]): EtaAccuracy {
  const told = past.filter((run) => run.outcome === "completed" && run.forecasts.length > 0);
  const scored = told.flatMap((run) => run.forecasts);
  const marks = forecastMarks.map((mark) => {
    const of = scored.filter((each) => each.mark === mark);
    const hits = of.filter((each) => each.hit).length;
    return { mark, forecasts: of.length, hits, rate: of.length === 0 ? null : hits / of.length };
  });
  return { promised: coverage, runs: told.length, marks };
}
