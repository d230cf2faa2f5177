/**
 * Frames no faster than the terminal takes them. Behind ssh a whole second of frames can lie in buffers that nobody here
 * sees, and the answer to a key would wait behind them all. So after each frame the terminal is asked for a sign of life
 * (DSR 5, `ESC [ 5 n`); it answers (`ESC [ 0 n`) when it has read that far. Frames that follow from news wait for the answer
 * to the one before; the answer to a key waits for all but one. Nothing waits for a terminal that has never answered, and it is
 * not asked for long.
 *
 * Invariant: no answer is left to come when the terminal is given back (`settle`): a shell would take it for typed keys.
 */
export interface PaceOptions {
  /** Writes the question behind all that was painted. False where that cannot be now. */
  ask(question: string): boolean;
  /** The terminal is free again. */
  onFree(): void;
  /** After so long an answer is given up. */
  patienceMs?: number;
}

const question = "\x1b[5n";
const answer = "\x1b[0n";
/** So many unanswered questions before the first answer, and no more are asked. */
const tries = 2;

export class Pace {
  private unanswered = 0;
  private missed = 0;
  private speaks: "unknown" | "yes" | "no" = "unknown";
  private timer: ReturnType<typeof setTimeout> | null = null;
  private settled: (() => void) | null = null;

  constructor(private readonly options: PaceOptions) {}

  /** Whether a frame may be painted now: one that answers a key, or one that only brings news. */
  free(forKey: boolean): boolean {
    return this.speaks !== "yes" || this.unanswered < (forKey ? 2 : 1);
  }

  /** A frame has left us. */
  painted(): void {
    if (this.speaks === "no" || (this.speaks === "unknown" && this.unanswered > 0)) return;
    if (!this.options.ask(question)) return;
    this.unanswered++;
    this.timer ??= setTimeout(() => this.giveUp(), this.options.patienceMs ?? 2000);
  }

  /**
   * A sequence that was read: null where it is no answer; else the keys that came with it, as a rule none. An esc that is
   * pressed just before an answer arrives as one sequence with it (`ESC ESC [ 0 n`), and is told apart here.
   */
  reads(sequence: string): string | null {
    if (!sequence.endsWith(answer)) return null;
    if (this.unanswered > 0) this.answered();
    return sequence.slice(0, -answer.length);
  }

  private answered(): void {
    this.speaks = "yes";
    this.unanswered--;
    this.stopTimer();
    if (this.unanswered > 0) this.timer = setTimeout(() => this.giveUp(), this.options.patienceMs ?? 2000);
    else this.settled?.();
    this.options.onFree();
  }

  /** Waits, up to `waitMs`, until no answer is left to come. */
  async settle(waitMs: number): Promise<void> {
    if (this.unanswered === 0) return;
    const settled = new Promise<void>((resolve) => {
      this.settled = resolve;
    });
    await Promise.race([settled, Bun.sleep(waitMs)]);
    this.stopTimer();
    this.settled = null;
    this.unanswered = 0;
  }

  private giveUp(): void {
    this.timer = null;
    this.unanswered = 0;
    if (this.speaks === "unknown" && ++this.missed >= tries) this.speaks = "no";
    this.options.onFree();
  }

  private stopTimer(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}
