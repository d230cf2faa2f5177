/**
 * What the server has told us, kept up to date: subscribed, with a look at the whole status after changes of the line
 * and now and then anyway. Lost connections heal by themselves (client/connect.ts); until then what was known stays, and
 * `link` says since when it is old. Older runs are fetched in pages when somebody scrolls to them.
 *
 * Not here: what is shown of one run (detail.ts), and its log (log-window.ts).
 */
import type { Connection } from "../client/connection.ts";
import { messageOf } from "../core/error.ts";
import type { LogStream, ServerEvent } from "../protocol/frames.ts";
import type { Body, Reply, ServerState, WorkerState } from "../protocol/requests.ts";
import type { RunSummary } from "../protocol/summary.ts";

export type LinkWord = "live" | "polling" | "reconnecting" | "stale" | "closed";

export interface LinkState {
  word: LinkWord;
  /** performance.now() since when what is shown may be old; null while it is not. */
  sinceMs: number | null;
  why: string | null;
}

/** Rows of one look at the status: more than anybody has running, and the head of the line. */
const statusRows = 200;
const pageRows = 1000;
/** Runs kept in memory; beyond that the list ends and says so. */
export const mostRuns = 20_000;
/** Looks at the status come no closer than this, however much happens. */
const lookEveryMs = 500;
/** Without any change the line is looked at so often all the same. */
const lookAnywayMs = 30_000;
/** What no event tells of, by a small question: workers, GPUs, disk; the more often the more they change. */
const glanceMs = { cards: 1000, busy: 4000, idle: 10_000 } as const;
/** Samples of a card that are kept for its curve. */
const mostSamples = 120;
/** An answer that takes longer than this makes what is shown stale. */
const staleAfterMs = 3000;

export interface ModelOptions {
  connection: Connection;
  /** Something that is shown has changed. */
  onChange(): void;
  /** Every event, after it was taken in. */
  onEvent(event: ServerEvent): void;
  /** A fresh snapshot was taken in: what was known of single runs may be old. */
  onSnapshot(): void;
}

const isLive = (run: RunSummary) => run.status === "running" || run.status === "starting" || run.status === "queued";

export class LiveModel {
  readonly runs = new Map<string, RunSummary>();
  server: ServerState | null = null;
  workers: WorkerState[] = [];
  totals: Record<string, number> = {};
  /** True when all there are have been fetched. */
  complete = false;
  loading = false;
  /** Grows with every change of any run; views cache by it. */
  version = 0;
  private clock: { serverMs: number; atMs: number };
  private lostAtMs: number | null = null;
  private lostWhy: string | null = null;
  private readonly asking = new Set<{ sinceMs: number }>();
  private glanceTimer: ReturnType<typeof setTimeout> | null = null;
  /** Utilisation of each card, 0 to 1, oldest first; null where it was not told. */
  readonly samples = new Map<string, (number | null)[]>();
  private sampledAt = "";
  private lookedAtMs = Number.NEGATIVE_INFINITY;
  private nextLook: { timer: ReturnType<typeof setTimeout>; dueMs: number } | null = null;
  private followed: { run: string; stream: LogStream } | null = null;
  private oldest: string | null = null;
  private looking = false;
  private closed = false;
  private readonly stopTelling: () => void;

  constructor(private readonly options: ModelOptions) {
    const { connection } = options;
    this.clock = { serverMs: Date.parse(connection.hello.now) || Date.now(), atMs: performance.now() };
    this.stopTelling = connection.onState((state, why) => {
      this.lostAtMs = state === "open" ? null : (this.lostAtMs ?? performance.now());
      this.lostWhy = why;
      if (state === "open") this.lookSoon(0);
      options.onChange();
    });
  }

  get connection(): Connection {
    return this.options.connection;
  }

  /** The server's present, milliseconds since 1970; runs on by our monotonic clock, so that no clock step shows. */
  nowMs(): number {
    return this.clock.serverMs + (performance.now() - this.clock.atMs);
  }

  get link(): LinkState {
    const { connection } = this.options;
    if (connection.state === "closed") return { word: "closed", sinceMs: this.lostAtMs, why: this.lostWhy };
    if (this.lostAtMs !== null) return { word: "reconnecting", sinceMs: this.lostAtMs, why: this.lostWhy };
    const [first] = this.asking;
    if (first !== undefined && performance.now() - first.sinceMs > staleAfterMs)
      return { word: "stale", sinceMs: first.sinceMs, why: "the server does not answer" };
    return { word: connection.transport === "polling" ? "polling" : "live", sinceMs: null, why: null };
  }

  /** Subscribes and takes the first look; throws what the server refuses. */
  async start(): Promise<void> {
    await Promise.all([this.subscribe(), this.look()]);
  }

  private async subscribe(): Promise<void> {
    const logs = this.followed === null ? [] : [this.followed];
    await this.options.connection.subscribe(
      { runs: true, logs },
      { onSnapshot: (snapshot) => this.onSnapshot(snapshot), onEvent: (event) => this.onEvent(event) },
    );
  }

  /** Whose log's growth is told of; null for none. */
  async followLog(log: { run: string; stream: LogStream } | null): Promise<void> {
    if (log?.run === this.followed?.run && log?.stream === this.followed?.stream) return;
    this.followed = log;
    await this.subscribe();
  }

  private onSnapshot(snapshot: Reply<"subscribe">): void {
    // What was live and is not named any more ended, or was deleted, while we did not listen.
    const named = new Set(snapshot.runs.map((run) => run.run_id));
    for (const [runId, run] of this.runs) if (isLive(run) && !named.has(runId)) this.runs.delete(runId);
    for (const run of snapshot.runs) this.runs.set(run.run_id, run);
    this.server = snapshot.server;
    this.setClock(snapshot.server.now);
    this.touch();
    this.options.onSnapshot();
  }

  private onEvent(event: ServerEvent): void {
    if (event.kind === "run") {
      const before = this.runs.get(event.run.run_id);
      // Places of those that wait are known from the status; an event tells only its own run's.
      this.runs.set(event.run.run_id, event.run);
      if (
        before?.status !== event.run.status ||
        before.held !== event.run.held ||
        before.priority !== event.run.priority
      )
        this.lookSoon();
      this.touch();
    } else if (event.kind === "removed") {
      this.runs.delete(event.run_id);
      this.lookSoon();
      this.touch();
    }
    this.options.onEvent(event);
  }

  private touch(): void {
    this.version += 1;
    this.options.onChange();
  }

  private setClock(now: string): void {
    const serverMs = Date.parse(now);
    if (Number.isFinite(serverMs)) this.clock = { serverMs, atMs: performance.now() };
  }

  /** Sees to it that a look is taken in `delayMs` at the latest, or as soon as one may be taken again. */
  lookSoon(delayMs = lookEveryMs): void {
    if (this.closed) return;
    const dueMs = Math.max(performance.now() + delayMs, this.lookedAtMs + lookEveryMs);
    if (this.nextLook !== null) {
      if (this.nextLook.dueMs <= dueMs) return;
      clearTimeout(this.nextLook.timer);
    }
    const timer = setTimeout(
      () => {
        this.nextLook = null;
        void this.look().catch(() => {});
      },
      Math.max(0, dueMs - performance.now()),
    );
    this.nextLook = { timer, dueMs };
  }

  /** Asks, and knows meanwhile that something is outstanding: an answer that does not come makes the picture stale. */
  private async ask<A extends "status" | "server.status">(name: A, body: Body<A>): Promise<Reply<A>> {
    const asked = { sinceMs: performance.now() };
    this.asking.add(asked);
    try {
      return await this.options.connection.ask(name, body, { timeoutMs: 60_000 });
    } finally {
      this.asking.delete(asked);
    }
  }

  /** The whole status; at most one ask is under way. */
  private async look(): Promise<void> {
    if (this.closed || this.looking) return;
    this.looking = true;
    try {
      this.takeStatus(await this.ask("status", { limit: statusRows }));
    } finally {
      this.looking = false;
      this.lookedAtMs = performance.now();
      this.lookSoon(lookAnywayMs);
      this.glanceLater();
    }
  }

  private glanceLater(): void {
    if (this.glanceTimer !== null) clearTimeout(this.glanceTimer);
    const pace = this.workers.some((one) => one.gpus.some((gpu) => gpu.busy_with !== null))
      ? "cards"
      : this.workers.some((one) => one.running.length > 0)
        ? "busy"
        : "idle";
    this.glanceTimer = setTimeout(() => void this.glance().catch(() => {}), glanceMs[pace]);
  }

  private async glance(): Promise<void> {
    if (this.closed) return;
    try {
      const { workers, ...server } = await this.ask("server.status", {});
      this.server = server;
      this.takeWorkers(workers);
      this.setClock(server.now);
      this.options.onChange();
    } finally {
      if (!this.closed) this.glanceLater();
    }
  }

  private takeWorkers(workers: WorkerState[]): void {
    this.workers = workers;
    const seenAt = workers.map((worker) => worker.gpus_seen_at ?? "").join();
    if (seenAt === this.sampledAt) return;
    this.sampledAt = seenAt;
    for (const gpu of workers.flatMap((worker) => worker.gpus)) {
      const samples = this.samples.get(gpu.id) ?? [];
      samples.push(gpu.utilization);
      if (samples.length > mostSamples) samples.shift();
      this.samples.set(gpu.id, samples);
    }
  }

  private takeStatus(status: Reply<"status">): void {
    for (const run of [...status.running, ...status.waiting, ...status.recent]) this.runs.set(run.run_id, run);
    this.server = status.server;
    this.takeWorkers(status.workers);
    this.totals = status.totals;
    this.setClock(status.server.now);
    this.touch();
  }

  /** Fetches the next page of ended runs; resolves when it is there. Throws nothing. */
  async loadOlder(): Promise<void> {
    if (this.complete || this.loading || this.runs.size >= mostRuns) return;
    this.loading = true;
    this.options.onChange();
    try {
      const page = await this.options.connection.ask("runs.list", {
        limit: pageRows,
        status: ["completed", "failed", "cancelled"],
        ...(this.oldest === null ? {} : { before: this.oldest }),
      });
      for (const run of page.runs) this.runs.set(run.run_id, run);
      this.oldest = page.next;
      this.complete = page.next === null;
    } catch (cause) {
      this.lostWhy = messageOf(cause);
      // A deleted run cannot be a place to go on from: the next time begins anew.
      this.oldest = null;
    } finally {
      this.loading = false;
      this.touch();
    }
  }

  /** Takes in runs that were told of by another answer; what is known already is as new. */
  learn(runs: readonly RunSummary[]): void {
    for (const run of runs) if (!this.runs.has(run.run_id)) this.runs.set(run.run_id, run);
    this.touch();
  }

  /** Shows what we have just asked for before the server confirms it. */
  foresee(runId: string, change: Partial<RunSummary>): void {
    const run = this.runs.get(runId);
    if (run === undefined) return;
    this.runs.set(runId, { ...run, ...change });
    this.touch();
  }

  close(): void {
    this.closed = true;
    this.stopTelling();
    if (this.nextLook !== null) clearTimeout(this.nextLook.timer);
    if (this.glanceTimer !== null) clearTimeout(this.glanceTimer);
  }
}
