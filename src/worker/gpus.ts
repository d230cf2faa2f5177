/**
 * The cards that a worker hands out, as the driver tells of them: which there are, how large, and which nobody may have
 * now, because somebody outside uses them, they are lost, or their state is unknown. The meter looks while a run is in
 * hand, while a run waits for a card and while somebody watches; with nobody there to need it nothing runs.
 *
 * A card that a process of somebody else uses is not free: whose it is, is said in its `blocked` sentence.
 */
import { formatSize } from "../core/size.ts";
import { runOfProcess } from "../execute/stragglers.ts";
import type { GpuLook, GpuMeter, GpuReading, GpuUse } from "../measure/gpu.ts";
import { describeProcess, processKey } from "../measure/process-owner.ts";
import { type CardReading, noReading } from "../schedule/facts.ts";
import { type Card, emptyCard } from "../schedule/fit.ts";

export interface GpuRules {
  /** So many cards are handed out, the first by index; null: all. */
  limit: number | null;
  /** The share of a card's memory that is never handed out in parts. */
  headroom: number;
  /** What a process of somebody else does to a card. */
  foreign: "wait" | "ignore";
  /** Memory that no process is told to hold counts as somebody's from here on. */
  hiddenGb: number;
  /** A look that is older says nothing about who uses a card now. */
  freshMs: number;
}

export const usualRules: GpuRules = { limit: null, headroom: 0.05, foreign: "wait", hiddenGb: 1, freshMs: 3500 };

/** Looks go on for so long after the last who needed them. */
const lingerMs = 15_000;
/** A worker that starts waits so long for its first look and goes on without. */
const firstLookMs = 1500;

/** A process on a card that is none of this worker's runs. */
export interface ForeignUse extends GpuUse {
  who: string;
}

const rounded = (value: number | null) => (value === null ? null : Math.round(value * 1000) / 1000);

export class Gpus {
  readonly #meter: GpuMeter | null;
  readonly #rules: GpuRules;
  readonly #owners = new Map<string, { runId: string | null; who: string }>();
  #onChange: (cards: Card[]) => void = () => {};
  #onLook: () => void = () => {};
  #isOurs: (runId: string) => boolean = () => false;
  #now: () => number = () => performance.now();
  #text = "";
  #asking = false;
  #neededUntilMs = 0;
  #isHeld: (cardId: string) => boolean = () => false;

  constructor(meter: GpuMeter | null, rules: Partial<GpuRules> = {}) {
    this.#meter = meter;
    this.#rules = { ...usualRules, ...rules };
    meter?.onLook(() => this.#looked());
  }

  get vendor(): "nvidia" | "amd" | null {
    return this.#meter?.vendor ?? null;
  }

  /** Whether the machine has any, handed out or not. */
  any(): boolean {
    return (this.#meter?.last()?.readings.length ?? 0) > 0;
  }

  last(): GpuLook | null {
    return this.#meter?.last() ?? null;
  }

  /** One sentence where the present state of the cards is unknown. */
  trouble(): string | null {
    return this.#meter?.trouble() ?? null;
  }

  /** Looks for the first time. `onChange` is called with all cards whenever one of them is another than before. */
  async open(options: {
    isOurs: (runId: string) => boolean;
    /** Whether a run of ours has it, whole or in part. */
    isHeld: (cardId: string) => boolean;
    now: () => number;
    onChange: (cards: Card[]) => void;
    /** After every look, changed or not. */
    onLook: () => void;
  }): Promise<void> {
    this.#onLook = options.onLook;
    this.#isOurs = options.isOurs;
    this.#isHeld = options.isHeld;
    this.#now = options.now;
    this.#onChange = options.onChange;
    if (this.#meter === null) return;
    this.#neededUntilMs = 0;
    await Promise.race([this.#meter.begin(), Bun.sleep(firstLookMs)]);
    this.#looked();
  }

  #looked(): void {
    this.#asking = false;
    this.#settle();
    this.#onLook();
    if (this.#now() > this.#neededUntilMs) this.#meter?.end();
  }

  /** Somebody needs to know: looks go on for a while from now. */
  need(): void {
    if (this.#meter === null) return;
    this.#neededUntilMs = this.#now() + lingerMs;
    void this.#meter.begin();
  }

  close(): void {
    this.#meter?.end();
  }

  isFresh(): boolean {
    const last = this.last();
    return (
      this.#meter === null ||
      (last !== null && this.trouble() === null && this.#now() - last.atMs < this.#rules.freshMs)
    );
  }

  /**
   * A run waits for a card. Where nobody has looked a moment ago, no card is given out before the driver has said who uses
   * them; its answer calls `onChange`.
   */
  awaited(): void {
    this.need();
    if (this.isFresh() || this.#asking) return;
    this.#asking = true;
    this.#settle();
  }

  /** Which run a process on a card belongs to; null for somebody else's. */
  runOf(pid: number): string | null {
    return this.#owner(pid).runId;
  }

  #owner(pid: number): { runId: string | null; who: string } {
    const key = processKey(pid);
    const known = this.#owners.get(key);
    if (known !== undefined) return known;
    if (this.#owners.size > 1000) this.#owners.clear();
    const runId = runOfProcess(pid);
    const owner = { runId, who: `${describeProcess(pid)}${runId === null ? "" : ` (run ${runId})`}` };
    this.#owners.set(key, owner);
    return owner;
  }

  /** What the driver said of a card. */
  readingOf(cardId: string): CardReading {
    const look = this.last();
    const reading = look?.readings.find((one) => one.id === cardId);
    if (reading === undefined) return noReading;
    const uses = (look?.uses ?? []).filter((use) => use.cardId === reading.id || use.cardId === reading.cardId);
    return {
      model: reading.model,
      used_gb: rounded(reading.usedGb),
      utilization: reading.utilization,
      temperature_c: reading.temperatureC,
      power_w: reading.powerW,
      power_limit_w: reading.powerLimitW,
      throttled: [...reading.throttled],
      processes: uses.map((use) => {
        const { runId, who } = this.#owner(use.pid);
        return { pid: use.pid, who, run_id: runId, used_gb: rounded(use.usedGb) };
      }),
    };
  }

  foreign(): ForeignUse[] {
    const uses = this.last()?.uses ?? [];
    return uses.flatMap((use) => {
      const { runId, who } = this.#owner(use.pid);
      return runId !== null && this.#isOurs(runId) ? [] : [{ ...use, who }];
    });
  }

  #settle(): void {
    const cards = this.#cards();
    const text = JSON.stringify(cards);
    if (text === this.#text) return;
    this.#text = text;
    this.#onChange(cards);
  }

  #cards(): Card[] {
    const look = this.last();
    if (look === null) return [];
    const { limit, headroom } = this.#rules;
    const foreign = this.foreign();
    return look.readings.slice(0, limit ?? undefined).map((reading) => ({
      ...emptyCard(reading, headroom),
      blocked: this.#blocked(reading, foreign),
    }));
  }

  #blocked(reading: GpuReading, foreign: readonly ForeignUse[]): string | null {
    const trouble = this.trouble();
    if (trouble !== null) return trouble;
    if (reading.fault !== null) return reading.fault;
    if (this.#asking) return "the driver is being asked who uses it";
    if (this.#rules.foreign === "ignore") return null;
    const others = foreign.filter((use) => use.cardId === reading.cardId || use.cardId === reading.id);
    const [first] = others;
    if (first !== undefined) {
      const size = first.usedGb === null ? "" : `, ${formatSize(first.usedGb * 1e9)},`;
      const more = others.length === 1 ? "" : ` and ${others.length - 1} more`;
      const where = reading.cardId === reading.id ? "it" : "its card (which MIG device is not told)";
      return `${first.who}${size}${more} uses ${where}`;
    }
    const { usedGb } = reading;
    if (this.#isHeld(reading.id) || usedGb === null || usedGb < this.#rules.hiddenGb) return null;
    return `${formatSize(usedGb * 1e9)} of its memory is in use by no process that the driver tells of (a desktop, or another container)`;
  }
}
