/**
 * The growth of an energy counter between two looks. Counters begin again when a driver is reloaded and wrap where their
 * range ends; what cannot be told is left out and remembered as a gap, never guessed and never negative.
 */

export class Counter {
  readonly #wrapsAt: number | null;
  #last: number | null = null;
  /** True once something was left out. */
  partial = false;

  /** `wrapsAt`: where it begins again at zero by design (RAPL); null: it never does. */
  constructor(wrapsAt: number | null = null) {
    this.#wrapsAt = wrapsAt;
  }

  /** How much it grew since the last look, in its own unit; 0 for the first look and wherever nobody can tell. */
  grown(value: number | null): number {
    const last = this.#last;
    if (value === null) {
      this.partial ||= last !== null;
      return 0;
    }
    this.#last = value;
    if (last === null || value === last) return 0;
    if (value > last) return value - last;
    // A reload begins near zero, and a wrap comes from near the end: in between it can only be a reset.
    if (this.#wrapsAt !== null && last > 0.75 * this.#wrapsAt && value < 0.25 * this.#wrapsAt)
      return this.#wrapsAt - last + value;
    this.partial = true;
    return 0;
  }
}
