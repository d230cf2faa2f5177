/**
 * The policies that are compared. `ours` is the product's own code; the others are what it is measured against, over the
 * same machine: first come first served, strict priority, and EASY backfill (Lifka 1995) over arrival order, which is
 * our plan with another order: what differs is who goes first.
 */

import type { UseRecord } from "../../src/run/use-ledger.ts";
import { inOrder, type LineEntry, type OrderRules } from "../../src/schedule/order.ts";
import { RecentUse } from "../../src/schedule/recent-use.ts";
import type { RunningRun } from "../../src/schedule/state.ts";

export interface Moment {
  nowMs: number;
  running: readonly RunningRun[];
}

export interface Policy {
  name: string;
  /** Whether later runs may go before one that does not fit. */
  backfill: boolean;
  order(entries: readonly LineEntry[], moment: Moment): LineEntry[];
  /** Told of each run that ended. */
  ended?(record: UseRecord): void;
}

const byArrival = (entries: readonly LineEntry[]) => [...entries].sort((a, b) => a.sequence - b.sequence);

export const fifo: Policy = { name: "FIFO", backfill: false, order: byArrival };
export const easy: Policy = { name: "EASY", backfill: true, order: byArrival };
export const strict: Policy = {
  name: "strict priority",
  backfill: false,
  order: (entries) => [...entries].sort((a, b) => b.priority - a.priority || a.sequence - b.sequence),
};

/** A fresh one for each simulation: it remembers who used how much. */
export function ours(rules: OrderRules): Policy {
  let fresh: UseRecord[] = [];
  const use = new RecentUse({ read: () => fresh.splice(0) }, rules, 0);
  return {
    name: "ours",
    backfill: true,
    order: (entries, { nowMs, running }) => inOrder(entries, { nowMs, rules, usage: use.now(nowMs, running) }),
    ended: (record) => {
      fresh = [...fresh, record];
    },
  };
}
