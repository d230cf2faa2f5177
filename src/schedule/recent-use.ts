/** Recent use by user as the order of the line counts it: what ended runs held, decayed, and what runs now. Reads through what it is handed. */
import type { UseRecord } from "../run/use-ledger.ts";
import { likelyMs, type OrderRules } from "./order.ts";
import { rateOf, Shares } from "./share.ts";
import type { RunningRun } from "./state.ts";

/** What is read of ended runs: each call gives those that are new since the last. */
export interface UseSource {
  read(): UseRecord[];
}

type Holding = Pick<RunningRun, "user" | "requested" | "startedMs" | "seconds">;

/** Recent use by user, what runs now included. */
export class RecentUse {
  readonly #source: UseSource;
  readonly #rules: OrderRules;
  readonly #shares: Shares;

  constructor(source: UseSource, rules: OrderRules, nowMs: number) {
    this.#source = source;
    this.#rules = rules;
    this.#shares = new Shares(rules, nowMs);
  }

  /** Weighted seconds by user: what ended runs held, decayed, and all that the running ones are expected to take. */
  now(nowMs: number, running: readonly Holding[]): Map<string, number> {
    for (const { user, started_at, ended_at, ...held } of this.#source.read()) {
      this.#shares.add(user, rateOf(held, this.#rules), { fromMs: Date.parse(started_at), toMs: Date.parse(ended_at) });
    }
    const usage = this.#shares.usage(nowMs);
    for (const { user, requested, startedMs, seconds } of running) {
      const lastsMs = likelyMs({ requested, seconds }) ?? this.#rules.unknownRuntimeMs;
      const counted = Math.max(lastsMs, nowMs - startedMs) / 1000;
      usage.set(user, (usage.get(user) ?? 0) + rateOf(requested, this.#rules) * counted);
    }
    return usage;
  }
}
