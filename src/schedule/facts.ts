/**
 * Between what a worker tells of itself (run/worker-facts.ts) and what fits (fit.ts): the same numbers in two forms, so
 * that a server can plan and explain with the worker's own functions. Pure.
 */
import type { GpuFacts, ResourceFacts, WorkerFacts } from "../run/worker-facts.ts";
import { type Capacity, type Card, emptyCard, type Free, plainCards } from "./fit.ts";

const rounded = (value: number | null) => (value === null ? null : Math.round(value * 1000) / 1000);

export function resourceFacts(resources: Capacity): ResourceFacts {
  const { slots, cpuCores, ramGb, diskGb, cards } = resources;
  const unheld = cards.filter((card) => card.sharers.length === 0 && card.blocked === null);
  return { slots, cpu_cores: cpuCores, gpus: unheld.length, ram_gb: rounded(ramGb), disk_gb: rounded(diskGb) };
}

/** What a driver said of a card; all of it unknown where nobody asked. */
export type CardReading = Pick<
  GpuFacts,
  "model" | "used_gb" | "utilization" | "temperature_c" | "power_w" | "power_limit_w" | "throttled" | "processes"
>;

export const noReading: CardReading = {
  model: null,
  used_gb: null,
  utilization: null,
  temperature_c: null,
  power_w: null,
  power_limit_w: null,
  throttled: [],
  processes: [],
};

/** What is known of a card. A name made of digits alone is an index, not a UUID. */
export function cardFacts(card: Card, reading: CardReading = noReading): GpuFacts {
  return {
    ...reading,
    id: card.id,
    index: card.index,
    uuid: /^\d+$/.test(card.id) ? null : card.id,
    memory_gb: rounded(card.memoryGb),
    shareable_gb: rounded(card.shareableGb),
    free_memory_gb: card.freeMemoryGb === null ? null : rounded(Math.max(0, card.freeMemoryGb)),
    runs: [...card.sharers],
    busy_with: card.sharers[0] ?? null,
    blocked: card.blocked,
  };
}

function cardsOf(facts: WorkerFacts): Card[] {
  // A worker of an earlier version tells how many it has and no more.
  if (facts.gpus.length === 0) return plainCards(facts.capacity.gpus);
  return facts.gpus.map((gpu) => ({
    id: gpu.id ?? gpu.uuid ?? String(gpu.index),
    index: gpu.index,
    memoryGb: gpu.memory_gb ?? null,
    shareableGb: gpu.shareable_gb ?? null,
    freeMemoryGb: gpu.free_memory_gb ?? null,
    sharers: gpu.runs ?? (gpu.busy_with === null ? [] : [gpu.busy_with]),
    blocked: gpu.blocked ?? null,
  }));
}

const numbers = ({ slots, cpu_cores, ram_gb, disk_gb }: ResourceFacts) => ({
  slots,
  cpuCores: cpu_cores,
  ramGb: ram_gb,
  diskGb: disk_gb,
});

/** What the worker's machine has when it is empty. */
export function capacityOf(facts: WorkerFacts): Capacity {
  const cards = cardsOf(facts).map((card) => ({
    ...emptyCard(card),
    shareableGb: card.shareableGb,
    freeMemoryGb: card.shareableGb,
  }));
  return { ...numbers(facts.capacity), cards };
}

/** What is free there now. */
export function freeOf(facts: WorkerFacts): Free {
  return { ...numbers(facts.free), cards: cardsOf(facts) };
}
