/** What a run did to the machine, in words: its GPUs and disks, and energy, as far as they were measured. */
import { formatDuration } from "../core/duration.ts";
import { formatSize } from "../core/size.ts";
import type { Reply } from "../protocol/requests.ts";
import { safeText } from "./safe-text.ts";

type Actual = NonNullable<Reply<"run.get">["manifest"]["resources"]["actual"]>;

/** `0.42 kWh (0.13 EUR)`, `at least 31 Wh`; null where nothing was metered. */
export function energyText(actual: Actual): string | null {
  const { energy_kwh: kwh, energy_partial: partial, energy_cost: cost, energy_currency: currency } = actual;
  if (kwh === null) return null;
  const amount = kwh < 1 ? `${Number((kwh * 1000).toPrecision(2))} Wh` : `${kwh.toFixed(kwh < 10 ? 2 : 1)} kWh`;
  const price = cost === null ? "" : ` (${cost.toFixed(2)}${currency == null ? "" : ` ${safeText(currency)}`})`;
  return `${partial === true ? "at least " : ""}${amount}${price}`;
}

/** Label and words of each thing that was measured. */
export function machineFacts(actual: Actual | null): [string, string][] {
  if (actual === null) return [];
  const facts: [string, string | null][] = [
    ["gpu busy", actual.gpu_utilization_avg === null ? null : `${Math.round(actual.gpu_utilization_avg)}% on average`],
    ["gpu heat", actual.gpu_temperature_peak_c == null ? null : `${actual.gpu_temperature_peak_c} °C at most`],
    ["gpu slowed", actual.gpu_throttled_seconds ? formatDuration(actual.gpu_throttled_seconds * 1000) : null],
    ["disk", diskText(actual)],
  ];
  return facts.filter((fact): fact is [string, string] => fact[1] !== null);
}

function diskText({ disk_read_gb: read, disk_write_gb: written }: Actual): string | null {
  if (read === null && written === null) return null;
  const size = (gigabytes: number | null) => (gigabytes === null ? "?" : formatSize(Math.round(gigabytes * 1e9)));
  return `${size(read)} read, ${size(written)} written`;
}
