/**
 * How hard the blocks of one pack are compressed. On a slow line each byte saved is time saved; on a fast one compressing is
 * what the line waits for. Which of both it is shows while sending: either the connection waits for a block, or a
 * block waits for the connection. Nothing is known of the line before, so it begins hard.
 */

/**
 * Levels of zstd from none to hard. Of 50 MB of generated text in blocks of 1 MiB, level 1 made 26.1 MB in 259 ms of one
 * core, level 3 21.9 in 510; of Python's library they made 25.1 % at 195 and 23.1 % at 127 MB/s. Level 3 with longer chains
 * saved another 1 % of the one and nothing of the other; `fast` with minMatch 5 made 21.8 MB in 406 ms of the generated
 * text, but 24.7 % of Python's library: it suits the one text only.
 */
const steps: readonly (number | null)[] = [null, 1, 3];
/** A wait that only the order of events explains. */
const noWaitMs = 1;
/** By how much the line must be slower than the next step before that is taken: the two must not alternate. */
const margin = 1.5;

export class Effort {
  readonly #mayEase: boolean;
  /** Milliseconds that a block has taken at each step. */
  readonly #costMs: number[] = steps.map(() => 0);
  #step = steps.length - 1;
  #takenAtMs: number | null = null;

  /** `mayEase` false: always hard, as where a long way there and back hides how fast the line is. */
  constructor(mayEase: boolean) {
    this.#mayEase = mayEase;
  }

  /** The step for the next block. */
  get step(): number {
    return this.#step;
  }

  /** For zstd; null for a block that goes as it is. */
  get level(): number | null {
    return steps[this.#step] ?? null;
  }

  /** A block has been compressed at `step`. */
  made(step: number, ms: number): void {
    this.#costMs[step] = ms;
  }

  /** The connection has taken a block at `nowMs`, for which it had to wait `waitedMs`. */
  taken(nowMs: number, waitedMs: number): void {
    const before = this.#takenAtMs;
    this.#takenAtMs = nowMs;
    if (!this.#mayEase || before === null) return;
    const next = this.#costMs[this.#step + 1];
    if (waitedMs > noWaitMs) this.#step = Math.max(0, this.#step - 1);
    else if (next !== undefined && nowMs - before > next * margin) this.#step += 1;
  }
}
