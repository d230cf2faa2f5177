/**
 * What a server must know of its runs before it answers, and no more: which there are, those that have not ended, and the newest. An
 * index that is there is believed about runs that ended; late-look.ts looks whether it was right.
 */
import { Catalog, type Synced } from "../catalog/catalog.ts";
import { quarantine } from "../catalog/quarantine.ts";
import { messageOf } from "../core/error.ts";
import { foldLateHistory } from "../run/history.ts";
import type { BasePaths, StatePaths } from "../run/paths.ts";
import type { Log } from "./log.ts";

function openAndSync(open: () => Catalog): { catalog: Catalog; synced: Synced } {
  const catalog = open();
  try {
    return { catalog, synced: catalog.sync(undefined, "ended runs") };
  } catch (cause) {
    catalog.close();
    throw cause;
  }
}

/** The index, up to date but for what it is `lacking`; one that turns out damaged while it is read is made anew. */
export function openCatalog(base: BasePaths, state: StatePaths, log: Log): Catalog {
  const started = performance.now();
  let opened: ReturnType<typeof openAndSync>;
  let replaced: string | null = null;
  try {
    opened = openAndSync(() => Catalog.open(base, state.indexDatabase));
  } catch (cause) {
    opened = openAndSync(() => Catalog.replace(base, state.indexDatabase));
    replaced = messageOf(cause);
  }
  const { catalog, synced } = opened;
  replaced ??= catalog.replaced;
  for (const runId of catalog.liveIds()) if (foldLate(base, runId, log)) catalog.apply(runId);
  catalog.rest();
  if (replaced !== null) log.say("warn", "the index was damaged and is made anew", { why: replaced });
  log.say("info", "index ready", { ...synced, took_ms: Math.round(performance.now() - started) });
  tellOfDamage(catalog, base, log);
  return catalog;
}

/** True where a crash had left a person's change in the history of this run alone; it is in the manifest now. Throws nothing. */
export function foldLate(base: BasePaths, runId: string, log: Log): boolean {
  try {
    return foldLateHistory(base.run(runId));
  } catch (cause) {
    log.say("warn", "history not folded", { run: runId, why: messageOf(cause) });
    return false;
  }
}

/** Names damaged manifests in the log, and keeps copies of them. Throws nothing. */
export function tellOfDamage(catalog: Catalog, base: BasePaths, log: Log): void {
  const damaged = catalog.damaged();
  for (const { run_id, reason } of damaged) log.say("warn", "damaged run", { run: run_id, why: reason });
  try {
    quarantine(base, damaged);
  } catch (cause) {
    log.say("warn", "no copies of damaged manifests could be kept", { why: messageOf(cause) });
  }
}
