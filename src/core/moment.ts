/**
 * A moment in the future as people type it: `22:00` (the next one), `tomorrow 8:00`, `fri 9:30`, `2026-11-27 08:00`, `+2h`,
 * or RFC 3339. By the clock and the zone of whoever types; what comes out is milliseconds since 1970.
 */
import { parseDuration } from "./duration.ts";
import { MlError } from "./error.ts";
import type { Zone } from "./hours.ts";

const dayMs = 86_400_000;
const minuteMs = 60_000;
const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

/** Milliseconds of a wall-clock time of a local day, by the zone of that moment. */
function localTime(localDay: number, minutes: number, zone: Zone): number {
  const guess = localDay * dayMs + minutes * minuteMs;
  return guess - zone(guess - zone(guess) * minuteMs) * minuteMs;
}

function minutesOf(text: string): number | null {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text);
  const [hours, minutes] = [Number(match?.[1]), Number(match?.[2])];
  return match === null || hours > 23 || minutes > 59 ? null : hours * 60 + minutes;
}

/** Throws `usage` for a text that is no moment, or one that is over. */
export function parseMoment(text: string, what: string, { nowMs, zone }: { nowMs: number; zone: Zone }): number {
  const ms = momentOf(text.trim().toLowerCase(), { nowMs, zone });
  if (ms === null) {
    throw new MlError("usage", `\`${text}\` is not a time for ${what}`, {
      hint: "write it like `22:00`, `tomorrow 8:00`, `fri 9:30`, `2026-11-27 08:00` or `+2h`",
    });
  }
  if (ms < nowMs - minuteMs)
    throw new MlError("usage", `\`${text}\` for ${what} is over: it is ${new Date(nowMs).toISOString()}`);
  return ms;
}

function momentOf(text: string, { nowMs, zone }: { nowMs: number; zone: Zone }): number | null {
  if (text === "now") return nowMs;
  if (text.startsWith("+")) return nowMs + parseDuration(text.slice(1));
  const today = Math.floor((nowMs + zone(nowMs) * minuteMs) / dayMs);
  const words = text.split(/[ t]+(?=\d{1,2}:\d{2}$)/);
  const minutes = minutesOf(words.at(-1) ?? "");
  if (minutes !== null && words.length === 1) {
    const ms = localTime(today, minutes, zone);
    return ms > nowMs ? ms : localTime(today + 1, minutes, zone);
  }
  const [day = ""] = words;
  if (minutes !== null && words.length === 2) {
    if (day === "today" || day === "tomorrow") return localTime(today + (day === "today" ? 0 : 1), minutes, zone);
    const weekday = dayNames.indexOf(day.slice(0, 3));
    if (weekday >= 0 && dayNames.some((name) => day.startsWith(name)) && /^[a-z]+$/.test(day)) {
      const ms = localTime(today + ((weekday - ((today + 4) % 7) + 7) % 7), minutes, zone);
      return ms > nowMs ? ms : ms + 7 * dayMs;
    }
    const date = /^(\d{4})-(\d{2})-(\d{2})$/.exec(day);
    if (date !== null) {
      const utc = Date.UTC(Number(date[1]), Number(date[2]) - 1, Number(date[3]));
      return new Date(utc).toISOString().slice(0, 10) === day ? localTime(utc / dayMs, minutes, zone) : null;
    }
  }
  const exact = /^\d{4}-\d{2}-\d{2}t.*(z|[+-]\d{2}:?\d{2})$/.test(text) ? Date.parse(text.toUpperCase()) : Number.NaN;
  return Number.isFinite(exact) ? exact : null;
}
