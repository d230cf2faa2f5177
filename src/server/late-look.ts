/**
 * What a start does not wait for: behind the first answers each run folder is looked at. The folders are the truth, and what an index
 * has wrong that was believed about ended runs is read again.
 */
import { readAtStart } from "../catalog/catalog.ts";
import { lookAtAll, readAgain } from "./all-folders.ts";
import type { Services } from "./context.ts";
import { tellOfDamage } from "./open-catalog.ts";

/** Resolves when all has been looked at and read again, or soon after `signal`. Throws what the index and the disk throw. */
export async function lookLate(services: Services, signal: AbortSignal): Promise<void> {
  try {
    await look(services, signal);
  } finally {
    // It has gone through the whole index, and nobody is about to ask for all of that.
    if (!signal.aborted) services.catalog.rest();
  }
}

async function look(services: Services, signal: AbortSignal): Promise<void> {
  const { base, catalog, hub, log, reindexing, feeder } = services;
  // What is being read anew need not be compared.
  await reindexing.whole();
  const started = performance.now();
  const { stale, unsealed } = await lookAtAll({ ...services, signal });
  if (signal.aborted) return;
  log.say("info", "all folders looked at", { stale: stale.length, took_ms: Math.round(performance.now() - started) });
  services.takeOver(unsealed);
  if (stale.length === 0) return;
  if (stale.length > readAtStart) {
    catalog.lacking = stale.length;
    await reindexing.complete();
  } else await readAgain(catalog, stale, { signal, onRead: (runId) => hub.changed(runId) });
  if (signal.aborted) return;
  tellOfDamage(catalog, base, log);
  // One that waits may have been put there by hand.
  await feeder.refill();
}
