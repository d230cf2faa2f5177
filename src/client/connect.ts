/**
 * Makes a Connection and keeps it alive: a lost link is opened again with jittered backoff, the subscription is
 * renewed with a fresh snapshot, and asks that may be repeated are repeated. What may not be (a new key, a note) fails
 * with `unreachable` and says that it may have been done.
 */
import { MlError, messageOf } from "../core/error.ts";
import { protocolVersion, version } from "../core/version.ts";
import type { ServerEvent } from "../protocol/frames.ts";
import type { Ask, Body, Reply } from "../protocol/requests.ts";
import type { AskOptions, Connection, ConnectionState, Subscription, Transport, Watcher } from "./connection.ts";
import { type Link, LinkLost } from "./link.ts";
import { fetchOrExplain, greeting, openLink, withKeyHint } from "./open-link.ts";
import { placeOf, type Target } from "./target.ts";

export interface ConnectSettings {
  transport: "auto" | "websocket" | "polling";
  /** To open one link; default 10 s. */
  timeoutMs?: number;
  /** Sent together with the greeting, without waiting for its answer; the `ask` with the very same body takes the reply. */
  ahead?: { name: Ask; body: object };
  /** Why a question had no answer in time, where somebody can find out; else gives the error back. */
  whyLate?(error: MlError): Promise<MlError>;
  /** Said once each: polling instead of WebSocket, clocks apart, versions apart. */
  warn(sentence: string): void;
}

/** Doing these twice does harm, so they are never repeated by themselves. */
const unrepeatable: ReadonlySet<Ask> = new Set<Ask>(["key.add", "run.annotate", "run.type", "server.stop"]);
const askTimeoutMs = 30_000;
const skewLimitMs = 30_000;

/** Milliseconds before try number `attempt` (from 0): 100 ms doubling to 10 s, half of it random, so that clients spread. */
export function backoffMs(attempt: number, random = Math.random()): number {
  const full = Math.min(10_000, 100 * 2 ** Math.min(attempt, 20));
  return full / 2 + (full / 2) * random;
}

/** `locate` is asked before each attempt, since a local server may come back elsewhere. Throws as open-link.ts. */
export async function connect(locate: () => Promise<Target>, settings: ConnectSettings): Promise<Connection> {
  const connection = new HealingConnection(locate, settings);
  await connection.start();
  return connection;
}

class HealingConnection implements Connection {
  hello!: Reply<"hello">;
  state: ConnectionState = "open";
  transport: Transport = "websocket";
  place = "";
  private target!: Target;
  private link: Link | null = null;
  /** By the monotonic clock. */
  private lostAtMs = 0;
  private healing: Promise<void> | null = null;
  private subscription: { body: Body<"subscribe">; watcher: Watcher } | null = null;
  private readonly listeners = new Set<(state: ConnectionState, why: string | null) => void>();
  private readonly said = new Set<string>();
  private ended: MlError | null = null;
  private mustPoll = false;
  private early: { name: Ask; body: object; link: Link; reply: Promise<unknown> } | null = null;

  constructor(
    private readonly locate: () => Promise<Target>,
    private readonly settings: ConnectSettings,
  ) {}

  async start(): Promise<void> {
    await this.open();
  }

  private warnOnce(kind: string, sentence: string): void {
    if (this.said.has(kind)) return;
    this.said.add(kind);
    this.settings.warn(sentence);
  }

  private async open(): Promise<void> {
    const target = await this.locate();
    const timeoutMs = this.settings.timeoutMs ?? 10_000;
    const place = placeOf(target);
    const link = await openLink(target, {
      transport: this.mustPoll ? "polling" : this.settings.transport,
      timeoutMs,
      onBlocked: () => {
        this.mustPoll = true;
        this.warnOnce("polling", `WebSocket is blocked on the way to ${place}; polling instead (a little slower)`);
      },
    });
    try {
      const askedAt = Date.now();
      const greeted = link.ask("hello", greeting, { timeoutMs });
      this.askAhead(link);
      this.hello = await greeted;
      this.compare(place, (askedAt + Date.now()) / 2);
    } catch (cause) {
      link.close();
      if (cause instanceof MlError) throw withKeyHint(cause, target);
      throw new MlError("unreachable", `${place} closed the connection at once`, { cause: messageOf(cause) });
    }
    Object.assign(this, { target, place, link, transport: link.transport });
    void link.lost.then((why) => this.onLost(link, why));
    this.setState("open", null);
  }

  /** Once, with the first link; a failure is told to whoever asks, or to nobody. */
  private askAhead(link: Link): void {
    const { ahead } = this.settings;
    if (ahead === undefined || this.early !== null) return;
    const reply = link.ask(ahead.name, ahead.body as never, { timeoutMs: askTimeoutMs });
    reply.catch(() => {});
    this.early = { ...ahead, link, reply };
  }

  /** What was asked ahead on this very link, handed out once. */
  private takeEarly<A extends Ask>(link: Link, name: A, body: Body<A>): Promise<Reply<A>> | null {
    const { early } = this;
    if (early === null || early.link !== link || early.name !== name || early.body !== body) return null;
    this.early = { ...early, body: {} };
    return early.reply as Promise<Reply<A>>;
  }

  private compare(place: string, nowMs: number): void {
    const theirs = this.hello;
    const skewMs = Date.parse(theirs.now) - nowMs;
    if (Math.abs(skewMs) > skewLimitMs) {
      const seconds = Math.round(Math.abs(skewMs) / 1000);
      const direction = skewMs > 0 ? "ahead of" : "behind";
      this.warnOnce(
        "skew",
        `the clock of ${place} is ${seconds} s ${direction} this machine's; times shown are the server's`,
      );
    }
    if (theirs.protocol !== protocolVersion) {
      const older = theirs.protocol < protocolVersion ? "server" : "`ml` here";
      this.warnOnce(
        "protocol",
        `the server has version ${theirs.version} (protocol ${theirs.protocol}), \`ml\` here ${version} (protocol ${protocolVersion}): some requests may fail; upgrade the ${older}`,
      );
    }
  }

  private setState(state: ConnectionState, why: string | null): void {
    if (this.state === state) return;
    this.state = state;
    for (const listener of this.listeners) listener(state, why);
  }

  private onLost(link: Link, why: string): void {
    if (this.link !== link) return;
    this.link = null;
    this.lostAtMs = performance.now();
    if (this.ended !== null) return;
    this.setState("reconnecting", why);
    if (this.subscription !== null) void this.heal().catch(() => {});
  }

  /** Opens again and again until it works or the server refuses us; one at a time. */
  private heal(): Promise<void> {
    this.healing ??= this.reopen().finally(() => {
      this.healing = null;
    });
    return this.healing;
  }

  private async reopen(): Promise<void> {
    for (let attempt = 0; this.ended === null; attempt++) {
      await Bun.sleep(backoffMs(attempt));
      if (this.ended !== null) break;
      try {
        await this.open();
        if (this.subscription !== null) await this.renew();
        return;
      } catch (cause) {
        const error = cause instanceof MlError ? cause : null;
        if (error !== null && ["unauthenticated", "not_allowed", "bad_config"].includes(error.code)) {
          this.end(error);
          throw error;
        }
      }
    }
  }

  private async renew(): Promise<void> {
    const { subscription, link } = this;
    if (subscription === null || link === null) return;
    const snapshot = await link.subscribe(subscription.body, (event) => this.onEvent(event));
    subscription.watcher.onSnapshot?.(snapshot);
  }

  private onEvent(event: ServerEvent): void {
    if (event.kind === "resync") void this.renew().catch(() => this.link?.close());
    else this.subscription?.watcher.onEvent(event);
  }

  private async ready(
    name: string,
    options: { deadline: number; awayMs?: number | undefined; signal: AbortSignal | undefined },
  ): Promise<Link> {
    while (this.link === null) {
      if (this.ended !== null) throw this.ended;
      const back = this.lostAtMs + (options.awayMs ?? Number.POSITIVE_INFINITY);
      const leftMs = Math.min(options.deadline, back) - performance.now();
      if (leftMs <= 0) {
        throw new MlError(
          "unreachable",
          `the connection to ${this.place} was lost and did not come back in time for \`${name}\``,
          {
            hint: "ml server status",
          },
        );
      }
      await raceAbort(Promise.race([this.heal(), Bun.sleep(leftMs)]), options.signal);
    }
    return this.link;
  }

  async ask<A extends Ask>(name: A, body: Body<A>, options: AskOptions = {}): Promise<Reply<A>> {
    const deadline = performance.now() + (options.timeoutMs ?? askTimeoutMs);
    for (;;) {
      const link = await this.ready(name, { deadline, awayMs: options.awayMs, signal: options.signal });
      options.signal?.throwIfAborted();
      try {
        const early = this.takeEarly(link, name, body);
        if (early !== null) return await raceAbort(early, options.signal);
        return await link.ask(name, body, { timeoutMs: deadline - performance.now(), signal: options.signal });
      } catch (cause) {
        const { whyLate } = this.settings;
        if (cause instanceof MlError && cause.code === "timed_out" && whyLate !== undefined) throw await whyLate(cause);
        if (cause instanceof MlError) throw this.explain(cause, name);
        if (!(cause instanceof LinkLost)) throw cause;
        if (this.link === link) this.onLost(link, cause.why);
        if (!unrepeatable.has(name)) continue;
        throw new MlError("unreachable", `the connection to ${this.place} broke before \`${name}\` was answered`, {
          cause: cause.why,
          hint: "it may have been done: look before you repeat it",
        });
      }
    }
  }

  private explain(error: MlError, name: string): MlError {
    if (error.code === "unknown_request") {
      return new MlError(error.code, `the server (version ${this.hello.version}) does not know \`${name}\``, {
        cause: `\`ml\` here is ${version}`,
        hint: "upgrade the server; runs go on meanwhile",
      });
    }
    return withKeyHint(error, this.target);
  }

  async subscribe(body: Body<"subscribe">, watcher: Watcher): Promise<Subscription> {
    const deadline = performance.now() + askTimeoutMs;
    for (;;) {
      const link = await this.ready("subscribe", { deadline, signal: undefined });
      try {
        const snapshot = await link.subscribe(body, (event) => this.onEvent(event));
        const subscription = { body, watcher };
        this.subscription = subscription;
        watcher.onSnapshot?.(snapshot);
        return {
          snapshot,
          close: async () => {
            if (this.subscription !== subscription) return;
            this.subscription = null;
            await this.link?.unsubscribe().catch(() => {});
          },
        };
      } catch (cause) {
        if (!(cause instanceof LinkLost)) throw cause;
        if (this.link === link) this.onLost(link, cause.why);
      }
    }
  }

  fetch(path: string, init?: RequestInit): Promise<Response> {
    return fetchOrExplain(this.target, path, init);
  }

  onState(listener: (state: ConnectionState, why: string | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  private end(error: MlError): void {
    this.ended = error;
    this.setState("closed", error.message);
  }

  close(): void {
    const link = this.link;
    this.subscription = null;
    this.end(new MlError("unreachable", "the connection has been closed"));
    this.link = null;
    link?.close();
  }
}

/** Settles as `work`, or rejects with the signal's reason as soon as it is aborted. */
function raceAbort<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener("abort", abort));
  });
}
