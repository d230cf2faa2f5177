/**
 * Answers when all runs have ended, or one of them, or after a while: then ask again. Where a run that failed is tried again,
 * the next attempt stands in its place: what is waited for is what comes of it.
 */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import type { RunRecord } from "../../run/run-record.ts";
import { isFinal } from "../../run/status.ts";
import { isSealed } from "../../run/store.ts";
import type { Context } from "../context.ts";
import { idsOf } from "../owned.ts";
import { summarise } from "../summary.ts";

/** The last attempt that there is by now, and whether it has ended for good. */
function lastAttempt({ catalog, base }: Context, runId: string): { record: RunRecord; done: boolean } {
  const record = catalog.get(runId);
  if (record === null) throw new MlError("not_found", `run \`${runId}\` was deleted while it was waited for`);
  if (!isFinal(record.status)) return { record, done: false };
  let last = record;
  for (;;) {
    if (last.retried_as === null) return { record: last, done: isFinal(last.status) };
    const next = catalog.get(last.retried_as);
    // Before the seal the next attempt is about to be made; after it, somebody has deleted it.
    if (next === null) return { record: last, done: isSealed(base.run(last.run_id)) };
    last = next;
  }
}

export async function runWait(context: Context, body: ParsedBody<"run.wait">): Promise<Reply<"run.wait">> {
  const runIds = idsOf(context, body.runs);
  const deadline = performance.now() + body.timeout_ms;
  for (;;) {
    const attempts = runIds.map((runId) => lastAttempt(context, runId));
    const done = body.any ? attempts.some((each) => each.done) : attempts.every((each) => each.done);
    const leftMs = deadline - performance.now();
    if (done || leftMs <= 0) {
      const options = { ...context, nowMs: context.clock.nowMs };
      return {
        done,
        runs: attempts.map(({ record }) => summarise(record, options)),
        ended: attempts.flatMap((each) => (each.done ? [each.record.run_id] : [])),
      };
    }
    await context.hub.nextChange(leftMs);
  }
}
