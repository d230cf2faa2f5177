/** A curve in one line of blocks, or of ASCII; a picture of the shape, not a chart: no axes, no promises. */

const blocks = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
const ascii = ["_", ".", "-", "=", "+", "*", "%", "#"];

/** The mean of each of `width` equal stretches of `values`; not finite ones are left out, an empty stretch is null. */
function squeeze(values: readonly number[], width: number): (number | null)[] {
  const count = Math.min(width, values.length);
  return Array.from({ length: count }, (_, index) => {
    const from = Math.floor((index * values.length) / count);
    const to = Math.max(from + 1, Math.floor(((index + 1) * values.length) / count));
    const finite = values.slice(from, to).filter(Number.isFinite);
    return finite.length === 0 ? null : finite.reduce((sum, value) => sum + value / finite.length, 0);
  });
}

export interface SparkOptions {
  /** At most this many characters. */
  width: number;
  unicode: boolean;
}

/** One character a stretch, lowest to highest; a stretch without finite values is a space. */
export function sparkline(values: readonly number[], options: SparkOptions): string {
  const points = squeeze(values, Math.max(1, options.width));
  const finite = points.filter((value) => value !== null);
  const low = finite.reduce((least, value) => Math.min(least, value), Infinity);
  const high = finite.reduce((most, value) => Math.max(most, value), -Infinity);
  const levels = options.unicode ? blocks : ascii;
  return points
    .map((value) => {
      if (value === null) return " ";
      const share = high > low ? (value - low) / (high - low) : 0.4;
      return levels[Math.min(levels.length - 1, Math.floor(share * levels.length))] ?? "";
    })
    .join("");
}

/** A filled bar of exactly `width` characters for a fraction of 0 to 1. */
export function progressBar(fraction: number, options: SparkOptions): string {
  const share = Math.max(0, Math.min(1, Number.isFinite(fraction) ? fraction : 0));
  const full = share >= 1 ? options.width : Math.floor(share * options.width);
  const [on, off] = options.unicode ? ["━", "╌"] : ["#", "."];
  return on.repeat(full) + off.repeat(options.width - full);
}
