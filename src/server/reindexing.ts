/**
 * Making the index anew while the server goes on: at most one at a time, in a process of its own, and whoever asks meanwhile
 * waits for a further one, because only that is sure to read what was there when they asked.
 */
import { buildApart } from "../catalog/build-apart.ts";
import type { Catalog } from "../catalog/catalog.ts";
import { messageOf } from "../core/error.ts";
import type { BasePaths } from "../run/paths.ts";
import type { Log } from "./log.ts";
import type { Problems } from "./problems.ts";

export interface ReindexingOptions {
  base: BasePaths;
  catalog: Catalog;
  problems: Problems;
  log: Log;
}

const retryMs = 60_000;

export class Reindexing {
  private readonly abort = new AbortController();
  private running: Promise<void> | null = null;
  private next: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;

  constructor(private readonly options: ReindexingOptions) {}

  /** Resolves once an index that was begun after this call answers. Throws MlError `failed`; the old one answers then. */
  run(): Promise<void> {
    if (this.running === null) return this.begin();
    this.next ??= this.running
      .catch(() => {})
      .then(() => {
        this.next = null;
        return this.begin();
      });
    return this.next;
  }

  private begin(): Promise<void> {
    const { base, catalog, log } = this.options;
    const started = performance.now();
    const { signal } = this.abort;
    this.running = catalog
      .rebuild((path) => buildApart(base, path, { signal }))
      .then(() => log.say("info", "index made anew", { took_ms: Math.round(performance.now() - started) }))
      .finally(() => {
        this.running = null;
      });
    return this.running;
  }

  /** For an index that lacks `left` runs at the start: until they are in, people are told so, however often it takes. */
  async complete(left: number): Promise<void> {
    const { problems, log } = this.options;
    problems.set(
      "index",
      `${left} older runs are still being read into the index; they can be named by their full ids`,
    );
    try {
      await this.run();
      problems.set("index", null);
    } catch (cause) {
      if (this.abort.signal.aborted) return;
      log.say("warn", "making the index failed, trying again", { why: messageOf(cause), in_ms: retryMs });
      this.timer = setTimeout(() => void this.complete(left), retryMs);
      this.timer.unref();
    }
  }

  close(): void {
    this.abort.abort();
    if (this.timer !== null) clearTimeout(this.timer);
  }
}
