/**
 * GPUs as they are at one moment, whoever made them: what each says of itself, and which processes use it. A meter looks
 * while somebody needs to know and costs nothing otherwise. Nothing here is loaded into our process: drivers hang.
 */

/** One device that can be handed out: a card, or a MIG device of one. Null is unknown, or not told by this device. */
export interface GpuReading {
  /** The driver's UUID; the index as text where it has none. */
  id: string;
  index: number;
  /** The physical card: of a MIG device its parent, else the same as `id`. */
  cardId: string;
  model: string | null;
  busId: string | null;
  memoryGb: number | null;
  usedGb: number | null;
  /** 0 to 1: the part of the last moments in which anything ran on it. */
  utilization: number | null;
  temperatureC: number | null;
  powerW: number | null;
  powerLimitW: number | null;
  /** Why it runs slower than it could: `power`, `heat`, `hardware`. */
  throttled: readonly string[];
  /** A counter since an unknown beginning, joules; it may begin again. */
  energyJ: number | null;
  /** One sentence where it cannot be used: lost by the driver, in need of a reset. */
  fault: string | null;
}

/** A process that has memory on a card. */
export interface GpuUse {
  pid: number;
  cardId: string;
  usedGb: number | null;
}

export interface GpuLook {
  /** Monotonic. */
  atMs: number;
  readings: readonly GpuReading[];
  /** Null where this driver does not tell. */
  uses: readonly GpuUse[] | null;
}

export interface GpuMeter {
  vendor: "nvidia" | "amd";
  /** Looks from now on, about once a second; resolves with the first look, or once it is known why there is none. Never rejects. */
  begin(): Promise<void>;
  /** Looks no more; the last look stays. */
  end(): void;
  /** The last look, however old. */
  last(): GpuLook | null;
  /** One sentence where the present state is unknown, and what to do. */
  trouble(): string | null;
  /** Called after each look, and when there is trouble. */
  onLook(listener: () => void): void;
}
