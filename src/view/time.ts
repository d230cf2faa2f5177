/**
 * Moments and spans for people: clock times in the reader's own time zone, and how long ago. Records and `--json`
 * stay in UTC; nothing here is parsed again. A missing or unreadable time is `—` (or `-`), never a guess.
 */
import { formatDuration } from "../core/duration.ts";
import { localOffsetMs } from "../core/local-offset.ts";

const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const two = (value: number) => String(value).padStart(2, "0");

/** Milliseconds since 1970 of an RFC 3339 time, or null. */
export function timeMs(iso: string | null | undefined): number | null {
  if (iso === null || iso === undefined) return null;
  const ms = Date.parse(iso);
  return Number.isFinite(ms) ? ms : null;
}

/** A date whose UTC fields are the local ones. */
function local(ms: number): Date {
  return new Date(ms + localOffsetMs(ms));
}

/** Whole local days between two moments, by the calendar. */
function dayDistance(from: Date, to: Date): number {
  const day = (date: Date) => Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate());
  return Math.round((day(to) - day(from)) / 86_400_000);
}

/** `14:30` today, `Tue 14:30` within six days, `Nov 3 14:30` in this year, else `2025-11-03`; null where unknown. */
export function clockTime(iso: string | null | undefined, nowMs: number): string | null {
  const ms = timeMs(iso);
  if (ms === null) return null;
  const date = local(ms);
  const now = local(nowMs);
  const time = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
  const distance = dayDistance(now, date);
  if (distance === 0) return time;
  if (Math.abs(distance) <= 6) return `${days[date.getUTCDay()]} ${time}`;
  if (date.getUTCFullYear() === now.getUTCFullYear())
    return `${months[date.getUTCMonth()]} ${date.getUTCDate()} ${time}`;
  return `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
}

/** A forecast of this very moment, give or take what clocks differ by. */
export function isNow(iso: string | null | undefined, nowMs: number): boolean {
  const ms = timeMs(iso);
  return ms !== null && ms < nowMs + 500;
}

/** A sentence with the moments in it (RFC 3339, UTC) as clock times. */
export function withClockTimes(text: string, nowMs: number): string {
  return text.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, (iso) => clockTime(iso, nowMs) ?? iso);
}

/** `2026-11-23 14:30:05`, local; null where unknown. */
export function fullTime(iso: string | null | undefined): string | null {
  const ms = timeMs(iso);
  if (ms === null) return null;
  const date = local(ms);
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

/** `just now`, `42 s ago`, `3m ago`, `2h ago`, `5d ago`; null where unknown. A moment in the future is `just now`. */
export function ago(iso: string | null | undefined, nowMs: number): string | null {
  const ms = timeMs(iso);
  if (ms === null) return null;
  const seconds = Math.floor((nowMs - ms) / 1000);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ago`;
  if (seconds < 48 * 3600) return `${Math.floor(seconds / 3600)}h ago`;
  return `${Math.floor(seconds / 86_400)}d ago`;
}

/** Milliseconds from `from` to `to` (or now), never negative; null where either is unknown. */
export function elapsedMs(from: string | null, to: string | null, nowMs: number): number | null {
  const start = timeMs(from);
  const end = to === null ? nowMs : timeMs(to);
  return start === null || end === null ? null : Math.max(0, end - start);
}

/** As `formatDuration`; null where unknown. Running times tick in whole seconds. */
export function durationText(ms: number | null, ticking = false): string | null {
  if (ms === null) return null;
  return ticking && ms < 60_000 ? `${Math.floor(ms / 1000)} s` : formatDuration(ms);
}

/** For estimates, which are never exact: `8 s`, `3m`, `52m`, `4h15m`, `2d3h`; at least a second. */
export function roughDuration(ms: number): string {
  if (ms < 60_000) return `${Math.max(1, Math.round(ms / 1000))} s`;
  return ms < 3_600_000 - 30_000 ? `${Math.round(ms / 60_000)}m` : formatDuration(ms);
}
