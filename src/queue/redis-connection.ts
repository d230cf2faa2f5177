/**
 * Redis by way of Bun's client, with what that client lacks: a limit for every command, scripts that survive a flushed
 * script cache, and subscriptions that survive a reconnect. Each connection is a new client object, so that a listener
 * can never be there twice; what was subscribed is subscribed again, and the listener called once, because something
 * may have been missed meanwhile.
 *
 * Every failure is an MlError `try_later` that names the server without its password. Nothing waits in an offline queue.
 */
import { createHash } from "node:crypto";
import { MlError, messageOf } from "../core/error.ts";

export interface RedisConnectionOptions {
  /** For connecting and for each command. */
  timeoutMs?: number;
  /** After a failed connect, further ones fail at once for this long. */
  pauseMs?: number;
  /** How often a subscription is looked after. */
  tendMs?: number;
}

export interface RedisScript {
  text: string;
  sha1: string;
}

export function redisScript(text: string): RedisScript {
  return { text, sha1: createHash("sha1").update(text).digest("hex") };
}

/** A URL for people: no user, no password, no query. Throws `bad_config` where it is none. */
export function redactRedisUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (!/^(rediss?|valkeys?)(\+(tls|unix))?:$|^unix:$/.test(parsed.protocol)) throw new Error("unknown scheme");
    return `${parsed.protocol}//${parsed.host}${parsed.pathname === "/" ? "" : parsed.pathname}`;
  } catch {
    throw new MlError("bad_config", "`redis_url` is not the address of a Redis server", {
      hint: "write it like `redis://127.0.0.1:6379` or `redis+unix:///run/redis/redis.sock`",
    });
  }
}

export class RedisConnection {
  readonly name: string;
  readonly #url: string;
  readonly #timeoutMs: number;
  readonly #pauseMs: number;
  readonly #tendMs: number;
  readonly #listeners = new Map<string, Set<() => void>>();
  #client: Bun.RedisClient | null = null;
  #connecting: Promise<Bun.RedisClient> | null = null;
  #subscriber: Bun.RedisClient | null = null;
  #refusedUntilMs = 0;
  #lastRefusal: unknown = null;
  #tending: ReturnType<typeof setInterval> | null = null;
  #tendNow: Promise<void> | null = null;
  #closed = false;

  constructor(url: string, options: RedisConnectionOptions = {}) {
    this.name = redactRedisUrl(url);
    // Bun's client takes `unix://` for the name of a host.
    this.#url = url.replace(/^unix:/i, "redis+unix:");
    this.#timeoutMs = options.timeoutMs ?? 2000;
    this.#pauseMs = options.pauseMs ?? 200;
    this.#tendMs = options.tendMs ?? 1000;
  }

  /** Runs a script with `keys` and `args`; loads it where the server has forgotten it. */
  async run(script: RedisScript, keys: string[], args: string[]): Promise<unknown> {
    const rest = [String(keys.length), ...keys, ...args];
    return await this.#guard(async (client) => {
      try {
        return await client.send("EVALSHA", [script.sha1, ...rest]);
      } catch (cause) {
        if (!messageOf(cause).includes("NOSCRIPT")) throw cause;
        return await client.send("EVAL", [script.text, ...rest]);
      }
    });
  }

  async command(name: string, args: string[]): Promise<unknown> {
    return await this.#guard(async (client) => await client.send(name, args));
  }

  /** Calls `listener` after every message on `channel`, and after every gap in which messages may have been lost. */
  subscribe(channel: string, listener: () => void): () => void {
    const own = () => listener();
    const listeners = this.#listeners.get(channel) ?? new Set();
    this.#listeners.set(channel, listeners.add(own));
    if (this.#tending === null) {
      this.#tending = setInterval(() => void this.#tend(), this.#tendMs);
      this.#tending.unref();
    }
    this.#dropSubscriberIfMissing(channel);
    void this.#tend();
    return () => {
      listeners.delete(own);
      if ([...this.#listeners.values()].every((each) => each.size === 0)) this.#stopTending();
    };
  }

  close(): void {
    this.#closed = true;
    this.#stopTending();
    this.#listeners.clear();
    this.#client?.close();
    this.#client = null;
  }

  async #guard<T>(act: (client: Bun.RedisClient) => Promise<T>): Promise<T> {
    let client: Bun.RedisClient | null = null;
    try {
      if (this.#closed) throw new Error("the queue is closed");
      client = await this.#connected();
      return await this.#within(act(client));
    } catch (cause) {
      if (client !== null && (cause instanceof TimeLimit || !client.connected)) this.#drop(client);
      throw this.#error(cause);
    }
  }

  async #connected(): Promise<Bun.RedisClient> {
    if (this.#client?.connected) return this.#client;
    if (performance.now() < this.#refusedUntilMs) throw this.#lastRefusal;
    this.#connecting ??= this.#open()
      .then((client) => {
        this.#client?.close();
        this.#client = client;
        return client;
      })
      .catch((cause) => {
        this.#refusedUntilMs = performance.now() + this.#pauseMs;
        this.#lastRefusal = cause;
        throw cause;
      })
      .finally(() => {
        this.#connecting = null;
      });
    return await this.#connecting;
  }

  async #open(): Promise<Bun.RedisClient> {
    const client = new Bun.RedisClient(this.#url, {
      connectionTimeout: this.#timeoutMs,
      autoReconnect: false,
      enableOfflineQueue: false,
    });
    try {
      await this.#within(client.connect());
      if (this.#closed) throw new Error("the queue is closed");
      return client;
    } catch (cause) {
      client.close();
      throw cause;
    }
  }

  #drop(client: Bun.RedisClient): void {
    client.close();
    if (this.#client === client) this.#client = null;
  }

  /** Keeps the subscriptions alive: connects, subscribes and asks for a sign of life. One at a time, never throws. */
  async #tend(): Promise<void> {
    this.#tendNow ??= this.#tendOnce()
      .catch(() => {
        this.#subscriber?.close();
        this.#subscriber = null;
      })
      .finally(() => {
        this.#tendNow = null;
      });
    await this.#tendNow;
  }

  async #tendOnce(): Promise<void> {
    if (this.#subscriber?.connected) {
      await this.#within(this.#subscriber.ping());
      return;
    }
    this.#subscriber?.close();
    this.#subscriber = null;
    const client = await this.#open();
    this.#subscriber = client;
    for (const channel of this.#listeners.keys()) {
      await this.#within(client.subscribe(channel, () => this.#wake(channel)));
    }
    if (this.#tending === null) throw new Error("nobody listens any more");
    for (const channel of this.#listeners.keys()) this.#wake(channel);
  }

  #wake(channel: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener();
  }

  /** A new channel is subscribed by the next connection; the present one is given up for it. */
  #dropSubscriberIfMissing(channel: string): void {
    if (this.#subscriber === null || (this.#listeners.get(channel)?.size ?? 0) > 1) return;
    this.#subscriber.close();
    this.#subscriber = null;
  }

  #stopTending(): void {
    if (this.#tending !== null) clearInterval(this.#tending);
    this.#tending = null;
    this.#subscriber?.close();
    this.#subscriber = null;
  }

  async #within<T>(promise: Promise<T>): Promise<T> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const limit = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new TimeLimit(`no answer within ${this.#timeoutMs} ms`)), this.#timeoutMs);
    });
    try {
      return await Promise.race([promise, limit]);
    } finally {
      clearTimeout(timer);
    }
  }

  #error(cause: unknown): MlError {
    const said = messageOf(cause);
    const word = /\b(NOAUTH|WRONGPASS|NOPERM|OOM|MISCONF|READONLY|LOADING)\b/.exec(said)?.[1];
    const why = word === undefined ? "it cannot be reached" : (refusals[word] ?? "it refused the command");
    return new MlError("try_later", `asking redis at \`${this.name}\` failed: ${why}`, {
      cause: said,
      hint: "see what is wrong with it: `ml doctor`; runs wait in their folders meanwhile",
    });
  }
}

class TimeLimit extends Error {}

/** What the first word of an error reply means (redis.io, "Redis serialization protocol", simple errors). */
const refusals: Record<string, string> = {
  NOAUTH: "it asks for a password",
  WRONGPASS: "it refused the password",
  NOPERM: "the user may not do that",
  OOM: "its memory is full (maxmemory)",
  MISCONF: "it cannot write to its disk",
  READONLY: "it is a read-only replica",
  LOADING: "it is still loading its data",
};
