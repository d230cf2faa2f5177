/**
 * Who has had how much lately: use of the machine by user, forgotten by half in each half-life. A run that has ended
 * counts as what it held for as long as it ran; one that runs as what it is expected to take in all, so that the order
 * of the line does not turn round at the moment of a start. Pure; a disposable sum over run records.
 *
 * One second of a GPU weighs `gpuWeight`; a run without GPUs weighs by its CPU cores.
 */
import type { Requested } from "../run/manifest.ts";

export interface Weights {
  halfLifeMs: number;
  gpuWeight: number;
  cpuWeight: number;
}

/** What one second of a run costs its user. */
export function rateOf({ gpus, cpu_cores }: Pick<Requested, "gpus" | "cpu_cores">, weights: Weights): number {
  return gpus > 0 ? gpus * weights.gpuWeight : cpu_cores * weights.cpuWeight;
}

/**
 * Sums use that decays. All sums are kept as they would be at one fixed moment, where adding needs no other user's sum;
 * the common factor of reading them at another moment changes no order.
 */
export class Shares {
  readonly #weights: Weights;
  readonly #epochMs: number;
  readonly #sums = new Map<string, number>();

  constructor(weights: Weights, epochMs: number) {
    this.#weights = weights;
    this.#epochMs = epochMs;
  }

  /** Adds what a run held from one moment to another: the integral of its rate, decayed. */
  add(user: string, rate: number, held: { fromMs: number; toMs: number }): void {
    const { halfLifeMs } = this.#weights;
    const grown = (ms: number) => 2 ** ((ms - this.#epochMs) / halfLifeMs);
    const seconds = (halfLifeMs / 1000 / Math.LN2) * (grown(held.toMs) - grown(held.fromMs));
    if (seconds > 0) this.#sums.set(user, (this.#sums.get(user) ?? 0) + rate * seconds);
  }

  /** Weighted seconds by user, as they count now. */
  usage(nowMs: number): Map<string, number> {
    const factor = 2 ** ((this.#epochMs - nowMs) / this.#weights.halfLifeMs);
    return new Map([...this.#sums].map(([user, sum]) => [user, sum * factor]));
  }
}
