/** Forecasts of a running run: from history, from progress, from both; when they are kept, and how they are counted. */
import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { appendForecast, readForecasts, scoreForecasts } from "../../../src/run/forecasts.ts";
import type { PastRun } from "../../../src/run/past-run.ts";
import { runPaths } from "../../../src/run/paths.ts";
import { dueMark, etaAccuracy, forecastOf, foretell, type Signs } from "../../../src/schedule/forecast.ts";
import { tempFolder } from "../../support/temp.ts";

const history = { seconds: { low: 80, middle: 100, high: 125 }, runs: 7 };
const signs = (given: Partial<Signs>): Signs => ({
  elapsedSeconds: 10,
  history: null,
  progress: null,
  limitSeconds: null,
  ...given,
});
const at = (fraction: number) => ({ fraction, etaSeconds: null });

describe("what is foretold", () => {
  test("without history and progress is nothing", () => {
    expect(foretell(signs({}))).toBeNull();
    expect(foretell(signs({ progress: at(0.001) }))).toBeNull();
  });

  test("by history alone is the interval of history, moved up by the time that has gone", () => {
    const early = foretell(signs({ history, elapsedSeconds: 1 }));
    expect(early).toMatchObject({ basis: "history", runs: 7 });
    expect(early?.seconds.middle).toBeCloseTo(100, 0);
    const late = foretell(signs({ history, elapsedSeconds: 110 }));
    expect(late?.seconds.low).toBeGreaterThan(110);
  });

  test("history that the run has outlived is not told any more", () => {
    expect(foretell(signs({ history, elapsedSeconds: 1000 }))).toBeNull();
    const own = foretell(signs({ history, elapsedSeconds: 1000, progress: at(0.5) }));
    expect(own).toMatchObject({ basis: "progress", runs: 0 });
    expect(own?.seconds.middle).toBeCloseTo(2000, -2);
  });

  test("progress is believed the more the further the run is", () => {
    const width = (fraction: number) => {
      const { low, high } = foretell(signs({ elapsedSeconds: 100 * fraction, progress: at(fraction) }))?.seconds ?? {
        low: 1,
        high: 1,
      };
      return high / low;
    };
    expect(width(0.05)).toBeGreaterThan(width(0.3));
    expect(width(0.3)).toBeGreaterThan(width(0.9));
    expect(width(0.9)).toBeLessThan(1.2);
  });

  test("both together are surer than either, and the script's own words about the rest count as progress", () => {
    const both = foretell(signs({ elapsedSeconds: 50, history, progress: at(0.5) }));
    expect(both?.basis).toBe("both");
    const own = foretell(signs({ elapsedSeconds: 50, progress: { fraction: null, etaSeconds: 50 } }));
    expect(own?.seconds.middle).toBeGreaterThan(95);
    expect(own?.seconds.middle).toBeLessThan(106);
    const width = (of: typeof both) => (of?.seconds.high ?? 0) / (of?.seconds.low ?? 1);
    expect(width(both)).toBeLessThan(width(own));
  });

  test("[T1] a clock that goes back makes no negative time, and no end lies beyond the time limit", () => {
    const back = foretell(signs({ elapsedSeconds: -50, history }));
    expect(back?.seconds.low).toBeGreaterThan(0);
    const limited = foretell(signs({ history, limitSeconds: 90 }));
    expect(limited?.seconds.high).toBe(90);
    expect(limited?.seconds.middle).toBe(90);
  });
});

test("a forecast is due at the start, at a quarter and at half, once each, and none is made up for", () => {
  const none = new Set<never>();
  expect(dueMark(signs({ history }), none)).toBe("start");
  expect(dueMark(signs({ history }), new Set(["start"]))).toBeNull();
  expect(dueMark(signs({ progress: at(0.3) }), new Set(["start"]))).toBe("quarter");
  expect(dueMark(signs({ progress: at(0.6) }), none)).toBe("half");
  expect(dueMark(signs({ progress: at(0.3) }), new Set(["half"]))).toBeNull();
  expect(dueMark(signs({ history, elapsedSeconds: 26 }), new Set(["start"]))).toBe("quarter");
});

test("forecasts are kept in the run folder, read whole, and scored against the real runtime", () => {
  const paths = runPaths(tempFolder("ml-forecast-"), "2026-11-23_aaaaaa");
  mkdirSync(join(paths.folder, ".run"));
  expect(readForecasts(paths)).toEqual([]);
  const foretold = foretell(signs({ history, elapsedSeconds: 0 }));
  if (foretold === null) throw new Error("nothing foretold");
  const forecast = forecastOf(foretold, { mark: "start", at: "2026-11-23T10:00:00.000Z" });
  appendForecast(paths, forecast);
  appendForecast(paths, { ...forecast, seconds_low: 1, seconds_high: 2 });
  writeFileSync(paths.forecasts, '{"mark": "half", "seconds_l', { flag: "a" });
  expect(readForecasts(paths)).toEqual([forecast]);
  expect(scoreForecasts([forecast], 100)).toEqual([{ mark: "start", basis: "history", hit: true }]);
  expect(scoreForecasts([forecast], 200)[0]?.hit).toBe(false);
});

test("the accuracy counts completed runs alone, and knows no rate where nothing was foretold", () => {
  const run = (outcome: string, hit: boolean): PastRun => ({
    run_id: "r",
    user: "ana",
    group: null,
    script: "s",
    args: {},
    ended_at_ms: 0,
    outcome,
    why: null,
    seconds: 1,
    ram_gb: null,
    gpu_memory_gb: null,
    host: null,
    gpu_ids: [],
    forecasts: [{ mark: "start", basis: "history", hit }],
  });
  const counted = etaAccuracy([run("completed", true), run("completed", false), run("code_error", false)]);
  expect(counted).toMatchObject({ promised: 0.8, runs: 2 });
  expect(counted.marks[0]).toEqual({ mark: "start", forecasts: 2, hits: 1, rate: 0.5 });
  expect(counted.marks[2]).toEqual({ mark: "half", forecasts: 0, hits: 0, rate: null });
});
