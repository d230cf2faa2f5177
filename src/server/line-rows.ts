/** The waiting line as rows with places, in the order in which runs start. */
import type { RunSummary } from "../protocol/summary.ts";
import { inOrder } from "../schedule/order.ts";
import type { Context } from "./context.ts";
import { summarise } from "./summary.ts";

/** With `user` only their runs; places count everybody's. */
export function waitingRows(context: Context, limit: number, user: string | null): RunSummary[] {
  const options = { ...context, nowMs: context.clock.nowMs };
  let place = 0;
  return inOrder(context.catalog.waiting(limit, user)).map(({ sequence: _, ...record }) => {
    if (user !== null) return summarise(record, options);
    if (!record.held) place += 1;
    return summarise(record, options, record.held ? null : place);
  });
}
