/**
 * Beats: whatever a process does again and again falls on common moments, multiples of its period since the process
 * began, so that an idle process wakes once for all of it. Not for what must happen at a given time.
 */

/** Milliseconds until the next beat; more than one period where the next is nearly now, since timers come a little early. */
export function untilBeatMs(everyMs: number, nowMs = performance.now()): number {
  const leftMs = everyMs - (nowMs % everyMs);
  return leftMs < Math.min(5, everyMs / 10) ? leftMs + everyMs : leftMs;
}

/** Calls `act` on every beat until the function that it returns is called. `act` throws nothing. */
export function onBeat(everyMs: number, act: () => void): () => void {
  let timer = setTimeout(step, untilBeatMs(everyMs));
  function step() {
    timer = setTimeout(step, untilBeatMs(everyMs));
    act();
  }
  return () => clearTimeout(timer);
}
