/** The worker in the server's own process: the usual set-up of one machine. It tells the hub at once what changes. */
import { hostname } from "node:os";
import { MlError } from "../core/error.ts";
import { localZone } from "../core/hours.ts";
import { policyOf } from "../schedule/policy.ts";
import { openMachine } from "../worker/open-machine.ts";
import { startWorker } from "../worker/worker.ts";
import type { Services } from "./context.ts";

export interface LocalWorker {
  poke(): void;
  takeOver(runIds: readonly string[]): void;
  /** Leaves running scripts alone. */
  close(): Promise<void>;
}

/** Null where a worker of that name runs already in a process of its own: then that one does the work. */
export async function startLocalWorker(services: Services): Promise<LocalWorker | null> {
  const { base, state, queue, settings, catalog, clock, hub, log } = services;
  const name = settings.worker_name ?? hostname();
  try {
    const worker = await startWorker({
      base,
      state,
      queue,
      name,
      ...openMachine({ settings, base, state, name, env: process.env }),
      policy: policyOf(settings, localZone),
      clock,
      unended: catalog.liveIds(),
      onChange: (runId) => hub.changed(runId),
    });
    return { poke: () => worker.poke(), takeOver: (runIds) => worker.takeOver(runIds), close: () => worker.stop() };
  } catch (cause) {
    if (!(cause instanceof MlError) || cause.code !== "conflict") throw cause;
    log.say("info", "a worker of this name runs already; this server only serves", { name });
    return null;
  }
}
