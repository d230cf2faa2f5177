/**
 * What fits: CPU slots and GPU count as simple resources. Pure. `canEver` asks about the whole machine, `fitsNow`
 * about what is free; `choose` picks what may start now without letting a later entry delay the head of the line.
 */
import type { Requested } from "../run/manifest.ts";

export interface Capacity {
  cpuCores: number;
  gpus: number;
  /** Bytes → gigabytes (10^9), as in the manifest. */
  ramGb: number;
  /** How many runs at a time, whatever they ask for. */
  slots: number;
}

export function fitsNow(requested: Requested, free: Capacity): boolean {
  return (
    free.slots >= 1 &&
    requested.cpu_cores <= free.cpuCores &&
    requested.gpus <= free.gpus &&
    (requested.ram_gb ?? 0) <= free.ramGb
  );
}

/** Null where the request could run on an empty machine; else one sentence that says what is too much. */
export function cannotEver(requested: Requested, total: Capacity): string | null {
  if (requested.gpus > total.gpus) {
    const asked = requested.gpus === 1 ? "a GPU" : `${requested.gpus} GPUs`;
    return `it asks for ${asked} and the machine has ${total.gpus === 0 ? "none" : total.gpus}`;
  }
  if (requested.cpu_cores > total.cpuCores) {
    return `it asks for ${requested.cpu_cores} CPU cores and the machine has ${total.cpuCores}`;
  }
  if ((requested.ram_gb ?? 0) > total.ramGb) {
    return `it asks for ${requested.ram_gb} GB of RAM and the machine has ${total.ramGb.toFixed(1)} GB`;
  }
  return null;
}

export function minus(free: Capacity, requested: Requested): Capacity {
  return {
    cpuCores: free.cpuCores - requested.cpu_cores,
    gpus: free.gpus - requested.gpus,
    ramGb: free.ramGb - (requested.ram_gb ?? 0),
    slots: free.slots - 1,
  };
}

/**
 * Entries (in order) that may start now. The first that does not fit blocks everything behind it that would use any
 * resource that it waits for: a later entry may use only what the head does not need.
 */
export function choose<T extends { requested: Requested }>(ordered: readonly T[], free: Capacity): T[] {
  const chosen: T[] = [];
  let left = free;
  for (const entry of ordered) {
    if (left.slots < 1) break;
    if (fitsNow(entry.requested, left)) {
      chosen.push(entry);
      left = minus(left, entry.requested);
      continue;
    }
    const head = entry.requested;
    left = {
      cpuCores: Math.max(0, left.cpuCores - head.cpu_cores),
      gpus: Math.max(0, left.gpus - head.gpus),
      ramGb: Math.max(0, left.ramGb - (head.ram_gb ?? 0)),
      slots: left.slots - 1,
    };
  }
  return chosen;
}
