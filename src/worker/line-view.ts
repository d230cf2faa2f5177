/**
 * The waiting line as this worker last read it. The whole line counts for a fair order, and reading ten thousand entries
 * takes tens of milliseconds: so it is read again when somebody says that it changed, and else only so often that reading
 * costs a two-hundredth of the time. What this worker takes itself it strikes out here.
 *
 * A view may be old; a claim is what decides, and an entry that is gone is struck out when its claim fails.
 */
import type { Clock } from "../core/clock.ts";
import type { Queue, WaitingEntry } from "../queue/port.ts";

/** A longer line is worked off from its front, by priority. */
const mostEntries = 100_000;
/** A line that costs nothing to read is read at each look, as if there were no view. */
const quickMs = 1;
const restShare = 200;
/** Even when told of changes again and again, reading takes at most a third of the time. */
const busyShare = 2;

export class LineView {
  readonly #queue: Pick<Queue, "waiting">;
  readonly #clock: Clock;
  #entries: WaitingEntry[] = [];
  #readAtMs = Number.NEGATIVE_INFINITY;
  #costMs = 0;
  #changed = true;
  /** Grows with every change of what `entries` gives. */
  version = 0;

  constructor(queue: Pick<Queue, "waiting">, clock: Clock) {
    this.#queue = queue;
    this.#clock = clock;
  }

  /** Somebody added, released or gave back an entry. */
  invalidate(): void {
    this.#changed = true;
  }

  /** Milliseconds until a change that was told is read; 0 where none is outstanding. */
  get behindMs(): number {
    if (!this.#changed) return 0;
    return Math.max(0, this.#readAtMs + busyShare * this.#costMs - this.#clock.monotonicMs());
  }

  /** Unheld, unclaimed entries in order of priority and arrival. Throws what the queue throws. */
  async entries(): Promise<readonly WaitingEntry[]> {
    const ageMs = this.#clock.monotonicMs() - this.#readAtMs;
    const due = this.#changed ? ageMs >= busyShare * this.#costMs : ageMs >= restShare * this.#costMs;
    if (due || this.#costMs < quickMs) await this.#read();
    return this.#entries;
  }

  async #read(): Promise<void> {
    this.#changed = false;
    const startedMs = this.#clock.monotonicMs();
    try {
      this.#entries = await this.#queue.waiting(mostEntries, false);
    } catch (cause) {
      this.#changed = true;
      throw cause;
    }
    this.#readAtMs = this.#clock.monotonicMs();
    this.#costMs = this.#readAtMs - startedMs;
    this.version += 1;
  }

  /** Taken by us, or gone. */
  strike(runIds: ReadonlySet<string>): void {
    if (runIds.size === 0) return;
    this.#entries = this.#entries.filter((entry) => !runIds.has(entry.runId));
    this.version += 1;
  }
}
