/**
 * The workers with what their machines do at this moment. Asking is watching: workers look at their cards and runs for as
 * long as somebody asks now and then, so the first answer waits for a look, a moment at most, and none is waited for long.
 */

import { isoTime } from "../../core/clock.ts";
import type { ParsedBody, Reply } from "../../protocol/requests.ts";
import { markWatched } from "../../worker/watched.ts";
import type { Context } from "../context.ts";
import { summarise } from "../summary.ts";

const patienceMs = 2500;
const stepMs = 50;
/** A look of so long ago is the present. */
const freshMs = 2000;

/** Whether there is anything to wait for: a worker with cards that has not looked at them a moment ago. */
function isBehind(context: Context): boolean {
  const nowMs = context.clock.nowMs();
  return context.workers
    .states()
    .some(
      (worker) =>
        worker.alive &&
        worker.gpu_problem === null &&
        worker.gpus_seen_at !== null &&
        nowMs - Date.parse(worker.gpus_seen_at) > freshMs,
    );
}

export async function workers(context: Context, body: ParsedBody<"workers">): Promise<Reply<"workers">> {
  if (body.watch) {
    markWatched(context.base);
    context.pokeWorker();
    const deadlineMs = context.clock.monotonicMs() + patienceMs;
    while (isBehind(context) && context.clock.monotonicMs() < deadlineMs) await Bun.sleep(stepMs);
  }
  const states = context.workers.states();
  const options = { ...context, nowMs: context.clock.nowMs };
  const held = new Set(states.flatMap((worker) => [...worker.running, ...worker.gpus.flatMap((gpu) => gpu.runs)]));
  const runs = [...held].flatMap((runId) => {
    const record = context.catalog.get(runId);
    return record === null ? [] : [summarise(record, options)];
  });
  return { now: isoTime(context.clock.nowMs()), workers: states, runs };
}
