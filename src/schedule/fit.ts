/**
 * What fits: slots, CPU cores, RAM, disk, and GPUs as cards that are held whole or in parts by memory. Pure: it knows no
 * clock and no machine. `place` says which cards a request would get now, or what it lacks and who has it; `minus` and
 * `plus` take and give back a placement; `cannotEver` asks about the empty machine.
 *
 * A request for GPUs without `gpu_memory_gb` wants whole cards. With it, it wants that much of each card and shares the
 * rest: what was asked for is taken from the moment of the placement, whatever the run uses so far. Gigabytes are 10^9
 * bytes, as in the manifest; null is unknown, and what is unknown limits nothing but the sharing of a card.
 */
import type { Requested } from "../run/manifest.ts";

export interface Card {
  /** The driver's UUID (`GPU-…`, `MIG-…`); its index as text where no UUID is known. */
  id: string;
  index: number;
  memoryGb: number | null;
  /** What of it is handed out in parts: all but the headroom. */
  shareableGb: number | null;
  /** What of that is left; below zero where one run needs the headroom too and has the card for itself. */
  freeMemoryGb: number | null;
  /** The runs that hold it or a part of it. */
  sharers: readonly string[];
  /** One sentence where nobody may have it now (somebody outside uses it, it is lost …). */
  blocked: string | null;
}

/** What a machine has when it is empty. */
export interface Capacity {
  /** How many runs at a time, whatever they ask for. */
  slots: number;
  cpuCores: number;
  ramGb: number | null;
  diskGb: number | null;
  cards: readonly Card[];
}

/** The same, as far as it is free now. */
export type Free = Capacity;

export interface Placement {
  /** What of each card: null is the whole. */
  cards: readonly { id: string; index: number; memoryGb: number | null }[];
}

export type Resource = "slots" | "gpus" | "gpu_memory" | "cpu_cores" | "ram" | "disk";

/** A resource of which a request cannot be given enough now. */
export interface Lack {
  lacks: Resource;
  wanted: number;
  free: number;
  /** Runs that hold it, where cards are lacking; empty for what has no single holder. */
  heldBy: readonly string[];
  /** Sentences of cards that nobody may have now. */
  blocked: readonly string[];
}

export const isPlacement = (found: Placement | Lack): found is Placement => "cards" in found;

/** Cards of which nothing but their number is known. */
export function plainCards(count: number): Card[] {
  return Array.from({ length: count }, (_, index) => emptyCard({ id: String(index), index, memoryGb: null }));
}

/** A card that nobody holds; `headroom` is the share of its memory that is never handed out in parts. */
export function emptyCard(card: Pick<Card, "id" | "index" | "memoryGb">, headroom = 0): Card {
  const shareableGb = card.memoryGb === null ? null : card.memoryGb * (1 - headroom);
  return { ...card, shareableGb, freeMemoryGb: shareableGb, sharers: [], blocked: null };
}

/** Whether this card, as it is, can give what is asked of each card. A whole empty card serves a part of any size. */
function serves(card: Card, wantedGb: number | null): boolean {
  if (card.blocked !== null) return false;
  if (card.sharers.length === 0) return wantedGb === null || card.memoryGb === null || wantedGb <= card.memoryGb;
  return wantedGb !== null && card.freeMemoryGb !== null && wantedGb <= card.freeMemoryGb;
}

/** Shared cards first, the fullest of them first, so that whole cards stay whole; then the smallest that does. */
function byTightness(a: Card, b: Card): number {
  const shared = Number(b.sharers.length > 0) - Number(a.sharers.length > 0);
  return shared || (a.freeMemoryGb ?? Infinity) - (b.freeMemoryGb ?? Infinity) || a.index - b.index || 0;
}

function cardLack(requested: Requested, free: Free, serving: number): Lack {
  const { gpus, gpu_memory_gb: wantedGb } = requested;
  const unserving = free.cards.filter((card) => !serves(card, wantedGb));
  const ample = unserving.filter((card) => wantedGb === null || card.memoryGb === null || wantedGb <= card.memoryGb);
  const heldBy = [...new Set(ample.flatMap((card) => card.sharers))];
  const blocked = ample.flatMap((card) => card.blocked ?? []);
  if (wantedGb === null || gpus > 1) return { lacks: "gpus", wanted: gpus, free: serving, heldBy, blocked };
  const most = Math.max(0, ...free.cards.map((card) => (card.blocked === null ? (card.freeMemoryGb ?? 0) : 0)));
  return { lacks: "gpu_memory", wanted: wantedGb, free: most, heldBy, blocked };
}

/** What of one resource is asked for and left; null where there is enough of it, or nobody knows. */
function shortOf(lacks: Exclude<Resource, "gpus" | "gpu_memory">, requested: Requested, free: Free): Lack | null {
  const [wanted, left] = {
    slots: [1, free.slots],
    cpu_cores: [requested.cpu_cores, free.cpuCores],
    ram: [requested.ram_gb, free.ramGb],
    disk: [requested.disk_gb, free.diskGb],
  }[lacks];
  if (wanted == null || left == null || wanted <= left) return null;
  return { lacks, wanted, free: Math.max(0, left), heldBy: [], blocked: [] };
}

/** Which cards the request gets, or a resource that it lacks. */
export function place(requested: Requested, free: Free): Placement | Lack {
  const { gpus, gpu_memory_gb: wantedGb } = requested;
  for (const resource of ["slots", "cpu_cores", "ram", "disk"] as const) {
    const lack = shortOf(resource, requested, free);
    if (lack !== null) return lack;
  }
  if (gpus === 0) return { cards: [] };
  const serving = free.cards.filter((card) => serves(card, wantedGb));
  if (serving.length < gpus) return cardLack(requested, free, serving.length);
  const chosen = serving.sort(byTightness).slice(0, gpus);
  const cards = chosen
    .sort((a, b) => a.index - b.index)
    .map(({ id, index, memoryGb }) => ({ id, index, memoryGb: memoryGb === null ? null : wantedGb }));
  return { cards };
}

/** Everything that a request lacks, the scarcest first; a core that would come with the slot is not named beside it. */
export function lacksOf(requested: Requested, free: Free): Lack[] {
  const serving = free.cards.filter((card) => serves(card, requested.gpu_memory_gb)).length;
  const cards = serving < requested.gpus ? cardLack(requested, free, serving) : null;
  const slot = shortOf("slots", requested, free);
  const cores = slot !== null && requested.cpu_cores <= 1 ? null : shortOf("cpu_cores", requested, free);
  return [cards, shortOf("ram", requested, free), shortOf("disk", requested, free), cores, slot].filter(
    (lack) => lack !== null,
  );
}

export interface Holding {
  runId: string;
  requested: Requested;
  placement: Placement;
}

const less = (left: number | null, taken: number | null) => (left === null ? null : left - (taken ?? 0));

/** One sign for taking, the other for giving back: what the one does the other undoes exactly. */
function change(free: Free, { runId, requested, placement }: Holding, sign: 1 | -1): Free {
  const parts = new Map(placement.cards.map((part) => [part.id, part.memoryGb]));
  const cards = free.cards.map((card) => {
    const part = parts.get(card.id);
    if (part === undefined) return card;
    const sharers = sign === 1 ? [...card.sharers, runId] : card.sharers.filter((sharer) => sharer !== runId);
    return { ...card, sharers, freeMemoryGb: less(card.freeMemoryGb, sign * (part ?? card.shareableGb ?? 0)) };
  });
  return {
    slots: free.slots - sign,
    cpuCores: free.cpuCores - sign * requested.cpu_cores,
    ramGb: less(free.ramGb, sign * (requested.ram_gb ?? 0)),
    diskGb: less(free.diskGb, sign * (requested.disk_gb ?? 0)),
    cards: parts.size === 0 ? free.cards : cards,
  };
}

/** What is free once a run holds its placement. */
export const minus = (free: Free, holding: Holding): Free => change(free, holding, 1);

/** What is free once a run has given its placement back. */
export const plus = (free: Free, holding: Holding): Free => change(free, holding, -1);

const gigabytes = (value: number) => `${Number(value.toFixed(1))} GB`;

/** Null where the request could run on an empty machine; else one sentence that says what is too much, and the most there is. */
export function cannotEver(requested: Requested, capacity: Capacity): string | null {
  const { gpus, gpu_memory_gb: memoryGb, cpu_cores: cores, ram_gb: ramGb, disk_gb: diskGb } = requested;
  const { cards } = capacity;
  if (gpus > cards.length) {
    const asked = gpus === 1 ? "a GPU" : `${gpus} GPUs`;
    return `it asks for ${asked} and the machine has ${cards.length === 0 ? "none" : cards.length}`;
  }
  if (gpus > 0 && memoryGb !== null) {
    const enough = cards.filter((card) => card.memoryGb === null || memoryGb <= card.memoryGb);
    const most = Math.max(0, ...cards.map((card) => card.memoryGb ?? 0));
    if (enough.length === 0) {
      return `it asks for ${gigabytes(memoryGb)} of GPU memory and the largest GPU has ${gigabytes(most)}`;
    }
    if (enough.length < gpus) {
      const have = enough.length === 1 ? "only 1 GPU has" : `only ${enough.length} GPUs have`;
      return `it asks for ${gpus} GPUs with ${gigabytes(memoryGb)} each and ${have} as much`;
    }
  }
  if (cores > capacity.cpuCores) {
    return `it asks for ${cores} CPU cores and the machine has ${capacity.cpuCores}`;
  }
  if (ramGb !== null && capacity.ramGb !== null && ramGb > capacity.ramGb) {
    return `it asks for ${gigabytes(ramGb)} of RAM and the machine has ${gigabytes(capacity.ramGb)}`;
  }
  if (diskGb !== null && capacity.diskGb !== null && diskGb > capacity.diskGb) {
    return `it asks for ${gigabytes(diskGb)} of disk and the machine has ${gigabytes(capacity.diskGb)}`;
  }
  return null;
}

/**
 * What is free for those behind a head that does not fit: a later entry may use only what the head does not need. Of the
 * cards those are set apart that the head could have soonest: all that serve it now, then the emptiest.
 */
export function without(free: Free, head: Requested): Free {
  const { gpus, gpu_memory_gb: wantedGb } = head;
  const rank = (card: Card) => (serves(card, wantedGb) ? 0 : card.blocked === null ? 1 : 2);
  const apart = new Set(
    [...free.cards]
      .sort((a, b) => rank(a) - rank(b) || a.sharers.length - b.sharers.length || a.index - b.index)
      .slice(0, gpus)
      .map((card) => card.id),
  );
  return {
    slots: free.slots - 1,
    cpuCores: Math.max(0, free.cpuCores - head.cpu_cores),
    ramGb: free.ramGb === null ? null : Math.max(0, free.ramGb - (head.ram_gb ?? 0)),
    diskGb: free.diskGb === null ? null : Math.max(0, free.diskGb - (head.disk_gb ?? 0)),
    cards: free.cards.filter((card) => !apart.has(card.id)),
  };
}
