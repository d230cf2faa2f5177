/**
 * Times as people name them, as a span from one moment to another: `7d`, `2026-03`, `2026-03-01T14:00`, `yesterday`,
 * `last-week`, `march`, `q2`, `monday`, `3-march`. Local time is by the offset that the asker gives. Pure: the present is given.
 */
import { parseDuration } from "../core/duration.ts";

export interface Present {
  nowMs: number;
  /** Minutes east of UTC at a moment. */
  offsetAt(ms: number): number;
}

/** Milliseconds since 1970; `to` is not included. */
export interface Span {
  from: number;
  to: number;
}

const dayMs = 86_400_000;
const minuteMs = 60_000;

export const monthNames = [
  ...["january", "february", "march", "april", "may", "june", "july", "august", "september"],
  ...["october", "november", "december"],
];
export const dayNames = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** The index of a name that `word` is, or abbreviates with three letters or more (`mar`, `sept`); -1 where there is none. */
export function nameIndex(names: readonly string[], word: string): number {
  return word.length < 3 ? -1 : names.findIndex((name) => name.startsWith(word));
}

/** The moment at which the asker's clocks show this. Months and days may run over, as in Date.UTC. */
export function localMs(present: Present, ...parts: [number, number, number?, number?, number?]): number {
  const [year, month, day = 1, hour = 0, minute = 0] = parts;
  const wall = Date.UTC(year, month, day, hour, minute);
  const guess = wall - present.offsetAt(wall) * minuteMs;
  return wall - present.offsetAt(guess) * minuteMs;
}

/** What the asker's clocks show at a moment, as a Date whose UTC fields are theirs. */
export function wallClock(present: Present, ms: number): Date {
  return new Date(ms + present.offsetAt(ms) * minuteMs);
}

function calendar(present: Present): { year: number; month: number; day: number; weekday: number } {
  const now = wallClock(present, present.nowMs);
  return { year: now.getUTCFullYear(), month: now.getUTCMonth(), day: now.getUTCDate(), weekday: now.getUTCDay() };
}

type Maker = (present: Present) => Span;

function days(from: number, count: number): Maker {
  return (present) => {
    const { year, month, day } = calendar(present);
    return {
      from: localMs(present, year, month, day + from),
      to: localMs(present, year, month, day + from + count),
    };
  };
}

/** Weeks begin on Monday (ISO 8601). */
function weeks(back: number): Maker {
  return (present) => days(-((calendar(present).weekday + 6) % 7) - 7 * back, 7)(present);
}

function months(back: number): Maker {
  return (present) => {
    const { year, month } = calendar(present);
    return { from: localMs(present, year, month - back), to: localMs(present, year, month - back + 1) };
  };
}

function years(back: number): Maker {
  return (present) => {
    const { year } = calendar(present);
    return { from: localMs(present, year - back, 0), to: localMs(present, year - back + 1, 0) };
  };
}

/** The Saturday and Sunday that began last; `back`: those before this week. */
function weekend(back: number): Maker {
  return (present) => {
    const { weekday } = calendar(present);
    const sinceSaturday = (weekday + 1) % 7;
    return days(-sinceSaturday - (sinceSaturday < 2 ? 7 * back : 0), 2)(present);
  };
}

function quarters(back: number): Maker {
  return (present) => {
    const { year, month } = calendar(present);
    const first = month - (month % 3) - 3 * back;
    return { from: localMs(present, year, first), to: localMs(present, year, first + 3) };
  };
}

function hours(dayFrom: number, hourFrom: number, lengthHours: number): Maker {
  return (present) => {
    const { year, month, day } = calendar(present);
    return {
      from: localMs(present, year, month, day + dayFrom, hourFrom),
      to: localMs(present, year, month, day + dayFrom, hourFrom + lengthHours),
    };
  };
}

const named: Record<string, Maker> = {
  today: days(0, 1),
  yesterday: days(-1, 1),
  "this-week": weeks(0),
  "last-week": weeks(1),
  "this-month": months(0),
  "last-month": months(1),
  "this-quarter": quarters(0),
  "last-quarter": quarters(1),
  weekend: weekend(0),
  "this-weekend": weekend(0),
  "last-weekend": weekend(1),
  "this-year": years(0),
  "last-year": years(1),
  "this-morning": hours(0, 5, 7),
  "this-afternoon": hours(0, 12, 6),
  tonight: hours(0, 18, 9),
  // The night that ended this morning.
  "last-night": hours(-1, 18, 15),
};
export const namedTimes = Object.keys(named);

const unitDays: Record<string, number> = { mo: 30, month: 30, months: 30, y: 365, year: 365, years: 365 };

/** `7d`, `24h`, `2w`, `3mo`, `1y` in milliseconds, or null. */
export function ageMs(text: string): number | null {
  const long = /^(\d+(?:\.\d+)?)(mo|months?|y|years?)$/.exec(text);
  if (long !== null) return Number(long[1]) * (unitDays[long[2] ?? ""] ?? 0) * dayMs;
  if (!/^\d[\d.]*(ms|s|m|h|d|w)/.test(text)) return null;
  try {
    return parseDuration(text);
  } catch {
    return null;
  }
}

function isoSpan(text: string, present: Present): Span | null {
  const match = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2})(?:[t_](\d{1,2}):(\d{2}))?)?)?$/.exec(text);
  if (match === null) return null;
  const [year = 0, month, day, hour, minute] = match.slice(1).map((part) => (part === undefined ? undefined : +part));
  if (year < 1970 || (month !== undefined && (month < 1 || month > 12)) || (day !== undefined && (day < 1 || day > 31)))
    return null;
  if (month === undefined) return { from: localMs(present, year, 0), to: localMs(present, year + 1, 0) };
  if (day === undefined) return { from: localMs(present, year, month - 1), to: localMs(present, year, month) };
  if (hour === undefined)
    return { from: localMs(present, year, month - 1, day), to: localMs(present, year, month - 1, day + 1) };
  const from = localMs(present, year, month - 1, day, hour, minute);
  return { from, to: from + minuteMs };
}

/** `q2`, `q2-2026`, `2026-q2`: without a year the latest that has begun. */
function quarterSpan(text: string, present: Present): Span | null {
  const match = /^(?:(\d{4})-)?q([1-4])(?:-(\d{4}))?$/.exec(text);
  if (match === null) return null;
  const month = 3 * (Number(match[2]) - 1);
  const spanIn = (year: number): Span => ({
    from: localMs(present, year, month),
    to: localMs(present, year, month + 3),
  });
  const year = match[1] ?? match[3];
  if (year !== undefined) return spanIn(+year);
  const { year: thisYear } = calendar(present);
  const latest = spanIn(thisYear);
  return latest.from <= present.nowMs ? latest : spanIn(thisYear - 1);
}

/** `march`, `march-2026`, `3-march`, `march-3-2026`, `monday`: without a year the latest that has begun. */
function wordSpan(text: string, present: Present): Span | null {
  const { year: thisYear, weekday } = calendar(present);
  const parts = text.split("-");
  const monthAt = parts.findIndex((part) => nameIndex(monthNames, part) >= 0);
  if (monthAt < 0) {
    const wanted = parts.length === 1 ? nameIndex(dayNames, text) : -1;
    return wanted < 0 ? null : days(-((weekday - wanted + 7) % 7), 1)(present);
  }
  const month = nameIndex(monthNames, parts[monthAt] ?? "");
  const numbers = parts.filter((_, at) => at !== monthAt);
  const givenYear = numbers.find((part) => /^\d{4}$/.test(part));
  const day = numbers.map((part) => /^(\d{1,2})(?:st|nd|rd|th)?$/.exec(part)?.[1]).find((found) => found !== undefined);
  if (numbers.length > (givenYear === undefined ? 0 : 1) + (day === undefined ? 0 : 1)) return null;
  const spanIn = (year: number): Span =>
    day === undefined
      ? { from: localMs(present, year, month), to: localMs(present, year, month + 1) }
      : { from: localMs(present, year, month, +day), to: localMs(present, year, month, +day + 1) };
  if (givenYear !== undefined) return spanIn(+givenYear);
  const latest = spanIn(thisYear);
  return latest.from <= present.nowMs ? latest : spanIn(thisYear - 1);
}

/** The span that a text names, or null. An age (`7d`) is the span from then until now. */
export function readSpan(text: string, present: Present): Span | null {
  const lower = text.toLowerCase().replaceAll("_", "-");
  if (lower === "now") return { from: present.nowMs, to: present.nowMs };
  const age = ageMs(lower);
  // Nothing is older than what clocks of computers count from, and a year before it could not be typed again.
  if (age !== null) return { from: Math.max(0, present.nowMs - age), to: present.nowMs };
  return (
    named[lower]?.(present) ??
    isoSpan(lower.replace("-t", "t"), present) ??
    quarterSpan(lower, present) ??
    wordSpan(lower, present)
  );
}

/** A moment as it can be typed again: a date where it is midnight, else with hours and minutes. */
export function momentText(ms: number, present: Present): string {
  const iso = wallClock(present, ms).toISOString();
  return iso.slice(11, 16) === "00:00" ? iso.slice(0, 10) : iso.slice(0, 16);
}
