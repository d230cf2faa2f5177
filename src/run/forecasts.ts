/**
 * `.run/forecasts.jsonl`: what was foretold of a run's whole runtime while it ran, so that anybody can check later how often
 * such words come true. A line at its start (by runs like it), at a quarter and at half of the way.
 *
 *     {"at": "2026-11-23T18:30:59.123Z", "mark": "start", "seconds_low": 190, "seconds": 240, "seconds_high": 300,
 *      "basis": "history", "runs": 7}
 *
 * Seconds count from the start of the script, so that a clock that is set changes nothing. Written by the server alone, while
 * the run is running; where no server is up, nothing is foretold and nothing is counted.
 */
import * as fs from "node:fs";
import { readJsonLines } from "../core/json-lines.ts";
import type { RunPaths } from "./paths.ts";

export const forecastMarks = ["start", "quarter", "half"] as const;
export type ForecastMark = (typeof forecastMarks)[number];
export type ForecastBasis = "history" | "progress" | "both";

export interface Forecast {
  /** RFC 3339. */
  at: string;
  mark: ForecastMark;
  seconds_low: number;
  seconds: number;
  seconds_high: number;
  basis: ForecastBasis;
  /** How many past runs it rests on; 0 where on none. */
  runs: number;
}

export interface ScoredForecast {
  mark: ForecastMark;
  basis: ForecastBasis;
  /** The run took between `seconds_low` and `seconds_high`. */
  hit: boolean;
}

/** Whole lines alone, the first of each mark; a damaged file foretold nothing. */
export function readForecasts(paths: RunPaths): Forecast[] {
  // Most runs have none, and asking first costs a third of being refused.
  if (!fs.existsSync(paths.forecasts)) return [];
  let found: Forecast[];
  try {
    found = readJsonLines<Forecast>(paths.forecasts).records;
  } catch {
    return [];
  }
  const whole = found.filter(
    ({ mark, seconds_low: low, seconds_high: high }) =>
      forecastMarks.includes(mark) && Number.isFinite(low) && Number.isFinite(high),
  );
  return forecastMarks.flatMap((mark) => whole.find((each) => each.mark === mark) ?? []);
}

/** Not synced, and never in the way: a forecast that is lost is one less to count. */
export function appendForecast(paths: RunPaths, forecast: Forecast): void {
  try {
    fs.appendFileSync(paths.forecasts, `${JSON.stringify(forecast)}\n`, { mode: 0o644 });
  } catch {
    // Said above.
  }
}

/** Against the runtime that it was in the end. */
export function scoreForecasts(forecasts: readonly Forecast[], seconds: number): ScoredForecast[] {
  return forecasts.map(({ mark, basis, seconds_low: low, seconds_high: high }) => ({
    mark,
    basis,
    hit: seconds >= low && seconds <= high,
  }));
}
