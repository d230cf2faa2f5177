/** A placement as the record of a run says it (`resources.assigned`), there and back: after a restart a run holds what it held. */
import type { Manifest } from "../run/manifest.ts";
import type { Capacity, Placement } from "../schedule/fit.ts";

/** `gpu_memory_gb` is the part of each card that is held; null where the cards are held whole. */
export function assignedCards({ cards }: Placement): { gpu_ids: string[]; gpu_memory_gb: number | null } {
  return { gpu_ids: cards.map((card) => card.id), gpu_memory_gb: cards[0]?.memoryGb ?? null };
}

/** A card that the machine has no more keeps its id and has no index (-1). */
export function assignedPlacement({ assigned }: Manifest["resources"], capacity: Capacity): Placement {
  const memoryGb = typeof assigned?.gpu_memory_gb === "number" ? assigned.gpu_memory_gb : null;
  const cards = (assigned?.gpu_ids ?? []).map((id) => {
    const index = capacity.cards.find((card) => card.id === id)?.index ?? -1;
    return { id, index, memoryGb };
  });
  return { cards };
}
