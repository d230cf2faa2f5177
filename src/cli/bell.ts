/** Waiting for whatever comes first: an event, a timeout, or the end. A ring while nobody waits is not lost. */

export interface Bell {
  ring(): void;
  /** True where it was rung since the last wait; false where the time was up. Rings at once after an abort. */
  wait(timeoutMs: number): Promise<boolean>;
}

export function makeBell(signal: AbortSignal): Bell {
  let rung = false;
  let wake: (() => void) | null = null;
  const ring = () => {
    rung = true;
    wake?.();
  };
  signal.addEventListener("abort", ring);
  return {
    ring,
    async wait(timeoutMs) {
      if (!rung && !signal.aborted) {
        let timer: ReturnType<typeof setTimeout> | undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
          timer = setTimeout(resolve, timeoutMs);
        });
        clearTimeout(timer);
        wake = null;
      }
      const was = rung;
      rung = false;
      return was;
    },
  };
}
