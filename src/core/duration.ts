/** Durations as people type and read them: `90s`, `1h30m`, `2d`, `1:30:00`; in code always milliseconds. */
import { MlError } from "./error.ts";

const unitMs: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };

/**
 * Milliseconds of a duration: numbers with units (`1h30m`, `1.5h`, `90s`), clock form (`1:30:00`), or a plain number
 * in `plainUnit`. Throws `usage` naming `what`.
 */
export function parseDuration(text: string, what = "duration", plainUnit: "s" | "h" = "s"): number {
  const trimmed = text.trim().toLowerCase();
  if (/^\d+(\.\d+)?$/.test(trimmed)) return Number(trimmed) * (unitMs[plainUnit] ?? 1000);
  const clock = /^(\d+):([0-5]?\d)(?::([0-5]?\d))?$/.exec(trimmed);
  if (clock) {
    const [, first, second, third] = clock;
    if (third === undefined) return (Number(first) * 60 + Number(second)) * 1000;
    return ((Number(first) * 60 + Number(second)) * 60 + Number(third)) * 1000;
  }
  const parts = [...trimmed.matchAll(/(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join("") !== trimmed.replaceAll(/(?<=[a-z])\s+/g, "")) {
    throw new MlError("usage", `\`${text}\` is not ${/^[aeiou]/.test(what) ? "an" : "a"} ${what}`, {
      hint: "write it like `90s`, `45m`, `1h30m` or `2d`",
    });
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * (unitMs[part[2] ?? "s"] ?? 0), 0);
}

/** A duration for people, two units at most: `850 ms`, `4.2 s`, `3m12s`, `4h15m`, `2d3h`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return "?";
  const sign = ms < 0 ? "-" : "";
  const positive = Math.abs(ms);
  if (positive < 1000) return `${sign}${Math.round(positive)} ms`;
  if (positive < 10_000) return `${sign}${(positive / 1000).toFixed(1)} s`;
  const seconds = Math.round(positive / 1000);
  if (seconds < 60) return `${sign}${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${sign}${minutes}m${String(seconds % 60).padStart(2, "0")}s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${sign}${hours}h${String(minutes % 60).padStart(2, "0")}m`;
  return `${sign}${Math.floor(hours / 24)}d${hours % 24}h`;
}
