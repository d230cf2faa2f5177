/**
 * The server's heartbeat: what nobody tells us about is looked at once a second while somebody watches, else rarely, so
 * that an idle server costs nothing. Also sees to it that our memory stays bounded.
 */
import * as fs from "node:fs";
import { untilBeatMs } from "../core/beat.ts";
import { formatSize } from "../core/size.ts";
import type { Services } from "./context.ts";
import type { Halving } from "./halving.ts";

const watchedMs = 1000;
const idleMs = 5000;
const lateAfterMs = 3000;
/** How long memory is kept for the next question. */
const restEveryMs = 30_000;
/** Live runs that are looked at in one tick. */
const mostRuns = 500;
/** What may have come to be kept since memory was last tidied before it is worth tidying again. */
const untidyBytes = 1e6;
/** Of processor time between two idle beats: whoever used less is at rest. */
const restMs = 100;

export interface TickOptions {
  /** Resident bytes above which the server starts itself anew. */
  memoryLimitBytes: number;
  halving: Halving;
  /** Memory is over the limit: connections are to be drained and the server replaced. */
  onOverweight(): void;
}

export class Ticks {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly stamps = new Map<string, string>();
  private overweight = false;
  private restedAtMs = performance.now();
  /** The least that was resident since memory was last tidied; the first rest after the start is worth it in any case. */
  private tidyBytes = Number.NEGATIVE_INFINITY;
  private usedMs = 0;
  private closed = false;

  constructor(
    private readonly services: Services,
    private readonly options: TickOptions,
  ) {
    this.arm();
  }

  private arm(): void {
    if (this.closed) return;
    const delayMs = this.services.hub.isWatched() ? watchedMs : untilBeatMs(idleMs);
    const dueMs = performance.now() + delayMs;
    this.timer = setTimeout(() => {
      this.noteLateness(performance.now() - dueMs);
      this.tick();
    }, delayMs);
    this.timer.unref();
  }

  /** Somebody held us up: a hung disk, or a machine that slept. */
  private noteLateness(lateMs: number): void {
    if (lateMs > lateAfterMs) this.services.log.say("warn", "the server stood still", { for_ms: Math.round(lateMs) });
  }

  private tick(): void {
    try {
      this.services.workers.look();
      this.lookAtLiveRuns();
      this.services.polls.sweep();
      this.rest();
      this.weigh();
    } catch (cause) {
      this.services.log.say("warn", "tick failed", { why: String(cause) });
    }
    this.arm();
  }

  /** Re-reads live runs whose manifest changed without a word, and tells watchers of new progress. */
  lookAtLiveRuns(): void {
    const { catalog, base, hub, live, forecasts } = this.services;
    const records = catalog.list({ status: ["running", "starting"], limit: mostRuns });
    this.options.halving.look(records);
    const known = new Set(records.map((record) => record.run_id));
    for (const runId of this.stamps.keys()) if (!known.has(runId)) this.stamps.delete(runId);
    for (const record of records) {
      const paths = base.run(record.run_id);
      const stat = fs.statSync(paths.manifest, { throwIfNoEntry: false });
      const stamp = stat === undefined ? "" : `${stat.mtimeMs}:${stat.ino}:${fs.existsSync(paths.stopRequest)}`;
      const before = this.stamps.get(record.run_id);
      this.stamps.set(record.run_id, stamp);
      if (before !== stamp) hub.changed(record.run_id);
      else {
        // Asked first: looking at the progress is what remembers how far the log has been read.
        const grown = hub.isWatched() && live.hasGrown(paths);
        forecasts.look(record);
        if (grown) hub.announce(record);
      }
    }
  }

  private rest(): void {
    const nowMs = performance.now();
    if (nowMs - this.restedAtMs < restEveryMs) return;
    this.restedAtMs = nowMs;
    this.services.catalog.rest();
  }

  /**
   * Gives back what a burst of work has left behind, of the start too: the engine collects when it makes objects, and one at rest
   * makes none. Once for each burst, in some ten milliseconds at a moment in which nobody waits.
   */
  private tidy(rss: number): void {
    const { user, system } = process.cpuUsage();
    const usedMs = (user + system) / 1000;
    const rested = !this.services.hub.isWatched() && usedMs - this.usedMs < restMs;
    this.usedMs = usedMs;
    if (!rested || rss < this.tidyBytes + untidyBytes) {
      // What was freed goes back to the kernel a little later than it is freed.
      this.tidyBytes = Math.min(this.tidyBytes, rss);
      return;
    }
    Bun.gc(true);
    this.tidyBytes = process.memoryUsage.rss();
  }

  private weigh(): void {
    const rss = process.memoryUsage.rss();
    this.tidy(rss);
    if (rss < this.options.memoryLimitBytes || this.overweight) return;
    this.overweight = true;
    const limit = formatSize(this.options.memoryLimitBytes);
    this.services.log.say("error", "memory over the limit, starting anew", { rss: formatSize(rss), limit });
    this.options.onOverweight();
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
