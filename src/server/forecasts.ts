/**
 * When running runs end: asks history once a run and progress at each look, keeps what was foretold in the run folders, and
 * counts how often it came true. Everything in here can be forgotten: what matters is in `.run/forecasts.jsonl`.
 */
import type { Catalog } from "../catalog/catalog.ts";
import { isoTime } from "../core/clock.ts";
import type { EtaRange } from "../protocol/summary.ts";
import { appendForecast, type ForecastMark, readForecasts } from "../run/forecasts.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import { readManifest } from "../run/store.ts";
import {
  dueMark,
  type EtaAccuracy,
  etaAccuracy,
  type Foretold,
  forecastOf,
  foretell,
  type Signs,
} from "../schedule/forecast.ts";
import { foreseer } from "./foresee.ts";
import type { LiveFacts } from "./live.ts";

interface Known {
  history: Signs["history"];
  limitSeconds: number | null;
  made: Set<ForecastMark>;
}

export interface RunEta {
  eta: string;
  range: EtaRange;
}

export interface ForecastsOptions {
  base: BasePaths;
  catalog: Catalog;
  live: LiveFacts;
  nowMs(): number;
}

/** So many runs are remembered at a time. */
const remembered = 2000;
/** The accuracy is counted over so many of the newest ended runs, and not more often than this. */
const countedRuns = 1000;
const countEveryMs = 10_000;

export class Forecasts {
  private readonly known = new Map<string, Known>();
  private counted: { atMs: number; accuracy: EtaAccuracy } | null = null;

  constructor(private readonly options: ForecastsOptions) {}

  /** When a running run ends, as an interval; null where nothing is known. */
  of(record: RunRecord): RunEta | null {
    const signs = this.signsOf(record);
    const foretold = signs === null ? null : foretell(signs);
    if (foretold === null || record.started_at === null) return null;
    const startMs = Date.parse(record.started_at);
    const at = (seconds: number) => isoTime(startMs + seconds * 1000);
    const { low, middle, high } = foretold.seconds;
    const { basis, runs } = foretold;
    return { eta: at(middle), range: { low: at(low), high: at(high), basis, runs } };
  }

  /** Keeps a forecast where one is due: at the start, at a quarter, at half of the way. */
  look(record: RunRecord): void {
    if (record.status !== "running") {
      this.known.delete(record.run_id);
      return;
    }
    const signs = this.signsOf(record);
    const known = this.known.get(record.run_id);
    if (signs === null || known === undefined) return;
    const mark = dueMark(signs, known.made);
    // At the start history alone speaks: what a script says of itself then is not yet progress.
    const foretold: Foretold | null =
      mark === null ? null : foretell(mark === "start" ? { ...signs, progress: null } : signs);
    if (mark === null || foretold === null) return;
    known.made.add(mark);
    const at = isoTime(this.options.nowMs());
    appendForecast(this.options.base.run(record.run_id), forecastOf(foretold, { mark, at }));
  }

  private signsOf(record: RunRecord): Signs | null {
    if (record.status !== "running" || record.started_at === null) return null;
    const known = this.known.get(record.run_id) ?? this.learn(record.run_id);
    if (known === null) return null;
    const elapsedSeconds = Math.max(0, (this.options.nowMs() - Date.parse(record.started_at)) / 1000);
    const progress = this.options.live.progressOf(this.options.base.run(record.run_id));
    return {
      elapsedSeconds,
      history: known.history,
      limitSeconds: known.limitSeconds,
      progress: progress && { fraction: progress.fraction, etaSeconds: progress.eta_seconds },
    };
  }

  private learn(runId: string): Known | null {
    const paths = this.options.base.run(runId);
    const read = readManifest(paths.manifest);
    if (read.kind !== "ok") return null;
    const hours = read.manifest.resources.requested.max_runtime_hours;
    const known: Known = {
      history: this.historyOf(read.manifest),
      limitSeconds: hours === null ? null : hours * 3600,
      made: new Set(readForecasts(paths).map((each) => each.mark)),
    };
    if (this.known.size > remembered) this.known.clear();
    this.known.set(runId, known);
    return known;
  }

  /** What is known now, which may be more than when it was queued. */
  private historyOf(manifest: Manifest): Signs["history"] {
    const prediction = foreseer(this.options.catalog)(manifest);
    return prediction?.seconds == null ? null : { seconds: prediction.seconds, runs: prediction.runs };
  }

  /** How often intervals held, over the newest ended runs. */
  accuracy(): EtaAccuracy {
    const nowMs = performance.now();
    if (this.counted !== null && nowMs - this.counted.atMs < countEveryMs) return this.counted.accuracy;
    const accuracy = etaAccuracy(this.options.catalog.past.newest(countedRuns));
    this.counted = { atMs: nowMs, accuracy };
    return accuracy;
  }
}
