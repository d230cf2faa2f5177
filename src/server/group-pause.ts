/**
 * Pauses an experiment group whose newest runs all fail alike: those of it that still wait are held by the server, with the reason, as a
 * person would hold them. `ml release --group` lets them go on, and what was released once is not held again. Runs
 * that are queued to the group later are not held: they may be the cure. A name of a group is anybody's to use: one person's
 * failures hold that person's runs and nobody else's.
 *
 * Everything is in the run folders (history.jsonl, `launch.held_why`); a crash half-way is made good by the next failure.
 */
import { breathe } from "../core/breathe.ts";
import { isoTime } from "../core/clock.ts";
import { messageOf } from "../core/error.ts";
import { quoteWord } from "../core/shell-quote.ts";
import { readHistory, recordChange, serverName } from "../run/history.ts";
import type { RunRecord } from "../run/run-record.ts";
import { failedAlike } from "../schedule/alike.ts";
import type { Services } from "./context.ts";

/** So many waiting runs of one group are held at once. */
const mostHeld = 10_000;
/** After so many the server sees to others. */
const breathAfter = 20;

/** So many of the newest runs of a group are looked through for those of one person. */
const looked = 60;

const pausing = new Set<string>();

function waitingOf({ catalog }: Services, group: string): RunRecord[] {
  return catalog.list({ status: ["queued"], group, limit: mostHeld });
}

/** Says in `ml status` which groups are paused, and how to go on; called whenever that may have changed. */
export function tellOfGroup(services: Services, group: string): void {
  const held = waitingOf(services, group).filter((record) => record.held && record.held_why !== null);
  const [first] = held;
  const key = `group ${group}`;
  if (first === undefined) {
    services.problems.set(key, null);
    return;
  }
  const runs = held.length === 1 ? "1 run waits" : `${held.length} runs wait`;
  const command = `ml release --group ${quoteWord(group)}`;
  services.problems.set(key, `${first.held_why}: ${runs}; \`${command}\` goes on`);
}

/** All paused groups, at the start of a server. */
export function tellOfGroups(services: Services): void {
  const waiting = services.catalog.list({ status: ["queued"], limit: 100_000 });
  const groups = new Set(waiting.flatMap((record) => (record.held_why === null ? [] : (record.group ?? []))));
  for (const group of groups) tellOfGroup(services, group);
}

function wasReleased(services: Services, runId: string): boolean {
  return readHistory(services.base.run(runId)).some(
    (entry) => entry.field === "launch.held" && entry.by === serverName,
  );
}

async function hold(services: Services, record: RunRecord, why: string): Promise<void> {
  const { base, clock, queue, catalog, hub, feeder } = services;
  const entry = { at: isoTime(clock.nowMs()), by: serverName, field: "launch.held", value: true, reason: why };
  recordChange(base.run(record.run_id), entry);
  await queue.update([record.run_id], { held: true }).catch(() => feeder.refill());
  catalog.apply(record.run_id);
  hub.changed(record.run_id);
}

async function pause(services: Services, { group, user }: { group: string; user: string }, why: string): Promise<void> {
  let held = 0;
  for (const record of waitingOf(services, group)) {
    if (record.user !== user || record.held || wasReleased(services, record.run_id)) continue;
    await hold(services, record, why);
    held += 1;
    if (held % breathAfter === 0) await breathe();
  }
  if (held === 0) return;
  services.log.say("warn", "a group is paused", { group, held });
  tellOfGroup(services, group);
}

/** A run was read again: where it failed, looks at its group. Returns at once. */
export function considerGroup(services: Services, { group, status, user }: RunRecord): void {
  const key = `${user}\n${group}`;
  if (group === null || status !== "failed" || pausing.has(key)) return;
  const limit = services.settings.group_fail_limit;
  const own = services.catalog.past.ofGroup(group, looked + 3 * limit).filter((run) => run.user === user);
  const evidence = failedAlike(own, limit);
  if (evidence === null) return;
  const said = evidence.why === null ? "" : `: ${evidence.why}`;
  const why = `group \`${group}\` is paused, its last ${evidence.runs.length} runs failed alike (${evidence.kind}${said})`;
  pausing.add(key);
  pause(services, { group, user }, why)
    .catch((cause) => services.log.say("warn", "pausing a group failed", { group, why: messageOf(cause) }))
    .finally(() => pausing.delete(key));
}
