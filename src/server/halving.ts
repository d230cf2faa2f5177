/**
 * Stops runs of a sweep that are too far behind (sweep/halving.ts). Looked at with every beat of the server while runs of
 * such a sweep are live. A decision is in the sweep's record before anything is stopped, and then, with its reason, in the
 * run folder as any stop is; a server that dies between the two carries it out when it is back.
 *
 * What was read of a run's metrics is remembered only to read no byte twice: all of it is in the run folders.
 */
import { isoTime } from "../core/clock.ts";
import { messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { serverName } from "../run/history.ts";
import { encodeMetricValue } from "../run/metric-value.ts";
import { scanMetrics } from "../run/metrics.ts";
import type { RunPaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal } from "../run/status.ts";
import { scanOutputMetrics } from "../run/stdout-metrics.ts";
import type { Sweep } from "../sweep/definition.ts";
import { type Contender, halve, halvedReason, type Rung, RungValues, rungsOf } from "../sweep/halving.ts";
import { readSweep, writeSweep } from "../sweep/record.ts";
import { endRun } from "./cancellation.ts";
import type { Services } from "./context.ts";
import { latestRuns, pointsOf } from "./sweeps.ts";

/** One file in which the metric may stand. */
interface Place {
  next: number;
  values: RungValues;
  found: boolean;
}

/** What is known of one run: logged values count, where there are none printed ones, else those that were found. */
class Reading {
  private readonly places: Place[];
  private ended = false;

  constructor(
    readonly rungs: readonly Rung[],
    private readonly metric: string,
  ) {
    this.places = [0, 1, 2].map(() => ({ next: 0, values: new RungValues(rungs), found: false }));
  }

  get values(): readonly number[] {
    return (this.places.find(({ found }) => found) ?? this.places[0])?.values.values ?? [];
  }

  /** Reads on. A run that has ended is read once more, and then never. */
  async read(paths: RunPaths, isOver: boolean): Promise<void> {
    const [logged, printed, passive] = this.places;
    if (this.ended || logged === undefined || printed === undefined || passive === undefined) return;
    if (this.places.some(({ found, values }) => found && values.isComplete)) return;
    await this.points(logged, paths.metrics);
    for (const log of [paths.outputLog, paths.stdoutLog]) if (!logged.found) await this.printed(printed, log);
    if (!logged.found && !printed.found) await this.points(passive, paths.passiveMetrics);
    this.ended = isOver;
  }

  private async points(place: Place, path: string): Promise<void> {
    const onPoint = ({
      name,
      value,
      step,
    }: {
      name: string;
      value: ReturnType<typeof encodeMetricValue>;
      step: number | null;
    }) => {
      if (name !== this.metric) return;
      place.found = true;
      place.values.take({ value, step });
    };
    place.next = (await scanMetrics(path, { from: place.next, onPoint })).next;
  }

  /** A run has one of the two logs. */
  private async printed(place: Place, path: string): Promise<void> {
    const read = scanOutputMetrics(path, {
      from: place.next,
      onRecord: ({ name, value, step }) => {
        if (name !== this.metric) return;
        place.found = true;
        place.values.take({ value: encodeMetricValue(value), step: step ?? null });
      },
    });
    place.next = await read.catch(() => place.next);
  }
}

export class Halving {
  private readonly readings = new Map<string, Reading>();
  private looking: Promise<void> | null = null;

  constructor(private readonly services: Services) {}

  /** `live` are the runs that are under way. Returns at once; a look that takes longer than a beat is waited for. */
  look(live: readonly RunRecord[]): void {
    const sweepIds = [...new Set(live.flatMap((record) => record.sweep?.id ?? []))];
    if (sweepIds.length === 0) this.readings.clear();
    if (sweepIds.length === 0 || this.looking !== null) return;
    const look = async () => {
      for (const sweepId of sweepIds) await this.lookAt(sweepId);
    };
    this.looking = look()
      .catch((cause) => this.services.log.say("warn", "a sweep could not be halved", { why: messageOf(cause) }))
      .finally(() => {
        this.looking = null;
      });
  }

  private async lookAt(sweepId: string): Promise<void> {
    const { base, clock } = this.services;
    const before = readSweep(base, sweepId);
    if (before === null || before.halving === null || before.goal === null || isOver(before)) return;
    const { metric, direction } = before.goal;
    const points = pointsOf(before).points.length;
    const rungs = rungsOf(points, before.halving);
    const runs = latestRuns(this.services, before);
    const contenders: Contender[] = [];
    for (const record of runs) {
      const values = await this.valuesOf(record, { rungs, metric });
      contenders.push({ runId: record.run_id, values, live: !isFinal(record.status) });
    }
    // Read anew: it may have been changed while we looked. From here on nothing waits before it is written.
    const sweep = readSweep(base, sweepId);
    if (sweep === null || isOver(sweep)) return;
    const decided = halve(contenders, { rungs, direction }).filter(({ runId }) => sweep.halved[runId] === undefined);
    for (const one of decided) {
      const at = isoTime(clock.nowMs());
      const reason = halvedReason(one, metric, points);
      sweep.halved[one.runId] = { at, step: one.step, value: encodeMetricValue(one.value), reason };
      writeSweep(base, sweep, { at, by: serverName, action: "halve", reason: `run ${one.runId}: ${reason}` });
      fault("server/after-halving");
    }
    for (const record of runs) {
      const found = sweep.halved[record.run_id];
      if (found === undefined || isFinal(record.status)) continue;
      await endRun(this.services, record, { by: serverName, now: false, reason: found.reason });
    }
  }

  private async valuesOf(
    { run_id: runId, status }: RunRecord,
    { rungs, metric }: { rungs: readonly Rung[]; metric: string },
  ): Promise<readonly number[]> {
    if (status === "queued") return [];
    let reading = this.readings.get(runId);
    // A sweep that was extended has more rungs.
    if (reading === undefined || reading.rungs.length !== rungs.length) reading = new Reading(rungs, metric);
    this.readings.set(runId, reading);
    await reading.read(this.services.base.run(runId), isFinal(status));
    return reading.values;
  }
}

const isOver = ({ state }: Sweep) => state === "cancelled" || state === "reached";
