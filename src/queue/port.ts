/**
 * The waiting line: who waits, in which order they came, and who has taken one to start it. Not a tracker: once the
 * run folder says that a run started, its entry is settled and forgotten. Everything in here can be rebuilt from run
 * folders with status `queued`.
 *
 * Order and fairness are not decided here but by schedule/, from what `waiting` returns.
 *
 * Claims are leases. A claim carries a fencing token that grows with every claim of that entry; the supervisor's
 * exclusive create in the run folder is the last word on who starts a run. An expired lease makes the entry visible again.
 */
import type { Requested, Terms } from "../run/manifest.ts";

export interface QueueEntry {
  runId: string;
  user: string;
  /** 1 to 10; higher first. */
  priority: number;
  /** RFC 3339; with `sequence` the age. */
  queuedAt: string;
  /** Held entries wait and are not claimable. */
  held: boolean;
  requested: Requested;
  facts: EntryFacts;
}

/** What only schedule/ judges; a backend keeps it as one text. */
export interface EntryFacts {
  /** Datasets (and environments, by venvNeed) that must be on the machine's local disk before it may start; left out where none must. */
  data?: readonly { name: string; checksum: string }[];
  /** It is to be started in a virtual environment of its own; left out where it is not. */
  venv?: true;
  /** Its command starts a container from an image that can be pulled ahead; left out where it does not. */
  image?: true;
  group: string | null;
  /** What it waits for besides its turn. */
  terms: Terms;
  /** Seconds that it will take, by what runs like it took; null where nothing is known. */
  seconds: { low: number; likely: number; high: number } | null;
}

export interface EntryChange {
  priority?: number;
  held?: boolean;
}

export interface WaitingEntry extends QueueEntry {
  /** Order of arrival in this queue; grows, never reused. */
  sequence: number;
  /** Set while a worker holds a live claim: the entry is about to start. */
  claim: { worker: string; token: number } | null;
}

export interface Claim {
  runId: string;
  worker: string;
  /** Grows with every claim of the run. */
  token: number;
}

export interface QueueHealth {
  backend: "sqlite" | "fs" | "redis";
  ok: boolean;
  /** One sentence where not ok or degraded, else null. */
  problem: string | null;
  /** True while a fallback takes the entries. */
  degraded: boolean;
  /**
   * True where entries may be missing: the line is new, was damaged and moved aside, flushed, or restored from an older
   * state. The caller fills it with rebuildQueue (rebuild.ts), which ends this.
   */
  needsRebuild?: boolean;
}

/**
 * Ten methods, called from the server (add, update, remove, waiting, count) and from workers (waiting, claim, renew,
 * giveBack, settle). All may throw `try_later` where the backend cannot be reached, and then have changed nothing
 * that a repeated call would not repeat.
 */
export interface Queue {
  /** Durable when it resolves. An entry whose runId waits already is left as it is. Returns how many were new. */
  add(entries: readonly QueueEntry[]): Promise<number>;
  /**
   * The first `limit` entries by (priority descending, sequence ascending), held and claimed ones included where
   * `includeHeld` is true, else only those that could be claimed now.
   */
  waiting(limit: number, includeHeld: boolean): Promise<WaitingEntry[]>;
  /** How many entries are in the line: held and claimed ones included. */
  count(): Promise<number>;
  /** Takes one entry for `worker` for `leaseMs`; null where it is gone, held or taken. Exactly one of many wins. */
  claim(runId: string, worker: string, leaseMs: number): Promise<Claim | null>;
  /** Extends a live claim; false where it is no longer ours: stop what you are preparing. */
  renew(claim: Claim, leaseMs: number): Promise<boolean>;
  /** Puts the entry back in its old place (nothing was started); a stale token changes nothing. */
  giveBack(claim: Claim): Promise<void>;
  /** Forgets the entry: its run folder says that it started or ended. A stale token changes nothing; returns whether it was ours. */
  settle(claim: Claim): Promise<boolean>;
  /**
   * Takes unclaimed entries out of the line (cancel, delete), many for the price of one. Gives the ids of those that it
   * took: others are gone, or a worker has taken them.
   */
  remove(runIds: readonly string[]): Promise<string[]>;
  /** Changes priority or held of waiting, unclaimed entries, many for the price of one. Gives the ids of those. */
  update(runIds: readonly string[], change: EntryChange): Promise<string[]>;
  /**
   * Calls `wake` soon after entries were added, released or given back by anybody (a hint: may come late, double, or
   * not at all over a network; callers poll as well). Returns the way to stop. `health` and `close` complete the port.
   */
  onChange(wake: () => void): () => void;
}

/** A queue with a lifetime. */
export interface QueueBackend extends Queue {
  health(): Promise<QueueHealth>;
  /** Every run folder with status `queued` has been added: `needsRebuild` ends. */
  rebuilt(): Promise<void>;
  close(): Promise<void>;
}
