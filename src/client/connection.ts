/**
 * What the command line and the terminal UI know of a server: ask, subscribe, fetch. `connect.ts` makes one. It heals
 * by itself: a lost transport is opened again with backoff, subscriptions are renewed, and what is idempotent is asked
 * again. Where log bytes matter, the reader keeps its own offset and asks on from there: no gap, no repeat.
 */
import type { ServerEvent } from "../protocol/frames.ts";
import type { Ask, Body, Reply } from "../protocol/requests.ts";

export type ConnectionState = "open" | "reconnecting" | "closed";
export type Transport = "socket" | "websocket" | "polling";

export interface AskOptions {
  /** Default 30 s, over reconnections; then `unreachable`. */
  timeoutMs?: number;
  /** So long a lost connection may take to come back; by default as long as the answer may. For answers that take very long. */
  awayMs?: number;
  signal?: AbortSignal | undefined;
}

export interface Watcher {
  /** Called with the first snapshot, and again after each reconnection or `resync`: replace what you know. */
  onSnapshot?(snapshot: Reply<"subscribe">): void;
  /** `resync` never arrives here: a new snapshot comes instead. */
  onEvent(event: ServerEvent): void;
}

export interface Subscription {
  /** The first snapshot. */
  snapshot: Reply<"subscribe">;
  close(): Promise<void>;
}

export interface Connection {
  /** What the server said of itself and of us, with the first connection. */
  readonly hello: Reply<"hello">;
  readonly transport: Transport;
  readonly state: ConnectionState;
  /** Where it leads, for people: `local server` or the URL. */
  readonly place: string;
  /** Throws MlError as the server answered, `unreachable` where no connection comes back in time. */
  ask<A extends Ask>(name: A, body: Body<A>, options?: AskOptions): Promise<Reply<A>>;
  /** One subscription at a time; a second replaces the first. */
  subscribe(body: Body<"subscribe">, watcher: Watcher): Promise<Subscription>;
  /** HTTP on the same place with the key added; `path` begins with `/`. Throws `unreachable`; a status is the caller's. */
  fetch(path: string, init?: RequestInit): Promise<Response>;
  /** Tells of every change of state; returns a function that stops the telling. */
  onState(listener: (state: ConnectionState, why: string | null) => void): () => void;
  close(): void;
}
