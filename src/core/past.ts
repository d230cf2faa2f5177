/** A moment in the past as people type it: `7d` ago, `12h`, a local date or time, `today`, `yesterday`; and the days that a word names. */
import { parseDuration } from "./duration.ts";
import { MlError } from "./error.ts";

const dayMs = 86_400_000;

/** Midnight of a local day, `back` days ago. */
function midnight(nowMs: number, back: number): number {
  const day = new Date(nowMs);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - back).getTime();
}

/** RFC 3339; a plain number counts days. Throws `usage`. */
export function pastMoment(text: string, nowMs: number): string {
  const word = text.trim().toLowerCase();
  if (word === "today") return new Date(midnight(nowMs, 0)).toISOString();
  if (word === "yesterday") return new Date(midnight(nowMs, 1)).toISOString();
  const date = /^(\d{4})-(\d{2})-(\d{2})$/.exec(word);
  if (date !== null) return new Date(Number(date[1]), Number(date[2]) - 1, Number(date[3])).toISOString();
  if (/^\d{4}-\d{2}-\d{2}[t ]/.test(word)) {
    const ms = Date.parse(text.trim().replace(" ", "T"));
    if (Number.isFinite(ms)) return new Date(ms).toISOString();
  }
  if (/^\d+$/.test(word)) return new Date(nowMs - Number(word) * dayMs).toISOString();
  try {
    return new Date(nowMs - parseDuration(word)).toISOString();
  } catch {
    throw new MlError("usage", `\`${text}\` is no time`, {
      hint: "write `7d`, `12h`, `2026-11-23`, `today` or `yesterday`",
    });
  }
}

export interface Period {
  /** RFC 3339. */
  since: string;
  /** Null: until now. */
  until: string | null;
  /** `2026-11-23`, `week from 2026-11-17`, `since 2026-11-20`. */
  name: string;
}

/** The time that `today`, `yesterday`, `week`, a date or `7d` means. Throws `usage`. */
export function periodOf(word: string, nowMs: number): Period {
  const day = (iso: string) => new Date(iso).toLocaleDateString("sv");
  if (word === "week") {
    const since = new Date(Date.parse(pastMoment("today", nowMs)) - 6 * dayMs).toISOString();
    return { since, until: null, name: `week from ${day(since)}` };
  }
  const since = pastMoment(word, nowMs);
  const isDay = /^(today|yesterday|\d{4}-\d{2}-\d{2})$/.test(word);
  const until = isDay ? new Date(Date.parse(since) + dayMs).toISOString() : null;
  return { since, until, name: isDay ? day(since) : `since ${day(since)}` };
}
