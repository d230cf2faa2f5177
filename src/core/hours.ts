/**
 * Windows of the day, as people write them in the config: `22:00-06:00`, `sat-sun 00:00-24:00`, several by commas; and
 * prices by them. The zone is handed in as minutes east of UTC at a given moment; a window in which the clocks are changed
 * is judged by the zone at the moment that is asked about.
 */
import { MlError } from "./error.ts";

/** Minutes that local time is ahead of UTC at a moment. */
export type Zone = (ms: number) => number;

export interface Window {
  /** 0 (Sunday) to 6; on which days it begins. */
  days: ReadonlySet<number>;
  fromMinute: number;
  /** After `fromMinute`; more than 1440 where it ends on the next day. */
  toMinute: number;
}

const dayNames = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
export const everyDay: ReadonlySet<number> = new Set([0, 1, 2, 3, 4, 5, 6]);
const minuteMs = 60_000;
export const dayMinutes = 1440;

const wrong = (text: string, what: string) =>
  new MlError("bad_config", `\`${text}\` is not a time for ${what}`, {
    hint: "write it like `22:00-06:00`, `mon-fri 09:00-18:00` or `sat-sun 00:00-24:00`, several separated by commas",
  });

export function minuteOf(text: string, what: string): number {
  const match = /^(\d{1,2}):(\d{2})$/.exec(text);
  const minute = match === null ? Number.NaN : Number(match[1]) * 60 + Number(match[2]);
  if (!(minute <= dayMinutes) || Number(match?.[2]) > 59) throw wrong(text, what);
  return minute;
}

function daysOf(text: string, what: string): ReadonlySet<number> {
  const [from = "", to = from] = text.toLowerCase().split("-");
  const [first, last] = [dayNames.indexOf(from), dayNames.indexOf(to)];
  if (first < 0 || last < 0) throw wrong(text, what);
  const count = ((last - first + 7) % 7) + 1;
  return new Set(Array.from({ length: count }, (_, at) => (first + at) % 7));
}

function windowOf(text: string, what: string): Window {
  const words = text.trim().split(/\s+/);
  const range = words.at(-1) ?? "";
  const [from, to, ...more] = range.split("-");
  if (words.length > 2 || from === undefined || to === undefined || more.length > 0) throw wrong(text.trim(), what);
  const days = words.length === 2 ? daysOf(words[0] ?? "", what) : everyDay;
  const [fromMinute, toMinute] = [minuteOf(from, what), minuteOf(to, what)];
  if (fromMinute === toMinute || fromMinute === dayMinutes) throw wrong(text.trim(), what);
  return { days, fromMinute, toMinute: toMinute > fromMinute ? toMinute : toMinute + dayMinutes };
}

/** Windows of a setting; none for an empty text. Throws `bad_config` naming `what`. */
export function parseHours(text: string | null, what: string): Window[] {
  if (text === null || text.trim() === "") return [];
  return text.split(",").map((part) => windowOf(part, what));
}

export interface Tariff extends Window {
  price: number;
}

/** `22:00-06:00 0.18, 06:00-22:00 0.32`: windows with a price a kWh. Throws `bad_config`. */
export function parseTariff(text: string | null): Tariff[] {
  if (text === null || text.trim() === "") return [];
  return text.split(",").map((part) => {
    const match = /^(.*)\s+(\d+(?:\.\d+)?)$/.exec(part.trim());
    if (match === null) throw wrong(part.trim(), "`tariff` (a window and a price)");
    return { ...windowOf(match[1] ?? "", "`tariff`"), price: Number(match[2]) };
  });
}

/** The windows in which power costs least; none where it always costs the same. */
export function cheapest(tariff: readonly Tariff[]): Window[] {
  const least = Math.min(...tariff.map(({ price }) => price));
  return tariff.some(({ price }) => price > least) ? tariff.filter(({ price }) => price === least) : [];
}

/** Local minutes since 1970, a Thursday. */
function localMinute(ms: number, zone: Zone): number {
  return Math.floor(ms / minuteMs) + zone(ms);
}

const weekday = (day: number) => (((day + 4) % 7) + 7) % 7;

/** When the window that is open at this moment ends; null where none is open. Windows that follow on each other are one. */
export function openUntil(windows: readonly Window[], ms: number, zone: Zone): number | null {
  const now = localMinute(ms, zone);
  let end = now;
  for (let again = true, rounds = 0; again && rounds < 16; rounds += 1) {
    again = false;
    const today = Math.floor(end / dayMinutes);
    for (const day of [today - 1, today]) {
      for (const { days, fromMinute, toMinute } of windows) {
        const from = day * dayMinutes + fromMinute;
        const to = day * dayMinutes + toMinute;
        if (!days.has(weekday(day)) || end < from || end >= to) continue;
        end = to;
        again = true;
      }
    }
  }
  return end === now ? null : Math.floor(ms / minuteMs) * minuteMs + (end - now) * minuteMs;
}

/** The price at a moment; null where no window of the tariff is open then. Of two windows the first counts. */
export function priceAt(tariff: readonly Tariff[], ms: number, zone: Zone): number | null {
  return tariff.find((window) => openUntil([window], ms, zone) !== null)?.price ?? null;
}

/** When the next window begins, from this moment on; `ms` itself inside one, null where there is none at all. */
export function nextOpening(windows: readonly Window[], ms: number, zone: Zone): number | null {
  if (openUntil(windows, ms, zone) !== null) return ms;
  const now = localMinute(ms, zone);
  const today = Math.floor(now / dayMinutes);
  let best = Infinity;
  for (let day = today; day <= today + 7; day += 1) {
    for (const { days, fromMinute } of windows) {
      const from = day * dayMinutes + fromMinute;
      if (days.has(weekday(day)) && from >= now) best = Math.min(best, from);
    }
  }
  return best === Infinity ? null : Math.floor(ms / minuteMs) * minuteMs + (best - now) * minuteMs;
}

/** The zone of this machine, as its clock and its files say. */
export const localZone: Zone = (ms) => -new Date(ms).getTimezoneOffset();
