/**
 * Stops runs of a sweep that are too far behind (sweep/halving.ts). Looked at as soon as a run of such a sweep starts, writes
 * or ends, and with every beat of the server while some are live. A decision is in the sweep's record before anything is stopped, and then, with its reason, in the
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
import { MetricBell } from "./metric-bell.ts";
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

const rememberedSweeps = 1000;

export class Halving {
  private readonly readings = new Map<string, Reading>();
  /** Whether a sweep is one that halves: that never changes. */
  private readonly halves = new Map<string, boolean>();
  private live: RunRecord[] = [];
  private readonly bell = new MetricBell(() => this.lookAtAll());

  constructor(private readonly services: Services) {}

  private isHalving(record: RunRecord): boolean {
    const sweepId = record.sweep?.id;
    if (sweepId === undefined) return false;
    let known = this.halves.get(sweepId);
    if (known === undefined) {
      try {
        known = (readSweep(this.services.base, sweepId)?.halving ?? null) !== null;
      } catch {
        return false;
      }
      if (this.halves.size >= rememberedSweeps) this.halves.clear();
      this.halves.set(sweepId, known);
    }
    return known;
  }

  /** Called with each run that was read again; returns at once. */
  consider(record: RunRecord): void {
    if (record.status === "queued" || !this.isHalving(record)) return;
    const others = this.live.filter((one) => one.run_id !== record.run_id);
    // What it ended with may decide about the others.
    if (isFinal(record.status) && others.some((one) => one.sweep?.id === record.sweep?.id)) this.bell.ringSoon();
    this.follow(isFinal(record.status) ? others : [...others, record]);
  }

  /** `live` are the runs that are under way, as they are found with a beat. Returns at once. */
  look(live: readonly RunRecord[]): void {
    this.follow(live.filter((record) => this.isHalving(record)));
    if (this.live.length === 0) this.readings.clear();
    else this.bell.ringSoon();
  }

  private follow(live: RunRecord[]): void {
    this.live = live;
    this.bell.listenTo(live.map((record) => this.services.base.run(record.run_id)));
  }

  private async lookAtAll(): Promise<void> {
    const sweepIds = new Set(this.live.flatMap((record) => record.sweep?.id ?? []));
    try {
      for (const sweepId of sweepIds) await this.lookAt(sweepId);
    } catch (cause) {
      this.services.log.say("warn", "a sweep could not be halved", { why: messageOf(cause) });
    }
  }

  close(): void {
    this.bell.close();
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
