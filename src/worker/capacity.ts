/** What this machine has to hand out, where the settings do not say: cores, memory, GPUs as the kernel's drivers list them. */
import * as fs from "node:fs";
import { availableParallelism } from "node:os";
import { type Capacity, plainCards } from "../schedule/fit.ts";

/** Gigabytes (10^9) of memory by /proc/meminfo; null where unknown. */
export function memoryGb(): number | null {
  try {
    const match = /^MemTotal:\s+(\d+) kB$/m.exec(fs.readFileSync("/proc/meminfo", "utf8"));
    return match ? (Number(match[1]) * 1024) / 1e9 : null;
  } catch {
    return null;
  }
}

/** How many NVIDIA GPUs the driver lists; asks no tool, because a tool can hang with the driver. */
export function gpuCount(root = "/"): number {
  try {
    return fs.readdirSync(`${root}proc/driver/nvidia/gpus`).length;
  } catch {
    return 0;
  }
}

/** Whole gigabytes of the disk under a folder, all and free; null where it cannot be looked at. */
export function diskGb(folder: string): { total: number; free: number } | null {
  try {
    const { blocks, bavail, bsize } = fs.statfsSync(folder);
    return { total: Math.floor((blocks * bsize) / 1e9), free: Math.floor((bavail * bsize) / 1e9) };
  } catch {
    return null;
  }
}

/** Capacity from settings, filled up from the machine. */
export function detectCapacity(
  settings: {
    slots: number | null;
    cpu_cores: number | null;
    gpus: number | null;
  },
  /** Where runs are kept. */
  folder: string,
): Capacity {
  const cores = availableParallelism();
  return {
    slots: Math.max(1, Math.floor(settings.slots ?? cores)),
    cpuCores: settings.cpu_cores ?? cores,
    ramGb: memoryGb(),
    diskGb: diskGb(folder)?.total ?? null,
    cards: plainCards(Math.max(0, Math.floor(settings.gpus ?? gpuCount()))),
  };
}
