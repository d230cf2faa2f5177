/** Changes of runs that still wait: written to history and manifest, then told to the queue; many together. */

import { isoTime } from "../core/clock.ts";
import { MlError } from "../core/error.ts";
import type { Manifest } from "../run/manifest.ts";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal } from "../run/status.ts";
import { changeTogether } from "./change-together.ts";
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
function detailOf(
  { action, value, reason }: Pick<WaitingChange, "action" | "value" | "reason">,
  before: string,
): string | null {
  const moved = action === "priority" ? `from ${before} to ${value}` : null;
  const words = [moved, reason ?? null].filter((part) => part !== null);
  return words.length === 0 ? null : words.join(": ");
}

const tooLate = (action: string, { run_id: runId, status }: Pick<Manifest, "run_id" | "status">) =>
  new MlError("conflict", `${action} of run \`${runId}\` comes too late: it is ${status}`, {
    hint: isFinal(status)
      ? `\`ml requeue ${runId}\` queues it again`
      : `only what waits is held or moved; \`ml cancel ${runId}\` stops it`,
  });

/**
 * Throws `conflict` where a run waits no more: before any of them is changed, or, where it started at this very moment,
 * after the others were.
 */
export async function changeWaiting(
  context: Context,
  records: readonly RunRecord[],
  { action, field, value, reason = null, queue }: WaitingChange,
): Promise<Manifest[]> {
  const started = records.find((record) => record.status !== "queued");
  if (started !== undefined) throw tooLate(action, started);
  const before = [...new Set(records.map((record) => record.priority))].join(", ");
  const runIds = records.map((record) => record.run_id);
  const entry = { at: isoTime(context.clock.nowMs()), by: context.asker.user, field, value, reason };
  const manifests = await changeTogether(context.base, runIds, { entry });
  const changed = manifests.filter((manifest) => manifest.status === "queued").map((manifest) => manifest.run_id);
  await context.queue.update(changed, queue).catch(() => context.feeder.refill());
  context.catalog.insert(manifests);
  for (const runId of runIds) context.hub.changed(runId);
  context.pokeWorker();
  context.audit.note(context.asker, { action, runs: changed, detail: detailOf({ action, value, reason }, before) });
  const late = manifests.find((manifest) => manifest.status !== "queued");
  if (late !== undefined) throw tooLate(action, late);
  return manifests;
}
