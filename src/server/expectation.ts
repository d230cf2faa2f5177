/** What was expected of a run against what it did, read from its manifest and its metrics each time, so it is never stale. */
import * as fs from "node:fs";
import { betterDirection } from "../core/better-direction.ts";
import type { Manifest } from "../run/manifest.ts";
import { decodeMetricValue } from "../run/metric-value.ts";
import { scanMetrics } from "../run/metrics.ts";
import type { RunPaths } from "../run/paths.ts";
import { isFinal } from "../run/status.ts";
import { type Expectation, parseExpectation } from "../think/expectation.ts";
import { type CurveFacts, checkExpectation, type ExpectationReply } from "../think/expectation-check.ts";

type Curves = Record<string, CurveFacts>;

/** Curves of runs that were asked for last, by path and what tells that nothing was logged since. */
const kept = new Map<string, { stamp: string; curves: Curves }>();
const keptRuns = 64;
const mostNames = 500;

async function readCurves(path: string): Promise<Curves> {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return {};
  const stamp = `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
  const known = kept.get(path);
  if (known?.stamp === stamp) return known.curves;
  const sums = new Map<string, CurveFacts & { sum: number; count: number }>();
  await scanMetrics(path, {
    onPoint({ name, value }) {
      let curve = sums.get(name);
      if (curve === undefined) {
        if (sums.size >= mostNames) return;
        curve = { last: 0, min: null, max: null, mean: null, direction: betterDirection(name), sum: 0, count: 0 };
        sums.set(name, curve);
      }
      curve.last = decodeMetricValue(value) ?? Number.NaN;
      if (!Number.isFinite(curve.last)) return;
      curve.min = Math.min(curve.min ?? curve.last, curve.last);
      curve.max = Math.max(curve.max ?? curve.last, curve.last);
      curve.sum += curve.last;
      curve.count += 1;
      curve.mean = curve.sum / curve.count;
    },
  });
  const curves: Curves = Object.fromEntries(sums);
  kept.delete(path);
  kept.set(path, { stamp, curves });
  for (const oldest of kept.keys()) {
    if (kept.size <= keptRuns) break;
    kept.delete(oldest);
  }
  return curves;
}

/** A metric that is in the record alone has one value, which is its last, least and most. */
function withRecorded(curves: Curves, metrics: Manifest["metrics"]): Curves {
  const all: Curves = {};
  for (const [name, value] of Object.entries(metrics)) {
    const last = decodeMetricValue(value) ?? Number.NaN;
    const finite = Number.isFinite(last) ? last : null;
    all[name] = { last, min: finite, max: finite, mean: finite, direction: betterDirection(name) };
  }
  return { ...all, ...curves };
}

function secondsOf({ started_at: started, ended_at: ended }: Manifest, nowMs: number): number | null {
  if (started === null) return null;
  return Math.max(0, (ended === null ? nowMs : Date.parse(ended)) - Date.parse(started)) / 1000;
}

async function check(paths: RunPaths, manifest: Manifest, options: { expectation: Expectation; nowMs: number }) {
  const { expectation, nowMs } = options;
  const needsCurves = expectation.clauses.some((clause) => clause.kind === "metric");
  const curves = needsCurves ? withRecorded(await readCurves(paths.metrics), manifest.metrics) : {};
  return checkExpectation(expectation, {
    ended: isFinal(manifest.status),
    status: manifest.status,
    failure: manifest.failure?.kind ?? null,
    seconds: secondsOf(manifest, nowMs),
    curves,
  });
}

/** True where every part of `text` holds for a run that has ended. */
export async function meetsExpectation(
  paths: RunPaths,
  manifest: Manifest,
  { text, nowMs }: { text: string; nowMs: number },
): Promise<boolean> {
  const { checks } = await check(paths, manifest, { expectation: parseExpectation(text), nowMs });
  return checks.length > 0 && checks.every((one) => one.met === true);
}

/** Null where nothing was expected. */
export async function expectationOf(
  paths: RunPaths,
  manifest: Manifest,
  nowMs: number,
): Promise<ExpectationReply | null> {
  const text = manifest.narrative.expected_outcome;
  if (text === null) return null;
  return check(paths, manifest, { expectation: parseExpectation(text), nowMs });
}
