/** A wait that can be cut short: rung while nobody waits, it makes the next wait return at once. */

export class Bell {
  #rung = false;
  #wake: (() => void) | null = null;

  ring(): void {
    this.#rung = true;
    this.#wake?.();
  }

  /** Forgets what rang while nobody waited. */
  hush(): void {
    this.#rung = false;
  }

  /** Resolves when rung, at the latest after `timeoutMs`. One waiter at a time. */
  async wait(timeoutMs: number): Promise<void> {
    if (!this.#rung) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, timeoutMs);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.#rung = false;
    this.#wake = null;
  }
}
