/**
 * How fast a hand copies: at most so many bytes a second, and slower while its source is busy. Every half second it times
 * what the source takes to answer a statfs, which is what everybody else who works there has to wait:
 *
 *     busy    more than 20 ms and more than four times what it takes at rest: the hand halves its speed, down to a sixteenth
 *     calm    else: a third of the resting goes, until nothing is left of it
 *
 * Each hand decides by itself, as senders on one line do (RFC 5681, 3.1: down by half, up by little); several that slow
 * down together leave room soon, and take it again bit by bit.
 */
export interface Courtesy {
  /** What an answer takes at rest; null: nobody knows, and the fastest that is seen counts. */
  calmMs: number | null;
}

const busyAtLeastMs = 20;
const busyTimes = 4;
/** So many times as long as it works it rests at most. */
const mostRest = 15;
const askEveryMs = 500;
const workAtLeastMs = 20;
const longestRestMs = 1000;

/** What the answers of a source make of the speed. Pure. */
export class Manners {
  #calmMs: number;
  #rest = 0;

  constructor({ calmMs }: Courtesy) {
    this.#calmMs = calmMs ?? Number.POSITIVE_INFINITY;
  }

  /** For each millisecond of work so many of rest. */
  get rest(): number {
    return this.#rest;
  }

  answered(tookMs: number): void {
    this.#calmMs = Math.min(this.#calmMs, tookMs);
    const isBusy = tookMs > busyAtLeastMs && tookMs > busyTimes * this.#calmMs;
    if (isBusy) this.#rest = Math.min(mostRest, 2 * this.#rest + 1);
    else this.#rest = this.#rest < 0.25 ? 0 : (this.#rest * 2) / 3;
  }
}

export interface PaceOptions {
  bytesPerSecond: number | null;
  /** Null: the source is this machine's own, and nobody is asked. */
  courtesy: Courtesy | null;
  /** Asks the source; what the answer took, ms. */
  ask(): number;
}

export class Pace {
  readonly #startedMs = performance.now();
  readonly #manners: Manners | null;
  #bytes = 0;
  #askedMs = Number.NEGATIVE_INFINITY;
  #workSinceMs = performance.now();

  constructor(private readonly options: PaceOptions) {
    this.#manners = options.courtesy === null ? null : new Manners(options.courtesy);
  }

  /** As in Manners. */
  get rest(): number {
    return this.#manners?.rest ?? 0;
  }

  /** So many bytes have gone; rests where that is due. */
  pass(count: number): void {
    this.#brake(count);
    if (this.#manners === null) return;
    const nowMs = performance.now();
    if (nowMs - this.#askedMs > askEveryMs) {
      this.#askedMs = nowMs;
      this.#manners.answered(this.options.ask());
    }
    const workedMs = nowMs - this.#workSinceMs;
    if (this.rest === 0 || workedMs < workAtLeastMs) return;
    Bun.sleepSync(Math.min(workedMs * this.rest, longestRestMs));
    this.#workSinceMs = performance.now();
  }

  #brake(count: number): void {
    const { bytesPerSecond } = this.options;
    if (bytesPerSecond === null) return;
    this.#bytes += count;
    const aheadMs = (this.#bytes / bytesPerSecond) * 1000 - (performance.now() - this.#startedMs);
    if (aheadMs > 5) Bun.sleepSync(Math.min(aheadMs, longestRestMs));
  }
}
