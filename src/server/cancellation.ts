/**
 * Ending a run on somebody's wish. One that waits is cancelled in its manifest, whose lock decides against a worker
 * that takes it at the same moment; one that has started gets a stop request, on which its worker acts now or when it
 * is back. Whatever races, one terminal state comes out.
 */

import { isoTime } from "../core/clock.ts";
import { writeDurable } from "../core/durable.ts";
import { messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { appendHistory } from "../run/history.ts";
import type { Manifest } from "../run/manifest.ts";
import type { RunRecord } from "../run/run-record.ts";
import { sealRun } from "../run/seal.ts";
import { isFinal, type Status } from "../run/status.ts";
import { changeManifest, requireManifest } from "../run/store.ts";
import { changeTogether, inTurn } from "./change-together.ts";
import type { Services } from "./context.ts";

export interface Wish {
  by: string;
  /** Skips the grace between SIGTERM and SIGKILL. */
  now: boolean;
  reason: string | null;
}

export interface Ended {
  status: Status;
  stopping: boolean;
}

function toCancelled(manifest: Manifest, at: string, { by, reason }: Wish): boolean {
  if (manifest.status !== "queued") return false;
  manifest.status = "cancelled";
  manifest.ended_at = at;
  manifest.cancelled = { by, reason };
  return true;
}

/** Cancels a run that waits; says what it is now. */
async function cancelWaiting(services: Services, runId: string, wish: Wish): Promise<Status> {
  const paths = services.base.run(runId);
  const at = isoTime(services.clock.nowMs());
  appendHistory(paths, { at, by: wish.by, field: "status", value: "cancelled", reason: wish.reason });
  fault("server/after-history");
  const { status } = changeManifest(paths, (manifest) => toCancelled(manifest, at, wish));
  if (status === "cancelled") {
    await services.queue.remove([runId]).catch(() => []);
    void sealUnstarted(services, runId);
  }
  return status;
}

/** No worker will ever take it, so it is sealed here; where that fails, by the next worker that starts. */
async function sealUnstarted(services: Services, runId: string): Promise<void> {
  try {
    await sealRun(services.base.run(runId));
    services.hub.changed(runId);
  } catch (cause) {
    services.log.say("warn", "sealing a cancelled run waits for the next start", { run: runId, why: messageOf(cause) });
  }
}

function requestStop(services: Services, runId: string, wish: Wish): void {
  const paths = services.base.run(runId);
  const before = readJsonFile(paths.stopRequest) as { now?: boolean } | null;
  if (before !== null && (before.now === true || !wish.now)) return;
  const { grace_seconds } = requireManifest(paths).launch;
  const request = {
    by: wish.by,
    at: isoTime(services.clock.nowMs()),
    now: wish.now,
    reason: wish.reason,
    grace_seconds,
  };
  if (before === null)
    appendHistory(paths, { at: request.at, by: wish.by, field: "status", value: "cancelled", reason: wish.reason });
  writeDurable(paths.stopRequest, `${JSON.stringify(request)}\n`);
}

/** Ends one run, whatever it is doing; idempotent. A final run stays what it is. */
export async function endRun(services: Services, record: RunRecord, wish: Wish): Promise<Ended> {
  const runId = record.run_id;
  let { status } = requireManifest(services.base.run(runId));
  if (status === "queued") status = await cancelWaiting(services, runId, wish);
  if (isFinal(status)) {
    services.hub.changed(runId);
    return { status, stopping: false };
  }
  requestStop(services, runId, wish);
  // The run may have gone back into the line, or have ended, while the request was written.
  status = requireManifest(services.base.run(runId)).status;
  if (status === "queued") status = await cancelWaiting(services, runId, wish);
  services.pokeWorker();
  services.hub.changed(runId);
  return { status, stopping: !isFinal(status) };
}

/** Cancels runs that wait, together. Gives those that were cancelled; a worker may have taken others meanwhile. */
async function cancelWaitingTogether(services: Services, runIds: readonly string[], wish: Wish): Promise<Set<string>> {
  const at = isoTime(services.clock.nowMs());
  const value = "cancelled" as const;
  const manifests = await changeTogether(services.base, runIds, {
    entry: { at, by: wish.by, field: "status", value, reason: wish.reason },
    also: (manifest) => toCancelled(manifest, at, wish),
  });
  services.catalog.insert(manifests);
  const cancelled = manifests.flatMap((manifest) => (manifest.status === value ? [manifest.run_id] : []));
  // The manifests decide: a worker that takes one of them now lets go of it.
  await services.queue.remove(cancelled).catch(() => []);
  void inTurn(cancelled, (runId) => sealUnstarted(services, runId));
  return new Set(cancelled);
}

/** As `endRun` for each of them; those that wait are cancelled together. In the order of `records`. */
export async function endRuns(services: Services, records: readonly RunRecord[], wish: Wish): Promise<Ended[]> {
  const waiting = records.flatMap(({ run_id: runId, status }) => (status === "queued" ? [runId] : []));
  const cancelled = waiting.length > 1 ? await cancelWaitingTogether(services, waiting, wish) : new Set<string>();
  for (const runId of cancelled) services.hub.changed(runId);
  const ended: Ended[] = [];
  for (const record of records) {
    if (cancelled.has(record.run_id)) ended.push({ status: "cancelled", stopping: false });
    else ended.push(await endRun(services, record, wish));
  }
  return ended;
}

/** A run that waits although somebody wanted it stopped: its worker gave it back before it started. */
export function endIfWanted(services: Services, record: RunRecord): void {
  if (record.status !== "queued") return;
  const request = readJsonFile(services.base.run(record.run_id).stopRequest) as { by?: string } | null;
  if (request === null) return;
  const wish = { by: request.by ?? "?", now: true, reason: null };
  void cancelWaiting(services, record.run_id, wish).then(
    () => services.hub.changed(record.run_id),
    (cause) => services.log.say("warn", "late cancel failed", { run: record.run_id, why: String(cause) }),
  );
}
