/**
 * Keeps the search tables current without getting in anybody's way: once runs have stopped changing for a moment it looks
 * at those that did, a few milliseconds at a time with longer pauses between. A question asked meanwhile catches up first,
 * for as long as somebody is ready to wait. Nothing ticks while nothing changes.
 */
import type { Catalog } from "../catalog/catalog.ts";

/** After the last change, and at the latest after the first. */
const quietMs = 1000;
const latestMs = 10_000;
const sliceMs = 10;
const pauseMs = 30;
/** After a slice that failed: a full disk does not get better by asking often. */
const sulkMs = 30_000;

export class SearchKeeper {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private armedAtMs = 0;
  private working = false;
  private closed = false;

  constructor(
    private readonly catalog: Catalog,
    private readonly onProblem: (cause: unknown) => void,
  ) {
    catalog.search.onStale = () => this.touch();
    if (catalog.search.pending() > 0) this.touch();
  }

  /** A run changed. Costs next to nothing, however often it is called. */
  private touch(): void {
    if (this.closed || this.working) return;
    const nowMs = performance.now();
    if (this.timer === null) this.armedAtMs = nowMs;
    else if (nowMs - this.armedAtMs < quietMs / 4 || nowMs - this.armedAtMs > latestMs) return;
    this.arm(quietMs);
  }

  private arm(delayMs: number): void {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => this.work(), delayMs);
    this.timer.unref();
  }

  private work(): void {
    this.timer = null;
    if (this.closed) return;
    try {
      this.working = this.catalog.search.catchUp(sliceMs) > 0;
      if (this.working) this.arm(pauseMs);
    } catch (cause) {
      this.working = true;
      this.onProblem(cause);
      this.arm(sulkMs);
    }
  }

  close(): void {
    this.closed = true;
    this.catalog.search.onStale = () => {};
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
