/**
 * The time by which leases of one machine are judged: milliseconds since boot, the same for every process of the
 * machine, untouched by wall-clock jumps, and counting while the machine sleeps. A lease from another boot is over.
 */
import { type Clock, sinceBootMs } from "../core/clock.ts";
import { bootId } from "../core/process-identity.ts";

export interface LeaseClock {
  /** Milliseconds since boot. */
  nowMs(): number;
  /** Which boot `nowMs` counts from. */
  boot(): string;
}

/** The kernel's clock; where the kernel has none (not Linux), the wall clock of `clock`. */
export function systemLeaseClock(clock: Clock): LeaseClock {
  return { nowMs: () => sinceBootMs() ?? clock.nowMs(), boot: bootId };
}
