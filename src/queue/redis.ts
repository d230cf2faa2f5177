/**
 * The waiting line in Redis: for several workers on several hosts. Each operation is one Lua script (redis-scripts.ts);
 * leases go by the server's clock. Redis may lose what it acknowledged (appendfsync everysec, FLUSHALL, an old dump): run
 * folders are the truth, `health` notices a line that may be incomplete, and rebuild.ts fills it.
 *
 * An unreachable server makes every operation throw `try_later`, never hang; opening does not need the server.
 */
import { createHash } from "node:crypto";
import { asMlError } from "../core/error.ts";
import { factsFrom, factsText } from "./entry.ts";
import type { Claim, EntryChange, QueueBackend, QueueEntry, QueueHealth, WaitingEntry } from "./port.ts";
import { RedisConnection, type RedisConnectionOptions, type RedisScript } from "./redis-connection.ts";
import * as scripts from "./redis-scripts.ts";

export interface RedisQueueOptions extends RedisConnectionOptions {
  /** What sets this queue apart from others in the same Redis: any text, such as the base directory. */
  namespace: string;
  /** For tests: the time by which leases are judged; default: the server's. */
  nowMs?: () => number;
  /** How often `onChange` looks by itself, should a message be lost. */
  pollMs?: number;
}

/** Strings of one entry in the reply of the waiting script. */
const width = 10;
/** Entries in one script call: Redis serves nobody else meanwhile. */
const batchSize = 500;

/** A queue in the Redis at `url`. Throws `bad_config` for a URL that is none; does not wait for the server. */
export function openRedisQueue(url: string, options: RedisQueueOptions): QueueBackend {
  return new RedisQueue(new RedisConnection(url, options), options);
}

class RedisQueue implements QueueBackend {
  readonly #connection: RedisConnection;
  readonly #prefix: string;
  readonly #nowMs: (() => number) | null;
  readonly #pollMs: number;

  constructor(connection: RedisConnection, options: RedisQueueOptions) {
    this.#connection = connection;
    this.#prefix = `ml:{${createHash("sha256").update(options.namespace).digest("hex").slice(0, 16)}}:`;
    this.#nowMs = options.nowMs ?? null;
    this.#pollMs = options.pollMs ?? 2000;
  }

  async add(entries: readonly QueueEntry[]): Promise<number> {
    let added = 0;
    for (let from = 0; from < entries.length; from += batchSize) {
      const args = entries.slice(from, from + batchSize).flatMap(toArgs);
      added += Number(await this.#run(scripts.addScript, args));
    }
    return added;
  }

  async waiting(limit: number, includeHeld: boolean): Promise<WaitingEntry[]> {
    const found = (await this.#run(scripts.waitingScript, [String(limit), includeHeld ? "1" : "0"])) as string[];
    const entries: WaitingEntry[] = [];
    for (let at = 0; at + width <= found.length; at += width) entries.push(toEntry(found.slice(at, at + width)));
    return entries;
  }

  async count(): Promise<number> {
    return Number(await this.#connection.command("ZCARD", [`${this.#prefix}line`]));
  }

  async claim(runId: string, worker: string, leaseMs: number): Promise<Claim | null> {
    const token = await this.#run(scripts.claimScript, [runId, worker, String(leaseMs)]);
    return token === "" ? null : { runId, worker, token: Number(token) };
  }

  async renew(claim: Claim, leaseMs: number): Promise<boolean> {
    return (await this.#run(scripts.renewScript, [...claimArgs(claim), String(leaseMs)])) === 1;
  }

  async giveBack(claim: Claim): Promise<void> {
    await this.#run(scripts.giveBackScript, claimArgs(claim));
  }

  async settle(claim: Claim): Promise<boolean> {
    return (await this.#run(scripts.settleScript, claimArgs(claim))) === 1;
  }

  async remove(runIds: readonly string[]): Promise<string[]> {
    return await this.#inBatches(runIds, (some) => this.#run(scripts.removeScript, some));
  }

  async update(runIds: readonly string[], change: EntryChange): Promise<string[]> {
    const held = change.held === undefined ? "" : change.held ? "1" : "0";
    const priority = change.priority === undefined ? "" : String(change.priority);
    return await this.#inBatches(runIds, (some) => this.#run(scripts.updateScript, [priority, held, ...some]));
  }

  onChange(wake: () => void): () => void {
    const unsubscribe = this.#connection.subscribe(`${this.#prefix}wake`, wake);
    const stopPolling = this.#poll(wake);
    return () => {
      unsubscribe();
      stopPolling();
    };
  }

  async health(): Promise<QueueHealth> {
    const shape = { backend: "redis", degraded: false } as const;
    try {
      const server = await this.#serverRunId();
      const mark = await this.#connection.command("GET", [`${this.#prefix}mark`]);
      if (mark === server) return { ...shape, ok: true, problem: null };
      const why = mark === null ? "is new or was flushed" : "comes from before a restart of the server";
      const problem = `the queue in redis at \`${this.#connection.name}\` ${why}; runs come back from their folders`;
      return { ...shape, ok: true, problem, needsRebuild: true };
    } catch (cause) {
      return { ...shape, ok: false, problem: asMlError(cause).message };
    }
  }

  async rebuilt(): Promise<void> {
    await this.#connection.command("SET", [`${this.#prefix}mark`, await this.#serverRunId()]);
  }

  async close(): Promise<void> {
    this.#connection.close();
  }

  async #inBatches(runIds: readonly string[], act: (some: string[]) => Promise<unknown>): Promise<string[]> {
    const done: string[] = [];
    for (let from = 0; from < runIds.length; from += batchSize) {
      done.push(...((await act(runIds.slice(from, from + batchSize))) as string[]));
    }
    return done;
  }

  async #run(script: RedisScript, args: string[]): Promise<unknown> {
    return await this.#connection.run(
      script,
      [this.#prefix],
      [this.#nowMs === null ? "" : `${this.#nowMs()}`, ...args],
    );
  }

  /** Changes with every start of the Redis server (INFO, section server). */
  async #serverRunId(): Promise<string> {
    const info = String(await this.#connection.command("INFO", ["server"]));
    return /^run_id:(\S+)/m.exec(info)?.[1] ?? "unknown";
  }

  #poll(wake: () => void): () => void {
    let last: unknown = null;
    const look = async () => {
      try {
        const changes = await this.#connection.command("GET", [`${this.#prefix}changes`]);
        if (changes !== last && last !== null) wake();
        last = changes ?? "0";
      } catch {
        last ??= "unknown";
      }
    };
    const timer = setInterval(() => void look(), this.#pollMs);
    timer.unref();
    return () => clearInterval(timer);
  }
}

function toArgs(entry: QueueEntry): string[] {
  const { runId, user, priority, queuedAt, held, requested, facts } = entry;
  const texts = [JSON.stringify(requested), factsText(facts)];
  return [runId, user, String(priority), queuedAt, held ? "1" : "0", ...texts];
}

function claimArgs(claim: Claim): string[] {
  return [claim.runId, claim.worker, String(claim.token)];
}

function toEntry(fields: string[]): WaitingEntry {
  const [runId = "", sequence, user = "", priority, queuedAt = "", held, requested = "{}"] = fields;
  const [worker = "", token, facts = ""] = fields.slice(7);
  return {
    runId,
    sequence: Number(sequence),
    user,
    priority: Number(priority),
    queuedAt,
    held: held === "1",
    requested: JSON.parse(requested),
    facts: factsFrom(facts),
    claim: worker === "" ? null : { worker, token: Number(token) },
  };
}
