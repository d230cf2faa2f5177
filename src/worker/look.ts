/**
 * Looks at the waiting line and claims what may start now. Who that is is schedule/'s to say; the door may be closed by
 * quiet hours, a full disk, whatever else stands in `shop.door`, or by trouble a moment ago.
 */
import * as fs from "node:fs";
import { messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import type { WaitingEntry } from "../queue/port.ts";
import { plan, type Start } from "../schedule/plan.ts";
import { lookAtAside } from "./aside.ts";
import { freeCapacity, goOn, newLiveRun, type Shop } from "./shop.ts";
import { lostParent, skipRun } from "./skip.ts";
import { startRun } from "./start.ts";

/** Longer than any preparation between two renewals; a worker that dies is missed for so long at most. */
export const leaseMs = 30_000;

/** True where nothing may start for want of disk space; says so in the problems. */
function diskIsLow(shop: Shop): boolean {
  const floorMb = shop.settings.diskFloorMb;
  if (floorMb <= 0) return false;
  try {
    const { bavail, bsize } = fs.statfsSync(shop.base.runs);
    const freeMb = Math.floor((bavail * bsize) / 1e6);
    if (freeMb >= floorMb) {
      shop.problems.delete("disk");
      return false;
    }
    shop.problems.set(
      "disk",
      `the disk of ${shop.base.base} has ${freeMb} MB left, less than disk_floor_mb (${floorMb}): no run starts`,
    );
  } catch (cause) {
    shop.problems.set("disk", `the disk of ${shop.base.base} cannot be looked at: ${messageOf(cause)}`);
  }
  return true;
}

async function settleLeftOvers(shop: Shop): Promise<void> {
  for (const [runId, claim] of shop.unsettled) {
    await shop.queue.settle(claim);
    shop.unsettled.delete(runId);
  }
}

/** Quiet hours and a full disk close the door like everything else that is in `shop.door`. */
function lookAtDoor(shop: Shop): void {
  lookAtAside(shop);
  if (!diskIsLow(shop)) shop.door.delete("disk");
  else shop.door.set("disk", { why: shop.problems.get("disk") ?? "the disk is full", untilMs: null });
  const untilMs = shop.planning.quietUntilMs();
  if (untilMs === null) shop.door.delete("quiet");
  else shop.door.set("quiet", { why: "these are quiet hours", untilMs });
}

/** Where nothing could start and nothing has changed since, the same plan is not made again before this. */
const replanMs = 5000;

/** True where a plan made now would be the one made a moment ago, which started nothing. */
function isSettled(shop: Shop): boolean {
  const key = `${shop.line.version}/${shop.prewarmer?.changes ?? 0}/${shop.venvs?.changes ?? 0}/${JSON.stringify(freeCapacity(shop))}`;
  const nowMs = shop.clock.monotonicMs();
  if (shop.idlePlan?.key === key && nowMs - shop.idlePlan.atMs < replanMs) return true;
  shop.idlePlan = { key, atMs: nowMs };
  return false;
}

/** Ends what waits for a success that will not come. */
async function skipLost(shop: Shop, entries: readonly WaitingEntry[]): Promise<void> {
  const skipped = new Set<string>();
  for (const entry of entries) {
    if (entry.facts.terms.after_ok.length === 0) continue;
    const reason = lostParent(entry, (runId) => shop.planning.parentOf(runId));
    if (reason === null) continue;
    await skipRun(shop, entry, reason);
    skipped.add(entry.runId);
  }
  shop.line.strike(skipped);
}

/** One look. Throws nothing; trouble with the queue becomes a problem. */
export async function look(shop: Shop): Promise<void> {
  if (shop.draining || shop.closing || shop.clock.monotonicMs() < shop.notBeforeMs) return;
  try {
    if (shop.unsettled.size > 0) await settleLeftOvers(shop);
    lookAtDoor(shop);
    if (shop.door.size > 0 || freeCapacity(shop).slots < 1) return;
    const entries = await shop.line.entries();
    shop.problems.delete("queue");
    if (entries.length === 0 || isSettled(shop)) return;
    shop.planning.forgetLiveParents();
    await skipLost(shop, entries);
    await startSome(shop);
  } catch (cause) {
    shop.problems.set("queue", `the queue cannot be reached: ${messageOf(cause)}`);
  }
}

async function startSome(shop: Shop): Promise<void> {
  const entries = await shop.line.entries();
  const unknown = entries.filter((entry) => !shop.live.has(entry.runId) && !shop.unsettled.has(entry.runId));
  const { starts } = plan(shop.planning.state(unknown, shop.line.version));
  if (starts.length > 0) shop.idlePlan = null;
  const taken = new Set<string>();
  try {
    for (const start of starts) {
      taken.add(start.entry.runId);
      await take(shop, start);
    }
  } finally {
    shop.line.strike(taken);
  }
}

async function take(shop: Shop, { entry, placement }: Start<WaitingEntry>): Promise<void> {
  const claim = await shop.queue.claim(entry.runId, shop.name, leaseMs);
  if (claim === null) return;
  if (shop.closing) {
    await shop.queue.giveBack(claim);
    return;
  }
  fault("worker/after-claim");
  shop.problems.delete("start");
  const run = newLiveRun(shop.base.run(entry.runId), entry.requested, claim);
  run.placement = placement;
  run.about = { user: entry.user, startedAtMs: shop.clock.nowMs(), facts: entry.facts };
  shop.live.set(entry.runId, run);
  goOn(shop, startRun(shop, run, claim));
}

/** Renews the claims of what is being prepared; a claim that is gone stops the preparation. Throws nothing. */
export async function renewClaims(shop: Shop): Promise<void> {
  for (const run of shop.live.values()) {
    if (run.phase !== "preparing" || run.claim === null) continue;
    try {
      if (!(await shop.queue.renew(run.claim, leaseMs))) run.claimLost = true;
    } catch {
      // The queue is away; the token in the claim record decides.
    }
  }
}
