/**
 * Stops a sweep whose aim was reached: once a completed run meets `stop_if`, what still waits is cancelled and the record
 * says by which run. What runs already goes on.
 */
import { isoTime } from "../core/clock.ts";
import { messageOf } from "../core/error.ts";
import type { RunRecord } from "../run/run-record.ts";
import { requireManifest } from "../run/store.ts";
import { readSweep, writeSweep } from "../sweep/record.ts";
import { endRuns } from "./cancellation.ts";
import type { Services } from "./context.ts";
import { meetsExpectation } from "./expectation.ts";

/** What is being looked at, by sweep: several runs may end at once, and each is looked at in its turn. */
const looking = new Map<string, Promise<void>>();

async function look(services: Services, record: RunRecord, sweepId: string): Promise<void> {
  const sweep = readSweep(services.base, sweepId);
  if (sweep === null || sweep.stop_if === null || sweep.state !== "active") return;
  const manifest = requireManifest(services.base.run(record.run_id));
  const nowMs = services.clock.nowMs();
  if (!(await meetsExpectation(services.base.run(record.run_id), manifest, { text: sweep.stop_if, nowMs }))) return;
  sweep.state = "reached";
  sweep.reason = `run ${record.run_id} met \`${sweep.stop_if}\``;
  writeSweep(services.base, sweep, { at: isoTime(nowMs), by: "ml", action: "stop", reason: sweep.reason });
  const waiting = services.catalog
    .list({ group: sweep.name, status: ["queued"], limit: 100_000 })
    .filter((run) => run.sweep?.id === sweepId);
  await endRuns(services, waiting, { by: sweep.user, now: false, reason: sweep.reason });
}

/** Called with each run that was read again; returns at once. */
export function stopIfReached(services: Services, record: RunRecord): void {
  const sweepId = record.sweep?.id;
  if (sweepId === undefined || record.status !== "completed") return;
  const turn = (looking.get(sweepId) ?? Promise.resolve())
    .then(() => look(services, record, sweepId))
    .catch((cause) =>
      services.log.say("warn", "a sweep could not be checked", { sweep: sweepId, why: messageOf(cause) }),
    )
    .finally(() => {
      if (looking.get(sweepId) === turn) looking.delete(sweepId);
    });
  looking.set(sweepId, turn);
}
