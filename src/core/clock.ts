/**
 * Time, as everything else in the product asks for it. Wall time is for people and records; durations, leases and
 * time limits use the monotonic clock, because wall clocks jump. Policy code is handed a Clock and knows no other.
 */
import { readFileSync } from "node:fs";

export interface Clock {
  /** Milliseconds since 1970 (UTC), by the wall clock; may jump. */
  nowMs(): number;
  /** Milliseconds since some fixed moment; never jumps. Only differences within one boot have a meaning. */
  monotonicMs(): number;
}

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};

/** An RFC 3339 UTC timestamp with milliseconds, e.g. `2026-11-23T18:30:59.123Z`. */
export function isoTime(ms: number): string {
  return new Date(ms).toISOString();
}

/**
 * Milliseconds since this machine booted, suspended time included (CLOCK_BOOTTIME by way of /proc/uptime, proc(5)),
 * equal for every process of the machine; null where the kernel does not say.
 */
export function sinceBootMs(): number | null {
  try {
    const first = readFileSync("/proc/uptime", "utf8").split(" ")[0];
    return first === undefined ? null : Math.round(Number(first) * 1000);
  } catch {
    return null;
  }
}
