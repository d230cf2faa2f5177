/**
 * Telling those who look at a queue in files that it changed: callbacks within the process at once, other processes by
 * way of a `queue.signal` file that is touched and watched. A hint, never a promise: inotify sees nothing of other
 * hosts, and callers poll as well.
 */
import * as fs from "node:fs";

export class WakeSignal {
  readonly #path: string;
  readonly #listeners = new Set<() => void>();
  #watcher: fs.FSWatcher | null = null;
  #pending = false;

  /** `path` is created where missing once somebody listens or tells. */
  constructor(path: string) {
    this.#path = path;
  }

  /** Wakes everybody soon; never throws: a hint that cannot be given is left out. */
  tell(): void {
    this.#wakeSoon();
    try {
      const now = new Date();
      fs.utimesSync(this.#path, now, now);
    } catch {
      this.#create();
    }
  }

  listen(wake: () => void): () => void {
    const listener = () => wake();
    this.#listeners.add(listener);
    this.#watch();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.close();
    };
  }

  close(): void {
    this.#watcher?.close();
    this.#watcher = null;
  }

  #watch(): void {
    if (this.#watcher !== null) return;
    this.#create();
    try {
      this.#watcher = fs.watch(this.#path, { persistent: false }, () => this.#wakeSoon());
      this.#watcher.on("error", () => this.close());
    } catch {
      this.#watcher = null;
    }
  }

  #create(): void {
    try {
      fs.closeSync(fs.openSync(this.#path, "a", 0o600));
    } catch {}
  }

  #wakeSoon(): void {
    if (this.#pending || this.#listeners.size === 0) return;
    this.#pending = true;
    queueMicrotask(() => {
      this.#pending = false;
      for (const listener of this.#listeners) listener();
    });
  }
}
