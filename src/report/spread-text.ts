/** A mean with its spread as papers print it: the deviation with two significant digits, the mean to the same place. */
import type { Measured } from "../think/repeats.ts";
import { formatMetric } from "../view/metric.ts";

/** Digits after the point that two significant digits of `deviation` take; below 0 for tens and hundreds. */
function placesOf(deviation: number): number {
  return 1 - Math.floor(Math.log10(deviation));
}

/** `0.9361 ± 0.0012`, `1520 ± 30`; without repeats the value alone. */
export function spreadText({ mean, deviation }: Measured): string {
  if (deviation === null) return formatMetric(mean);
  if (!(deviation > 0) || !Number.isFinite(deviation)) return `${formatMetric(mean)} ± ${formatMetric(deviation)}`;
  const places = placesOf(deviation);
  const size = Math.max(Math.abs(mean), deviation);
  if (size >= 1e7 || size < 1e-3) {
    const exponent = Math.floor(Math.log10(size));
    const shown = Math.max(0, Math.min(15, places + exponent));
    const scaled = (value: number) => (value / 10 ** exponent).toFixed(shown);
    return `(${scaled(mean)} ± ${scaled(deviation)})e${exponent}`;
  }
  if (places >= 0) return `${mean.toFixed(Math.min(places, 15))} ± ${deviation.toFixed(Math.min(places, 15))}`;
  const unit = 10 ** -places;
  return `${Math.round(mean / unit) * unit} ± ${Math.round(deviation / unit) * unit}`;
}
