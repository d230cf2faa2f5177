/**
 * The words of nvidia-smi: the rows of `--query-gpu` and `--query-compute-apps` as CSV, and the list of `-L`. Pure. Values
 * that a device does not have are told in many ways (`N/A`, `[Not Supported]`, `[Unknown Error]` …) and are all null.
 * NVIDIA does not promise that this output stays as it is (nvidia-smi(1)); a row of another shape is left out.
 */
import type { GpuReading, GpuUse } from "./gpu.ts";

/** Asked for in this order; those that a driver does not know are dropped one by one (`unknownField`). */
export const gpuFields = [
  "index",
  "uuid",
  "name",
  "pci.bus_id",
  "mig.mode.current",
  "memory.total",
  "memory.used",
  "utilization.gpu",
  "temperature.gpu",
  "power.draw",
  "enforced.power.limit",
  "clocks_event_reasons.active",
] as const;
export type GpuField = (typeof gpuFields)[number] | "clocks_throttle_reasons.active";

/** Drivers before R535 know it by another name. */
export const olderNames: Partial<Record<GpuField, GpuField>> = {
  "clocks_event_reasons.active": "clocks_throttle_reasons.active",
};

export const appFields = "pid,gpu_uuid,used_memory";

/** The field that a failed query names as unknown, or null. */
export function unknownField(text: string): string | null {
  return /Field "([^"]+)" is not a valid field to query/.exec(text)?.[1] ?? null;
}

const nothing =
  /^(?:\[?(?:N\/A|Not Supported|Unknown Error|Insufficient Permissions|Not Found|Not Available)\]?|ERR!|)$/i;
const broken = /GPU is lost|GPU requires reset|Unknown Error|ERR!/i;

/** Bits of the reasons for lower clocks (nvml.h, nvmlClocksEventReason…) that take speed away; idling and settings do not. */
const reasonBits: readonly [number, string][] = [
  [0x04, "power"],
  [0x08, "hardware"],
  [0x20, "heat"],
  [0x40, "heat"],
  [0x80, "power"],
];

function reasons(text: string | null): string[] {
  const bits = Number(text ?? 0);
  if (!Number.isFinite(bits)) return [];
  return [...new Set(reasonBits.flatMap(([bit, word]) => ((bits & bit) !== 0 ? word : [])))];
}

/** MiB, as nvidia-smi tells memory, in gigabytes. */
const gigabytes = (mebibytes: number | null) => (mebibytes === null ? null : (mebibytes * 1024 * 1024) / 1e9);

export interface GpuRow extends GpuReading {
  mig: boolean;
}

/** One row of `--query-gpu=<fields> --format=csv,noheader,nounits`, or null where it is none. */
export function parseGpuRow(line: string, fields: readonly string[]): GpuRow | null {
  const cells = line.split(",").map((cell) => cell.trim());
  if (cells.length !== fields.length) return null;
  const raw = (field: GpuField) => cells[fields.indexOf(field)] ?? "";
  const text = (field: GpuField) => (nothing.test(raw(field)) || broken.test(raw(field)) ? null : raw(field));
  const number = (field: GpuField) => {
    const value = Number(text(field) ?? Number.NaN);
    return Number.isFinite(value) ? value : null;
  };
  const index = number("index");
  if (index === null) return null;
  const percent = number("utilization.gpu");
  const id = text("uuid") ?? String(index);
  // One value that cannot be told is usual; a card of which neither memory nor temperature is known is gone.
  const lost = broken.test(raw("memory.total")) && broken.test(raw("temperature.gpu"));
  return {
    id,
    index,
    cardId: id,
    model: text("name"),
    busId: text("pci.bus_id"),
    mig: text("mig.mode.current") === "Enabled",
    memoryGb: gigabytes(number("memory.total")),
    usedGb: gigabytes(number("memory.used")),
    utilization: percent === null ? null : percent / 100,
    temperatureC: number("temperature.gpu"),
    powerW: number("power.draw"),
    powerLimitW: number("enforced.power.limit"),
    throttled: reasons(text("clocks_event_reasons.active") ?? text("clocks_throttle_reasons.active")),
    energyJ: null,
    fault: lost
      ? `the driver has lost it (${raw("memory.total").replace(/[[\]]/g, "")}): reboot, or reset it with \`nvidia-smi -r\``
      : null,
  };
}

/** One row of `--query-compute-apps`, or null. */
export function parseUseRow(line: string): GpuUse | null {
  const [pid = "", cardId = "", used = ""] = line.split(",").map((cell) => cell.trim());
  if (!/^\d+$/.test(pid) || cardId === "") return null;
  const mebibytes = Number(used);
  return { pid: Number(pid), cardId, usedGb: used === "" || !Number.isFinite(mebibytes) ? null : gigabytes(mebibytes) };
}

export interface MigDevice {
  id: string;
  cardId: string;
  /** The profile, such as `3g.20gb`. */
  profile: string;
  /** By the profile's name, which counts in GB. */
  memoryGb: number | null;
}

/** The MIG devices in the output of `nvidia-smi -L`. */
export function parseMigList(text: string): MigDevice[] {
  const found: MigDevice[] = [];
  let cardId = "";
  for (const line of text.split("\n")) {
    cardId = /^GPU \d+: .*\(UUID: (GPU-[^)]+)\)/.exec(line)?.[1] ?? cardId;
    const device = /^\s+MIG (\S+)\s+Device\s+\d+: \(UUID: (MIG-[^)]+)\)/.exec(line);
    if (device === null) continue;
    const [, profile = "", id = ""] = device;
    const size = Number(/(\d+)gb/.exec(profile)?.[1] ?? Number.NaN);
    found.push({ id, cardId, profile, memoryGb: Number.isFinite(size) ? size : null });
  }
  return found;
}

/**
 * Devices that can be handed out: cards, and in place of a card in MIG mode its MIG devices. A MIG device tells no
 * utilisation; heat and power are its card's.
 */
export function devicesOf(rows: readonly GpuRow[], migs: readonly MigDevice[]): GpuReading[] {
  const devices = rows.flatMap((row): GpuReading[] => {
    const { mig, ...card } = row;
    if (!mig) return [card];
    return migs
      .filter((device) => device.cardId === row.id)
      .map((device) => ({
        ...card,
        id: device.id,
        model: `${row.model ?? "GPU"} MIG ${device.profile}`,
        memoryGb: device.memoryGb,
        usedGb: null,
        utilization: null,
      }));
  });
  const split = rows.some((row) => row.mig);
  return split ? devices.map((device, index) => ({ ...device, index })) : devices;
}
