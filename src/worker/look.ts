/**
 * Looks at the waiting line and claims what may start now. Order and fit are schedule/'s; the door may be closed by a full
 * disk or by trouble a moment ago, and then the heartbeat says so.
 */
import * as fs from "node:fs";
import { messageOf } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import type { WaitingEntry } from "../queue/port.ts";
import { type Chosen, choose } from "../schedule/fit.ts";
import { inOrder } from "../schedule/order.ts";
import { freeCapacity, goOn, newLiveRun, type Shop } from "./shop.ts";
import { startRun } from "./start.ts";

/** Longer than any preparation between two renewals; a worker that dies is missed for so long at most. */
export const leaseMs = 30_000;
/** So many entries are considered at a time. */
const window = 200;

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

/** One look. Throws nothing; trouble with the queue becomes a problem. */
export async function look(shop: Shop): Promise<void> {
  if (shop.draining || shop.closing || shop.clock.monotonicMs() < shop.notBeforeMs) return;
  try {
    if (shop.unsettled.size > 0) await settleLeftOvers(shop);
    if (freeCapacity(shop).slots < 1 || diskIsLow(shop) || shop.door.size > 0) return;
    const waiting = await shop.queue.waiting(window, false);
    const unknown = waiting.filter((entry) => !shop.live.has(entry.runId) && !shop.unsettled.has(entry.runId));
    for (const chosen of choose(inOrder(unknown), freeCapacity(shop))) await take(shop, chosen);
    shop.problems.delete("queue");
  } catch (cause) {
    shop.problems.set("queue", `the queue cannot be reached: ${messageOf(cause)}`);
  }
}

async function take(shop: Shop, { entry, placement }: Chosen<WaitingEntry>): Promise<void> {
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
