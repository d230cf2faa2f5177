/**
 * Ends runs that wait for a success that will not come any more: cancelled, with the reason in the record. The claim sees
 * to it that only one worker does, and a run that somebody cancelled or started meanwhile is left as it is.
 */
import { isoTime } from "../core/clock.ts";
import { messageOf } from "../core/error.ts";
import type { WaitingEntry } from "../queue/port.ts";
import { noteDeed } from "../run/audit-log.ts";
import { appendHistory } from "../run/history.ts";
import type { ParentState } from "../run/parent.ts";
import { sealRun } from "../run/seal.ts";
import { changeManifest } from "../run/store.ts";
import { noteDisorder, type Shop } from "./shop.ts";

/** Longer than ending one takes. */
const leaseMs = 30_000;

const ends = { failed: "failed", cancelled: "was cancelled", missing: "is no longer there" };

/** The sentence for a run whose parent did not complete; null where it may still. */
export function lostParent(entry: WaitingEntry, parentOf: (runId: string) => ParentState): string | null {
  for (const runId of entry.facts.terms.after_ok) {
    const state = parentOf(runId);
    if (state === "failed" || state === "cancelled" || state === "missing")
      return `run \`${runId}\`, which it needs to complete, ${ends[state]}`;
  }
  return null;
}

/** Ends one such run. Throws what the queue and the disk throw; it is then tried again at the next look. */
export async function skipRun(shop: Shop, entry: WaitingEntry, reason: string): Promise<void> {
  const claim = await shop.queue.claim(entry.runId, shop.name, leaseMs);
  if (claim === null) return;
  const paths = shop.base.run(entry.runId);
  const at = isoTime(shop.clock.nowMs());
  let skipped = false;
  try {
    appendHistory(paths, { at, by: "ml", field: "status", value: "cancelled", reason });
    changeManifest(paths, (now) => {
      if (now.status !== "queued") return false;
      now.status = "cancelled";
      now.ended_at = at;
      now.cancelled = { by: "ml", reason };
      skipped = true;
      return true;
    });
  } catch (cause) {
    shop.problems.set(entry.runId, `run \`${entry.runId}\` cannot be cancelled: ${messageOf(cause)}`);
    await shop.queue.giveBack(claim);
    return;
  }
  await shop.queue.settle(claim);
  if (!skipped) return;
  noteDeed(shop.base.audit, {
    ...{ at, by: "ml", role: "system", from: `worker ${shop.name}` },
    ...{ action: "skip", result: "done", runs: [entry.runId], detail: reason },
  });
  shop.changed(entry.runId);
  try {
    await sealRun(paths);
  } catch (cause) {
    noteDisorder(shop, entry.runId, { cause, what: "cannot be sealed" });
  }
  shop.changed(entry.runId);
}
