/**
 * The meter of one run: turns looks at its processes and its cards into the rows of samples.tsv. Of a card that runs
 * share, utilisation, temperature and throttling are the card's, memory is the run's own where the driver tells, and
 * power and energy are divided equally. Of the processors' energy a run gets its share of all busy CPU time.
 */
import { Counter } from "../measure/counter.ts";
import type { GpuLook, GpuReading } from "../measure/gpu.ts";
import type { TreeUse } from "../measure/process-tree.ts";
import type { RunPaths } from "../run/paths.ts";
import { appendSample, type Sample, spanSeconds } from "../run/samples.ts";
import type { RunUseFacts } from "../run/worker-facts.ts";
import type { Placement } from "../schedule/fit.ts";

/** What a meter must know of its run. */
export interface Metered {
  runId: string;
  paths: RunPaths;
  placement: Placement;
  /** Monotonic moment at which it began to be attended. */
  sinceMs: number;
}

/** What all runs of a tick have in common. */
export interface MachineLook {
  atMs: number;
  nowMs: number;
  /** Null where the cards are not looked at, or their state is unknown. */
  gpus: GpuLook | null;
  /** How many runs hold a card, by id. */
  sharers(cardId: string): number;
  /** Which run a process belongs to. */
  runOf(pid: number): string | null;
  /** Busy CPU seconds of the machine, and joules of its processors, since the tick before; null where unknown. */
  busySeconds: number | null;
  processorJ: number | null;
}

interface Cards {
  utilization: number | null;
  memoryGb: number | null;
  temperatureC: number | null;
  powerW: number | null;
  throttled: readonly string[];
}

/** A driver that needs a moment to answer leaves no gap worth speaking of. */
const tolerableSeconds = 3;
/** In a watt hour. */
const joules = 3600;

const most = (values: readonly (number | null)[]) => {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
};
const rounded = (value: number | null) => (value === null ? null : Math.round(value * 1000) / 1000);
const plus = (a: number | null, b: number | null) => (a === null ? b : b === null ? a : a + b);

export class RunMeter {
  readonly #counters = new Map<string, Counter>();
  /** For so long its cards were not seen. */
  #blindSeconds = 0;
  #row: Sample | null = null;
  #lastMs: number | null = null;
  #lastUse: TreeUse | null = null;
  /** The run's own part of the processors' energy needs this. */
  #cpuSeconds = 0;
  #powerWs = 0;
  #powerSeconds = 0;
  #utilWs = 0;
  #utilSeconds = 0;
  /** Moments without energy where there had been some. */
  partial = false;
  /** Since when none of its cards has done anything, monotonic; null: they work, or nobody can tell. */
  idleSinceMs: number | null = null;
  #now: Omit<RunUseFacts, "run_id"> | null = null;

  constructor(private readonly run: Metered) {}

  /** The last look, for whoever watches; empty before the first. */
  facts(): RunUseFacts[] {
    return this.#now === null ? [] : [{ run_id: this.run.runId, ...this.#now }];
  }

  /** Takes a look; `use` is null where its processes could not be seen. Throws nothing. */
  take(use: TreeUse | null, machine: MachineLook): void {
    const seconds = this.#lastMs === null ? 0 : (machine.atMs - this.#lastMs) / 1000;
    this.#lastMs = machine.atMs;
    const cards = this.#cards(machine);
    const before = this.#lastUse;
    this.#lastUse = use;
    const grown = (key: "cpuSeconds" | "readGb" | "writtenGb") =>
      use === null || before === null ? null : Math.max(0, use[key] - before[key]);
    const cpuSeconds = grown("cpuSeconds");
    const cardJ = this.#cardEnergyJ(machine, seconds);
    const processorJ = this.#processorJ(machine, cpuSeconds);
    this.#now = {
      cpu_cores: rounded(cpuSeconds === null || seconds <= 0 ? null : cpuSeconds / seconds),
      ram_gb: rounded(use?.ramGb ?? null),
      gpu_utilization: rounded(cards?.utilization ?? null),
      gpu_memory_gb: rounded(cards?.memoryGb ?? null),
    };
    this.#noteIdle(cards, machine.atMs);
    if (seconds <= 0) return;
    const row = this.#row ?? emptyRow();
    this.#row = row;
    row.t = machine.nowMs / 1000;
    row.seconds += seconds;
    row.ramGb = most([row.ramGb, use?.ramGb ?? null]);
    row.readGb = plus(row.readGb, grown("readGb"));
    row.writtenGb = plus(row.writtenGb, grown("writtenGb"));
    row.gpuEnergyWh = plus(row.gpuEnergyWh, cardJ === null ? null : cardJ / joules);
    row.cpuEnergyWh = plus(row.cpuEnergyWh, processorJ === null ? null : processorJ / joules);
    this.#cpuSeconds += cpuSeconds ?? 0;
    if (cards !== null) this.#addCards(row, cards, seconds);
    if (row.seconds >= spanSeconds((machine.atMs - this.run.sinceMs) / 1000) - 0.25) this.flush();
  }

  #addCards(row: Sample, cards: Cards, seconds: number): void {
    row.gpuMemoryGb = most([row.gpuMemoryGb, cards.memoryGb]);
    row.gpuTemperatureC = most([row.gpuTemperatureC, cards.temperatureC]);
    if (cards.utilization !== null) {
      this.#utilWs += cards.utilization * seconds;
      this.#utilSeconds += seconds;
    }
    if (cards.powerW !== null) {
      this.#powerWs += cards.powerW * seconds;
      this.#powerSeconds += seconds;
    }
    if (cards.throttled.length > 0)
      row.throttled = [...new Set([...(row.throttled?.split(",") ?? []), ...cards.throttled])].join(",");
  }

  /** Writes the row that is being collected. A disk that takes none loses a row, and says nothing: others speak of it. */
  flush(): void {
    const row = this.#row;
    if (row === null || row.seconds <= 0) return;
    row.cpuCores = this.#lastUse === null ? null : this.#cpuSeconds / row.seconds;
    row.gpuUtilization = this.#utilSeconds === 0 ? null : this.#utilWs / this.#utilSeconds;
    row.gpuPowerW = this.#powerSeconds === 0 ? null : this.#powerWs / this.#powerSeconds;
    this.#row = null;
    this.#cpuSeconds = this.#powerWs = this.#powerSeconds = this.#utilWs = this.#utilSeconds = 0;
    try {
      appendSample(this.run.paths, row);
    } catch {
      this.partial ||= row.gpuEnergyWh !== null || row.cpuEnergyWh !== null;
    }
  }

  #held({ gpus }: MachineLook): GpuReading[] {
    const ids = new Set(this.run.placement.cards.map((card) => card.id));
    return (gpus?.readings ?? []).filter((reading) => ids.has(reading.id));
  }

  #cards(machine: MachineLook): Cards | null {
    const held = this.#held(machine);
    if (held.length === 0) return null;
    const utilizations = held.flatMap((card) => card.utilization ?? []);
    return {
      utilization: utilizations.length === 0 ? null : utilizations.reduce((a, b) => a + b, 0) / utilizations.length,
      memoryGb: most(held.map((card) => this.#memoryOn(card, machine))),
      temperatureC: most(held.map((card) => card.temperatureC)),
      powerW: held.reduce<number | null>(
        (sum, card) => plus(sum, card.powerW === null ? null : card.powerW / Math.max(1, machine.sharers(card.id))),
        null,
      ),
      throttled: [...new Set(held.flatMap((card) => card.throttled))],
    };
  }

  /** What its processes have on a card; of a card for itself alone all that is used, where no process is told. */
  #memoryOn(card: GpuReading, { gpus, runOf, sharers }: MachineLook): number | null {
    const own = (gpus?.uses ?? []).filter(
      (use) => (use.cardId === card.id || use.cardId === card.cardId) && runOf(use.pid) === this.run.runId,
    );
    const told = own.flatMap((use) => use.usedGb ?? []);
    if (told.length > 0) return told.reduce((a, b) => a + b, 0);
    return sharers(card.id) === 1 ? card.usedGb : null;
  }

  /** By the card's own counter where it has one, else by its power at the moment. */
  #cardEnergyJ(machine: MachineLook, seconds: number): number | null {
    const held = this.#held(machine);
    if (held.length === 0) {
      if (this.run.placement.cards.length > 0) this.#blindSeconds += seconds;
      this.partial ||= this.#blindSeconds > tolerableSeconds;
      return null;
    }
    return held.reduce<number | null>((sum, card) => {
      const sharers = Math.max(1, machine.sharers(card.id));
      if (card.energyJ !== null) {
        const counter = this.#counters.get(card.id) ?? new Counter();
        this.#counters.set(card.id, counter);
        const grown = counter.grown(card.energyJ);
        this.partial ||= counter.partial;
        return plus(sum, grown / sharers);
      }
      return plus(sum, card.powerW === null ? null : (card.powerW * seconds) / sharers);
    }, null);
  }

  #processorJ({ processorJ, busySeconds }: MachineLook, cpuSeconds: number | null): number | null {
    if (processorJ === null || busySeconds === null || cpuSeconds === null) return null;
    return busySeconds <= 0 ? 0 : processorJ * Math.min(1, cpuSeconds / busySeconds);
  }

  #noteIdle(cards: Cards | null, atMs: number): void {
    if (cards?.utilization === 0) this.idleSinceMs ??= atMs;
    else this.idleSinceMs = null;
  }
}

function emptyRow(): Sample {
  return {
    t: 0,
    seconds: 0,
    cpuCores: null,
    ramGb: null,
    readGb: null,
    writtenGb: null,
    gpuUtilization: null,
    gpuMemoryGb: null,
    gpuTemperatureC: null,
    gpuPowerW: null,
    gpuEnergyWh: null,
    cpuEnergyWh: null,
    throttled: null,
  };
}
