/** The waiting line in its simplest form: what every backend must be indistinguishable from. */
import type { QueueEntry } from "../../src/queue/port.ts";

interface ModelEntry extends QueueEntry {
  sequence: number;
  claim: { worker: string; token: number; untilMs: number } | null;
}

export interface ModelClaim {
  runId: string;
  worker: string;
  token: number;
}

export class QueueModel {
  readonly entries = new Map<string, ModelEntry>();
  #sequence = 0;
  #token = 0;

  add(entries: readonly QueueEntry[]): number {
    let added = 0;
    for (const entry of entries) {
      if (this.entries.has(entry.runId)) continue;
      this.#sequence += 1;
      added += 1;
      this.entries.set(entry.runId, { ...entry, sequence: this.#sequence, claim: null });
    }
    return added;
  }

  /** Run ids in order, with whose live claim they are under. */
  waiting(limit: number, includeHeld: boolean, nowMs: number): [string, string | null][] {
    return [...this.entries.values()]
      .sort((a, b) => b.priority - a.priority || a.sequence - b.sequence)
      .filter((entry) => includeHeld || (!entry.held && !isLive(entry, nowMs)))
      .slice(0, limit)
      .map((entry) => [entry.runId, isLive(entry, nowMs) ? (entry.claim?.worker ?? null) : null]);
  }

  claim(runId: string, worker: string, { leaseMs, nowMs }: { leaseMs: number; nowMs: number }): ModelClaim | null {
    const entry = this.entries.get(runId);
    if (entry === undefined || entry.held || isLive(entry, nowMs)) return null;
    this.#token += 1;
    entry.claim = { worker, token: this.#token, untilMs: nowMs + leaseMs };
    return { runId, worker, token: this.#token };
  }

  renew(claim: ModelClaim, leaseMs: number, nowMs: number): boolean {
    const entry = this.#owned(claim);
    if (entry?.claim == null || !isLive(entry, nowMs)) return false;
    entry.claim.untilMs = nowMs + leaseMs;
    return true;
  }

  giveBack(claim: ModelClaim): void {
    const entry = this.#owned(claim);
    if (entry !== undefined) entry.claim = null;
  }

  settle(claim: ModelClaim): boolean {
    return this.#owned(claim) !== undefined && this.entries.delete(claim.runId);
  }

  remove(runId: string, nowMs: number): boolean {
    const entry = this.entries.get(runId);
    return entry !== undefined && !isLive(entry, nowMs) && this.entries.delete(runId);
  }

  update(runId: string, change: { priority?: number; held?: boolean }, nowMs: number): boolean {
    const entry = this.entries.get(runId);
    if (entry === undefined || isLive(entry, nowMs)) return false;
    Object.assign(entry, change, { claim: null });
    return true;
  }

  #owned(claim: ModelClaim): ModelEntry | undefined {
    const entry = this.entries.get(claim.runId);
    return entry?.claim?.token === claim.token ? entry : undefined;
  }
}

function isLive(entry: ModelEntry, nowMs: number): boolean {
  return entry.claim !== null && nowMs < entry.claim.untilMs;
}
