/**
 * Fills the waiting line again from the run folders where it says that entries may be missing: Redis was flushed or came
 * back empty, the database was deleted or damaged. Looked at every few seconds by every worker, so that no server has to
 * be up and nobody has to ask. Adding is idempotent: several workers may do it at once.
 */
import { messageOf } from "../core/error.ts";
import { rebuildQueue } from "../queue/rebuild.ts";
import type { Shop } from "./shop.ts";

export const refillEveryMs = 5000;

const problem = "refill";

/** One look. Throws nothing; what cannot be reached now is `look`'s to report. */
export async function refillLine(shop: Shop): Promise<void> {
  if (shop.closing) return;
  try {
    const health = await shop.queue.health();
    if (health.needsRebuild !== true) return;
    await rebuildQueue(shop.queue, shop.base);
    shop.problems.delete(problem);
    shop.lookSoon();
  } catch (cause) {
    shop.problems.set(problem, `waiting runs are not in the queue yet: ${messageOf(cause)}`);
  }
}
