/**
 * Leases without a shared clock: a claim is over once this process has seen it unchanged for as long as it was taken
 * for, by its own monotonic clock. Hosts need not agree on the time. A process that has just started must therefore
 * watch a dead claim for a whole lease before it is over.
 */
import type { Clock } from "../core/clock.ts";

export class LeaseWatch {
  readonly #clock: Clock;
  /** key of a claim, with every renewal a new one → when it was first seen. */
  #seen = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True while the claim known by `key` lives, as far as this process can tell; the first look starts its time. */
  isLive(key: string, leaseMs: number): boolean {
    const now = this.#clock.monotonicMs();
    const since = this.#seen.get(key);
    if (since === undefined) {
      this.#seen.set(key, now);
      return leaseMs > 0;
    }
    return now < since + leaseMs;
  }

  /** Forgets claims that are no more. */
  keepOnly(keys: ReadonlySet<string>): void {
    for (const key of this.#seen.keys()) if (!keys.has(key)) this.#seen.delete(key);
  }
}
