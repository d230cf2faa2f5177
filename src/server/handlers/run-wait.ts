/** Answers when all runs have ended, or after a while: then ask again. */
import { MlError } from "../../core/error.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { isFinal } from "../../run/status.ts";
import type { Context } from "../context.ts";
import { idsOf } from "../owned.ts";
import { summarise } from "../summary.ts";

export async function runWait(context: Context, body: ParsedBody<"run.wait">): Promise<Reply<"run.wait">> {
  const runIds = idsOf(context, body.runs);
  const deadline = performance.now() + body.timeout_ms;
  for (;;) {
    const records = runIds.map((runId) => {
      const record = context.catalog.get(runId);
      if (record === null) throw new MlError("not_found", `run \`${runId}\` was deleted while it was waited for`);
      return record;
    });
    const done = records.every((record) => isFinal(record.status));
    const leftMs = deadline - performance.now();
    if (done || leftMs <= 0) {
      const options = { ...context, nowMs: context.clock.nowMs };
      return { done, runs: records.map((record) => summarise(record, options)) };
    }
    await context.hub.nextChange(leftMs);
  }
}
