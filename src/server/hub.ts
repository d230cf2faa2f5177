/**
 * Turns changes of run folders into events. Whoever learns that a run changed calls `changed`; the hub reads the folder
 * once, brings the catalog up to date and tells every subscriber. A follower of a log is told how far the file has grown
 * and reads it by offset; only a few bytes come along at once.
 *
 * Invariant: what `subscribe` returns together with the events after it has no gap, because both happen in one turn.
 */
import type { Catalog } from "../catalog/catalog.ts";
import type { AddedBytes, LogStream, ServerEvent } from "../protocol/frames.ts";
import type { RunSummary } from "../protocol/summary.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal } from "../run/status.ts";
import { LogFollower } from "./log-follower.ts";

/** One reader of events; numbers them itself. `json` is the event, already as text. */
export interface EventSink {
  readonly seq: number;
  push(event: ServerEvent, json: string): void;
  /** False where log bytes should not come along with events now, because they would wait in our memory. */
  takesBytes(): boolean;
}

export interface Wanted {
  /** True: all runs. */
  runs: boolean | readonly string[];
  logs: readonly { runId: string; stream: LogStream }[];
}

interface Subscription {
  all: boolean;
  runs: Set<string>;
  logs: Set<string>;
}

export interface HubOptions {
  base: BasePaths;
  catalog: Catalog;
  summarise(record: RunRecord): RunSummary;
  /** Called with each run that was read again, before subscribers hear of it. */
  onRead?(record: RunRecord): void;
  onError(cause: unknown): void;
}

const logKey = (runId: string, stream: LogStream) => `${runId}/${stream}`;

export class Hub {
  private readonly subscriptions = new Map<EventSink, Subscription>();
  private readonly followers = new Map<string, LogFollower>();
  private readonly dirty = new Set<string>();
  private readonly waiters = new Set<() => void>();
  private flushing = false;

  constructor(private readonly options: HubOptions) {}

  /** The folder of this run changed; many calls in one turn are one read. */
  changed(runId: string): void {
    this.dirty.add(runId);
    if (this.flushing) return;
    this.flushing = true;
    setImmediate(() => this.flush());
  }

  private flush(): void {
    this.flushing = false;
    const runIds = [...this.dirty];
    this.dirty.clear();
    for (const runId of runIds) {
      try {
        this.read(runId);
      } catch (cause) {
        this.options.onError(cause);
      }
    }
    this.wake();
  }

  private read(runId: string): void {
    const record = this.options.catalog.apply(runId);
    if (record === null) {
      this.tell(runId, { kind: "removed", run_id: runId });
      return;
    }
    this.options.onRead?.(record);
    this.announce(record);
    if (isFinal(record.status)) for (const follower of this.followersOf(runId)) follower.look();
  }

  /** Tells subscribers of a run as it stands in the catalog. */
  announce(record: RunRecord): void {
    if (this.subscriptions.size === 0) return;
    this.tell(record.run_id, { kind: "run", run: this.options.summarise(record) });
  }

  removed(runId: string): void {
    this.tell(runId, { kind: "removed", run_id: runId });
    this.wake();
  }

  private tell(runId: string, event: ServerEvent): void {
    let json: string | null = null;
    for (const [sink, subscription] of this.subscriptions) {
      if (!subscription.all && !subscription.runs.has(runId)) continue;
      json ??= JSON.stringify(event);
      sink.push(event, json);
    }
  }

  /** To every subscriber. */
  broadcast(event: ServerEvent): void {
    const json = JSON.stringify(event);
    for (const sink of this.subscriptions.keys()) sink.push(event, json);
  }

  /** From now on `sink` hears of what it wants; an earlier wish of it is replaced. */
  subscribe(sink: EventSink, wanted: Wanted): void {
    const before = this.subscriptions.get(sink);
    const logs = new Set(wanted.logs.map(({ runId, stream }) => logKey(runId, stream)));
    this.subscriptions.set(sink, {
      all: wanted.runs === true,
      runs: new Set(Array.isArray(wanted.runs) ? (wanted.runs as readonly string[]) : []),
      logs,
    });
    for (const { runId, stream } of wanted.logs) this.follow(runId, stream);
    if (before !== undefined) this.dropFollowers(before.logs);
    for (const key of logs) this.followers.get(key)?.tellSoon();
  }

  unsubscribe(sink: EventSink): void {
    const before = this.subscriptions.get(sink);
    if (before === undefined) return;
    this.subscriptions.delete(sink);
    this.dropFollowers(before.logs);
  }

  private follow(runId: string, stream: LogStream): void {
    const key = logKey(runId, stream);
    if (this.followers.has(key)) return;
    const paths = this.options.base.run(runId);
    const file = stream === "output" ? paths.outputLog : stream === "stdout" ? paths.stdoutLog : paths.stderrLog;
    const follower = new LogFollower({
      folder: paths.folder,
      file,
      isEnded: () => {
        const record = this.options.catalog.get(runId);
        return record === null || isFinal(record.status);
      },
      onGrowth: ({ size, ended, added }) =>
        this.tellLog(key, { kind: "log", run_id: runId, stream, size, ended }, added),
    });
    this.followers.set(key, follower);
  }

  private tellLog(key: string, event: ServerEvent, added: AddedBytes | null): void {
    const short = JSON.stringify(event);
    const long = added === null ? short : JSON.stringify({ ...event, added });
    for (const [sink, subscription] of this.subscriptions) {
      if (subscription.logs.has(key)) sink.push(event, sink.takesBytes() ? long : short);
    }
  }

  private dropFollowers(keys: ReadonlySet<string>): void {
    for (const key of keys) {
      if ([...this.subscriptions.values()].some((subscription) => subscription.logs.has(key))) continue;
      this.followers.get(key)?.close();
      this.followers.delete(key);
    }
  }

  private followersOf(runId: string): LogFollower[] {
    return [...this.followers].filter(([key]) => key.startsWith(`${runId}/`)).map(([, follower]) => follower);
  }

  /** Resolves at the next change of any run, or after `timeoutMs`. */
  nextChange(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, timeoutMs);
      this.waiters.add(done);
    });
  }

  private wake(): void {
    for (const done of [...this.waiters]) done();
  }

  /** True while somebody listens or waits, so that it pays to look more often. */
  isWatched(): boolean {
    return this.subscriptions.size > 0 || this.waiters.size > 0;
  }

  close(): void {
    for (const follower of this.followers.values()) follower.close();
    this.followers.clear();
    this.subscriptions.clear();
    this.wake();
  }
}
