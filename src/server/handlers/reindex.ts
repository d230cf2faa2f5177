/** Builds the index from the run folders anew, and fills the queue with every run that waits. Others are answered meanwhile. */
import { quarantine } from "../../catalog/quarantine.ts";
import type { Reply } from "../../protocol/requests.ts";
import type { Context } from "../context.ts";

export async function reindex(context: Context): Promise<Reply<"reindex">> {
  const started = performance.now();
  const joined = await context.reindexing.run();
  const damaged = context.catalog.damaged(10_000);
  quarantine(context.base, damaged);
  const restored = await context.feeder.refill();
  const totals = Object.values(context.catalog.totals());
  context.audit.note(context.asker, { action: "reindex" });
  return {
    runs: totals.reduce((sum, count) => sum + count, 0),
    damaged,
    joined,
    took_ms: Math.round(performance.now() - started),
    queue_restored: restored ?? 0,
  };
}
