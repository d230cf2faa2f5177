/**
 * A queue (Redis) with a stand-in (a folder) for the time in which it cannot be reached: new entries are taken there,
 * durably, and merged back afterwards.
 *
 * Only the primary hands out claims. While it is unreachable nothing starts, because an entry of the stand-in may be in the
 * primary as well (an `add` whose answer was lost, a merge that was killed) and another host may still reach the
 * primary: two lines that both hand out claims could start one run twice. So an entry is claimed from one place
 * only, and being in both is harmless.
 *
 * Merging is: claim in the stand-in (nobody changes it meanwhile), add to the primary (idempotent), forget in the
 * stand-in. Killed anywhere between, it is done again. An entry whose run is no longer `queued` is dropped instead, so
 * that a merge done twice does not bring back a run that has started in between.
 */
import { asMlError, MlError } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { tryLock } from "../core/file-lock.ts";
import type { Claim, EntryChange, QueueBackend, QueueEntry, QueueHealth, WaitingEntry } from "./port.ts";

export interface FallbackOptions {
  /** Kernel-held lock file: one process merges at a time. */
  mergeLock: string;
  /** False where the run is known not to be `queued` any more. */
  isQueued: (runId: string) => boolean;
  /** Where the stand-in is, for people. */
  place: string;
  /** How often to look whether the primary is back, while it is not. */
  tendMs?: number;
}

const mergeBatch = 500;
const mergeLeaseMs = 10_000;

export function withFallback(primary: QueueBackend, standIn: QueueBackend, options: FallbackOptions): QueueBackend {
  return new FallbackQueue(primary, standIn, options);
}

class FallbackQueue implements QueueBackend {
  readonly #primary: QueueBackend;
  readonly #standIn: QueueBackend;
  readonly #options: FallbackOptions;
  #merging: Promise<void> | null = null;
  #tending: ReturnType<typeof setInterval> | null = null;
  #closed = false;

  constructor(primary: QueueBackend, standIn: QueueBackend, options: FallbackOptions) {
    this.#primary = primary;
    this.#standIn = standIn;
    this.#options = options;
  }

  async add(entries: readonly QueueEntry[]): Promise<number> {
    return await this.#either(
      () => this.#primary.add(entries),
      () => this.#standIn.add(entries),
    );
  }

  async waiting(limit: number, includeHeld: boolean): Promise<WaitingEntry[]> {
    await this.#merge();
    return await this.#either(
      () => this.#primary.waiting(limit, includeHeld),
      async () => (includeHeld ? await this.#standIn.waiting(limit, true) : []),
    );
  }

  async count(): Promise<number> {
    await this.#merge();
    return await this.#either(
      () => this.#primary.count(),
      () => this.#standIn.count(),
    );
  }

  async claim(runId: string, worker: string, leaseMs: number): Promise<Claim | null> {
    return await this.#primary.claim(runId, worker, leaseMs);
  }

  async renew(claim: Claim, leaseMs: number): Promise<boolean> {
    return await this.#primary.renew(claim, leaseMs);
  }

  async giveBack(claim: Claim): Promise<void> {
    await this.#primary.giveBack(claim);
  }

  async settle(claim: Claim): Promise<boolean> {
    return await this.#primary.settle(claim);
  }

  async remove(runIds: readonly string[]): Promise<string[]> {
    return await this.#both(runIds, (queue) => queue.remove(runIds));
  }

  async update(runIds: readonly string[], change: EntryChange): Promise<string[]> {
    return await this.#both(runIds, (queue) => queue.update(runIds, change));
  }

  onChange(wake: () => void): () => void {
    const stops = [this.#primary.onChange(wake), this.#standIn.onChange(wake)];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async health(): Promise<QueueHealth> {
    await this.#merge();
    const [primary, standIn] = [await this.#primary.health(), await this.#standIn.health()];
    const here = standIn.ok ? await this.#standIn.count() : 0;
    if (primary.ok && here === 0) return primary;
    if (primary.ok) {
      const problem = `${here} entries taken while redis was away are being merged back`;
      return { ...primary, degraded: true, problem: primary.problem ?? problem };
    }
    if (!standIn.ok) return { ...primary, problem: `${primary.problem}; and ${standIn.problem}` };
    const problem = `${primary.problem}; nothing starts until it is back, new runs wait in \`${this.#options.place}\` (${here})`;
    return { ...primary, ok: true, degraded: true, problem };
  }

  async rebuilt(): Promise<void> {
    await this.#standIn.rebuilt();
    await this.#either(
      () => this.#primary.rebuilt(),
      async () => {},
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stopTending();
    await this.#merging;
    await this.#primary.close();
    await this.#standIn.close();
  }

  async #either<T>(act: () => Promise<T>, otherwise: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (cause) {
      if (!isAway(cause) || this.#closed) throw cause;
      this.#tend();
      return await otherwise();
    }
  }

  /** First where they may be merged from, then where they may have been merged to. */
  async #both(runIds: readonly string[], act: (queue: QueueBackend) => Promise<string[]>): Promise<string[]> {
    await this.#merge();
    const done = new Set(await act(this.#standIn));
    try {
      for (const runId of await act(this.#primary)) done.add(runId);
    } catch (cause) {
      if (!isAway(cause) || done.size < runIds.length) throw cause;
    }
    return runIds.filter((runId) => done.has(runId));
  }

  /** Moves what the stand-in holds to the primary, as far as that can be reached. Throws only for the stand-in. */
  async #merge(): Promise<void> {
    if (this.#closed || (await this.#standIn.count()) === 0) return;
    this.#merging ??= this.#mergeAll().finally(() => {
      this.#merging = null;
    });
    await this.#merging;
  }

  async #mergeAll(): Promise<void> {
    const lock = tryLock(this.#options.mergeLock);
    if (lock === null) return;
    try {
      while (await this.#mergeSome());
    } catch (cause) {
      if (!isAway(cause)) throw asMlError(cause, "merging the entries taken while redis was away");
      this.#tend();
    } finally {
      lock.release();
    }
  }

  /** One batch; true where there may be more. */
  async #mergeSome(): Promise<boolean> {
    await this.#primary.count();
    const listed = await this.#standIn.waiting(mergeBatch, true);
    const claims = new Map<string, Claim>();
    try {
      const ours: WaitingEntry[] = [];
      for (const entry of listed.sort((a, b) => a.sequence - b.sequence)) {
        const claim = entry.held ? null : await this.#standIn.claim(entry.runId, "merge", mergeLeaseMs);
        if (claim === null && !entry.held) continue;
        if (claim !== null) claims.set(entry.runId, claim);
        ours.push(entry);
      }
      fault("queue/merge-claimed");
      const queued = ours.filter((entry) => this.#options.isQueued(entry.runId));
      if (queued.length > 0) await this.#primary.add(queued.map(withoutClaim));
      fault("queue/merge-added");
      for (const entry of ours) {
        const claim = claims.get(entry.runId);
        await (claim === undefined ? this.#standIn.remove([entry.runId]) : this.#standIn.settle(claim));
        claims.delete(entry.runId);
      }
      return ours.length > 0 && listed.length === mergeBatch;
    } finally {
      for (const claim of claims.values()) await this.#standIn.giveBack(claim);
    }
  }

  /** Until the primary answers and the stand-in is empty, looks every so often. */
  #tend(): void {
    if (this.#tending !== null || this.#closed) return;
    this.#tending = setInterval(() => void this.#look(), this.#options.tendMs ?? 1000);
    this.#tending.unref();
  }

  async #look(): Promise<void> {
    try {
      await this.#merge();
      await this.#primary.count();
      if ((await this.#standIn.count()) === 0) this.#stopTending();
    } catch {
      // Still away: the next look comes by itself, and `health` says why.
    }
  }

  #stopTending(): void {
    if (this.#tending !== null) clearInterval(this.#tending);
    this.#tending = null;
  }
}

function isAway(cause: unknown): boolean {
  return cause instanceof MlError && cause.code === "try_later";
}

function withoutClaim(entry: WaitingEntry): QueueEntry {
  const { sequence: _s, claim: _c, ...given } = entry;
  return given;
}
