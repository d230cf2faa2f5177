/** One row of a listing: what the catalog keeps of a run, and what is only true now. */

import { isoTime } from "../core/clock.ts";
import type { RunSummary } from "../protocol/summary.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Eta } from "../schedule/starts.ts";
import type { Forecasts } from "./forecasts.ts";
import type { LineBoard } from "./line-board.ts";
import { type LiveFacts, stoppingOf } from "./live.ts";

const shownMetrics = 20;

export interface SummaryOptions {
  base: BasePaths;
  line: Pick<LineBoard, "placeOf" | "etaOf">;
  live: LiveFacts;
  forecasts: Forecasts;
  nowMs(): number;
}

/** When a waiting run starts, as far as the line was played ahead for it. */
export function startOf(eta: Eta | null): Pick<RunSummary, "eta" | "eta_range"> {
  if (eta === null) return { eta: null, eta_range: null };
  const { fromMs, likelyMs, untilMs } = eta;
  return {
    eta: likelyMs === null ? null : isoTime(likelyMs),
    eta_range:
      fromMs === null || untilMs === null
        ? null
        : { low: isoTime(fromMs), high: isoTime(untilMs), basis: "line", runs: 0 },
  };
}

export function summarise(record: RunRecord, options: SummaryOptions): RunSummary {
  const unknown = { position: null, eta: null, eta_range: null, waits_for: null, progress: null, stopping: null };
  const quiet = { ...record, ...unknown };
  if (record.status === "queued") {
    const { line } = options;
    return { ...quiet, position: line.placeOf(record.run_id), ...startOf(line.etaOf(record.run_id)) };
  }
  if (record.status !== "running" && record.status !== "starting") return quiet;
  const paths = options.base.run(record.run_id);
  const progress = options.live.progressOf(paths);
  const metrics = { ...record.metrics, ...options.live.metricsOf(paths) };
  const nowMs = options.nowMs();
  const ends = options.forecasts.of(record);
  return {
    ...quiet,
    metrics: Object.fromEntries(Object.entries(metrics).slice(0, shownMetrics)),
    progress,
    eta: ends?.eta ?? null,
    eta_range: ends?.range ?? null,
    stopping: stoppingOf(paths, nowMs),
  };
}
