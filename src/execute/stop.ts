/**
 * Ends all processes of a run: SIGTERM, a grace, SIGKILL, and then whoever bears its ML_RUN_ID, until nobody is left.
 *
 * It never gives up and never lies: what cannot be killed now (state D, a process of another user) is reported by
 * `stuck`, and tried again every few seconds while the run keeps what it holds. Only processes that are the run's by
 * identity are signalled, one by one, never a number alone.
 */
import type { Clock } from "../core/clock.ts";
import type { ProcessIdentity } from "../core/process-identity.ts";
import { processesOf, type RunProcess, signalAll } from "./stragglers.ts";

export interface StopOptions {
  runId: string;
  script: ProcessIdentity | null;
  graceMs: number;
  clock: Clock;
  /** Told what was done, one sentence each. */
  onEvent?: (sentence: string) => void;
}

export interface Stopping {
  /** Ends the grace now. */
  hurry(): void;
  /** Leaves off: somebody else will go on (a worker that ends). `gone` then resolves with false. */
  abandon(): void;
  /** True when nobody is left. Never rejects. */
  gone: Promise<boolean>;
  /** Milliseconds until SIGKILL; 0 once it was sent. */
  graceLeftMs(): number;
  /** Those that SIGKILL has not ended in 10 seconds, with their state; empty as a rule. */
  stuck(): readonly RunProcess[];
}

const stuckAfterMs = 10_000;

export function stopRun(options: StopOptions): Stopping {
  const { clock } = options;
  let deadlineMs = clock.monotonicMs() + options.graceMs;
  let killedAtMs: number | null = null;
  let abandoned = false;
  let stuck: readonly RunProcess[] = [];
  let wake = () => {};
  const tell = options.onEvent ?? (() => {});

  const terminate = (living: readonly RunProcess[]) => {
    tell(`SIGTERM to ${living.length} processes, SIGKILL in ${Math.round(options.graceMs / 1000)} s`);
    signalAll(living, "SIGTERM");
    // A stopped process handles nothing until it goes on.
    const stopped = living.filter((each) => each.state === "T");
    if (stopped.length > 0) signalAll(stopped, "SIGCONT");
  };
  const kill = (living: readonly RunProcess[]) => {
    if (killedAtMs === null) {
      killedAtMs = clock.monotonicMs();
      tell(`SIGKILL to ${living.map((each) => `${each.name} (${each.pid})`).join(", ")}`);
    }
    signalAll(living, "SIGKILL");
    if (clock.monotonicMs() - killedAtMs <= stuckAfterMs) return;
    if (stuck.length === 0) {
      const named = living.map((each) => `${each.name} (${each.pid}, state ${each.state})`).join(", ");
      tell(`cannot be killed now: ${named}; it is tried again`);
    }
    stuck = living;
  };

  const run = async (): Promise<boolean> => {
    let living = processesOf(options.runId, options.script);
    if (living.length > 0 && options.graceMs > 0) terminate(living);
    for (let pauseMs = 20; !abandoned; pauseMs = Math.min(pauseMs * 1.5, stuck.length > 0 ? 5000 : 500)) {
      living = processesOf(options.runId, options.script);
      if (living.length === 0) return true;
      const leftMs = deadlineMs - clock.monotonicMs();
      if (leftMs <= 0) kill(living);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, leftMs > 0 ? Math.min(pauseMs, leftMs) : pauseMs);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    return false;
  };

  return {
    hurry() {
      deadlineMs = Math.min(deadlineMs, clock.monotonicMs());
      wake();
    },
    abandon() {
      abandoned = true;
      wake();
    },
    gone: run(),
    graceLeftMs: () => Math.max(0, deadlineMs - clock.monotonicMs()),
    stuck: () => stuck,
  };
}
