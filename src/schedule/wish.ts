/** The wishes of `--when`: hours of the day, cheap hours, an idle machine. Pure. */

import { MlError } from "../core/error.ts";
import { dayMinutes, everyDay, minuteOf, nextOpening, parseHours, type Window, type Zone } from "../core/hours.ts";

export interface WishHours {
  zone: Zone;
  night: readonly Window[];
  /** Empty where no tariff says that one hour is cheaper than another: then nothing is waited for. */
  cheap: readonly Window[];
}

function readsAsHours(text: string): boolean {
  try {
    return parseHours(text, "`--when`").length > 0;
  } catch {
    return false;
  }
}

/** Throws `usage` for a wish that means nothing here. */
export function checkWish(wish: string, hours: Pick<WishHours, "cheap" | "night">): void {
  if (wish === "cheap" && hours.cheap.length === 0) {
    throw new MlError("usage", "`--when cheap` means nothing here: no hours are cheaper than others", {
      hint: 'an administrator can say so: `ml config set tariff "22:00-06:00 0.18, 06:00-22:00 0.32"`',
    });
  }
  if (["cheap", "night", "idle"].includes(wish) || /^after \d{1,2}:\d{2}$/.test(wish)) {
    if (wish.startsWith("after")) minuteOf(wish.slice(6), "`--when`");
    return;
  }
  if (readsAsHours(wish)) return;
  throw new MlError("usage", `\`--when ${wish}\` is not understood`, {
    hint: "write `cheap`, `night`, `idle`, `after 22:00` or hours like `22:00-06:00`",
  });
}

/**
 * When a wish lets a run start, from `nowMs` on: `nowMs` where it does now, null where that is not a matter of the clock.
 * `after 22:00` means the first 22:00 after the run was queued.
 */
export function wishOpensAt(
  wish: string,
  moment: { nowMs: number; queuedAtMs: number },
  hours: WishHours,
): number | null {
  const { nowMs, queuedAtMs } = moment;
  if (wish === "idle") return null;
  if (wish === "night") return nextOpening(hours.night, nowMs, hours.zone) ?? nowMs;
  if (wish === "cheap") return nextOpening(hours.cheap, nowMs, hours.zone) ?? nowMs;
  const after = /^after (\d{1,2}:\d{2})$/.exec(wish);
  if (after !== null) {
    const fromMinute = minuteOf(after[1] ?? "", "`--when`") % dayMinutes;
    const window = { days: everyDay, fromMinute, toMinute: fromMinute + 1 };
    return Math.max(nowMs, nextOpening([window], queuedAtMs, hours.zone) ?? nowMs);
  }
  return nextOpening(parseHours(wish, "`--when`"), nowMs, hours.zone) ?? nowMs;
}
