/**
 * What the machine has to say before anything is started: who uses the cards, how hot and how hungry it is, whether it runs
 * on battery. Called before each look at the line; asks nobody where nothing depends on it.
 */
import { messageOf } from "../core/error.ts";
import { diskGb } from "./capacity.ts";
import type { Shop } from "./shop.ts";
import { isWatched } from "./watched.ts";

/** Whether anything in the line wants a card. */
async function somebodyWantsCards(shop: Shop): Promise<boolean> {
  if (!shop.gpus.any() && shop.gpus.trouble() === null) return false;
  const waiting = await shop.line.entries();
  return waiting.some((entry) => entry.requested.gpus > 0 && !shop.live.has(entry.runId));
}

async function isBusy(shop: Shop): Promise<boolean> {
  return shop.live.size > 0 || (await shop.line.entries()).length > 0;
}

/** Throws nothing; trouble with the queue is said by whoever looks at the line. */
export async function readyMachine(shop: Shop): Promise<void> {
  const { gpus, machineDoor, problems, door } = shop;
  try {
    if (await somebodyWantsCards(shop)) gpus.awaited();
    else if (isWatched(shop.base) || (machineDoor.needsGpus && (await isBusy(shop)))) gpus.need();
  } catch (cause) {
    problems.set("queue", `the queue cannot be reached: ${messageOf(cause)}`);
  }
  if (shop.capacity.diskGb !== null) shop.diskFreeGb = diskGb(shop.base.runs)?.free ?? null;
  const trouble = gpus.trouble();
  if (trouble === null) problems.delete("gpus");
  else problems.set("gpus", trouble);
  const reasons = machineDoor.reasons(gpus.isFresh() ? (gpus.last()?.readings ?? null) : null);
  if (reasons.length === 0) {
    door.delete("machine");
    problems.delete("machine");
    return;
  }
  door.set("machine", { why: reasons.join("; "), untilMs: null });
  problems.set("machine", `${reasons.join("; ")}: no run starts`);
}
