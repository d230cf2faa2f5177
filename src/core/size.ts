/** Sizes as people type and read them: `16G`, `512MiB`, `1.5 GB`; in code always bytes. */
import { MlError } from "./error.ts";

const factors: Record<string, number> = {
  "": 1,
  k: 1e3,
  m: 1e6,
  g: 1e9,
  t: 1e12,
  ki: 1024,
  mi: 1024 ** 2,
  gi: 1024 ** 3,
  ti: 1024 ** 4,
};

/** Bytes of a size; a plain number counts in `plainUnit`. Throws `usage` naming `what`. */
export function parseSize(text: string, what = "size", plainUnit: "" | "m" | "g" = ""): number {
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]i?)?b?$/i.exec(text.trim());
  if (!match)
    throw new MlError("usage", `\`${text}\` is not a ${what}`, { hint: "write it like `512M`, `16G` or `1.5GiB`" });
  const unit = (match[2] ?? plainUnit).toLowerCase();
  return Math.round(Number(match[1]) * (factors[unit] ?? 1));
}

/** A size for people, decimal units: `812 B`, `4.1 kB`, `1.2 GB`. */
export function formatSize(bytes: number): string {
  if (!Number.isFinite(bytes)) return "?";
  if (Math.abs(bytes) < 1000) return `${bytes} B`;
  const units = ["kB", "MB", "GB", "TB", "PB"];
  let value = bytes;
  let index = -1;
  while (Math.abs(value) >= 999.5 && index < units.length - 1) {
    value /= 1000;
    index += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[index]}`;
}
