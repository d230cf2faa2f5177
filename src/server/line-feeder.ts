/**
 * Keeps the queue fed from the run folders: a queue that could not be reached, or lost its memory, gets every waiting
 * run again, as often as it takes. Acknowledged runs wait in their folders meanwhile; adding twice changes nothing.
 */
import { messageOf } from "../core/error.ts";
import { entryFromManifest } from "../queue/entry.ts";
import type { QueueBackend } from "../queue/port.ts";
import type { Manifest } from "../run/manifest.ts";
import type { Log } from "./log.ts";
import type { Problems } from "./problems.ts";

const firstRetryMs = 500;
const lastRetryMs = 10_000;

export interface LineFeederOptions {
  queue: QueueBackend;
  problems: Problems;
  log: Log;
  /** Adds every run folder with status `queued` to the queue; returns how many were missing. */
  rebuild(): Promise<number>;
}

export class LineFeeder {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private retryMs = firstRetryMs;
  private closed = false;

  constructor(private readonly options: LineFeederOptions) {}

  /** Adds runs whose folders are durable. Never throws: what could not be added now is added later. */
  async add(manifests: readonly Manifest[]): Promise<void> {
    try {
      await this.options.queue.add(manifests.map(entryFromManifest));
    } catch (cause) {
      this.later(cause);
    }
  }

  /** Fills the queue from the folders, now or as soon as it can be reached. Returns how many were missing, null if later. */
  async refill(): Promise<number | null> {
    try {
      const added = await this.options.rebuild();
      this.retryMs = firstRetryMs;
      this.options.problems.set("queue-refill", null);
      return added;
    } catch (cause) {
      this.later(cause);
      return null;
    }
  }

  private later(cause: unknown): void {
    this.options.problems.set("queue-refill", `waiting runs are not in the queue yet: ${messageOf(cause)}`);
    if (this.timer !== null || this.closed) return;
    this.options.log.say("warn", "queue unreachable, trying again", { why: messageOf(cause), in_ms: this.retryMs });
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.refill();
    }, this.retryMs);
    this.retryMs = Math.min(lastRetryMs, this.retryMs * 2);
  }

  close(): void {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
