/** Changes of runs that still wait: written to history and manifest, then told to the queue. */

import { isoTime } from "../core/clock.ts";
import { MlError } from "../core/error.ts";
import { recordChange } from "../run/history.ts";
import type { Manifest } from "../run/manifest.ts";
import type { RunRecord } from "../run/run-record.ts";
import type { Context } from "./context.ts";

export interface WaitingChange {
  action: string;
  field: string;
  value: unknown;
  queue: { priority?: number; held?: boolean };
  /** Why, where somebody said so. */
  reason?: string | null;
}

/** `from 5 to 9: a deadline`. */
function detailOf({ action, value, reason = null }: WaitingChange, before: string): string | null {
  const moved = action === "priority" ? `from ${before} to ${value}` : null;
  const words = [moved, reason].filter((part) => part !== null);
  return words.length === 0 ? null : words.join(": ");
}

/** Throws `conflict` where a run waits no more, before any of them is changed. */
export async function changeWaiting(
  context: Context,
  records: readonly RunRecord[],
  change: WaitingChange,
): Promise<Manifest[]> {
  const started = records.find((record) => record.status !== "queued");
  if (started !== undefined) {
    throw new MlError(
      "conflict",
      `${change.action} of run \`${started.run_id}\` comes too late: it is ${started.status}`,
    );
  }
  const before = [...new Set(records.map((record) => record.priority))].join(", ");
  const manifests: Manifest[] = [];
  for (const { run_id: runId } of records) {
    const entry = {
      at: isoTime(context.clock.nowMs()),
      by: context.asker.user,
      field: change.field,
      value: change.value,
      reason: change.reason ?? null,
    };
    const manifest = recordChange(context.base.run(runId), entry, (current) => {
      if (current.status !== "queued") {
        throw new MlError("conflict", `${change.action} of run \`${runId}\` comes too late: it is ${current.status}`);
      }
    });
    manifests.push(manifest);
    await context.queue.update(runId, change.queue).catch(() => context.feeder.refill());
    context.catalog.apply(runId);
    context.hub.changed(runId);
  }
  context.pokeWorker();
  context.audit.note(context.asker, {
    action: change.action,
    runs: records.map((record) => record.run_id),
    detail: detailOf(change, before),
  });
  return manifests;
}
