/** One row of a listing: what the catalog keeps of a run, and what is only true now. */
import type { Catalog } from "../catalog/catalog.ts";
import type { RunSummary } from "../protocol/summary.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Forecasts } from "./forecasts.ts";
import { type LiveFacts, stoppingOf } from "./live.ts";

const shownMetrics = 20;

export interface SummaryOptions {
  base: BasePaths;
  catalog: Catalog;
  live: LiveFacts;
  forecasts: Forecasts;
  nowMs(): number;
}

/** `position` is known already where a whole line is listed; else it is counted. */
export function summarise(record: RunRecord, options: SummaryOptions, position?: number | null): RunSummary {
  const quiet = { ...record, position: null, eta: null, eta_range: null, progress: null, stopping: null };
  if (record.status === "queued") {
    return { ...quiet, position: position === undefined ? positionOf(record, options.catalog) : position };
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

/** Place in the line from 1; null for held runs and those that do not wait. */
export function positionOf(record: RunRecord, catalog: Catalog): number | null {
  if (record.status !== "queued" || record.held) return null;
  const sequence = catalog.sequenceOf(record.run_id);
  return sequence === null ? null : catalog.ahead(record.priority, sequence) + 1;
}
