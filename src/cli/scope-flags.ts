/** Flags that say which runs a question is about, and what they mean to the server: the same for every command that asks one. */
import { parseDuration } from "../core/duration.ts";
import { MlError } from "../core/error.ts";
import { localOffsetMs } from "../core/local-offset.ts";
import type { Body } from "../protocol/requests.ts";
import { safeText } from "../view/safe-text.ts";
import type { Context } from "./command.ts";
import { type FlagValues, flag } from "./flags.ts";

export const scopeFlags = {
  group: flag.text("GROUP", "runs of this experiment", { complete: "group" }),
  tag: flag.text("TAG", "runs with this label", { complete: "tag" }),
  user: flag.text("NAME", "runs of this person"),
  since: flag.text("TIME", "queued since: 7d, 2026-11-23, today, yesterday"),
  until: flag.text("TIME", "queued before"),
  where: flag.text("QUERY", "runs that a search means, as `ml find` takes it"),
} as const;

type Scope = Pick<Body<"runs.compare">, "group" | "tag" | "user" | "since" | "until" | "where" | "utc_offset_minutes">;

const dayMs = 86_400_000;

/** Midnight of a local day, `back` days ago. */
function midnight(nowMs: number, back: number): number {
  const day = new Date(nowMs);
  return new Date(day.getFullYear(), day.getMonth(), day.getDate() - back).getTime();
}

/** `7d` ago, a date (local), a time, `today`, `yesterday`. Throws `usage`. */
export function momentOf(text: string, nowMs: number): string {
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

export function scopeOf(flags: FlagValues<typeof scopeFlags>, nowMs: number): Scope {
  const { group, tag, user, since, until, where } = flags;
  return {
    ...(group === null ? {} : { group }),
    ...(tag === null ? {} : { tag }),
    ...(user === null ? {} : { user }),
    ...(since === null ? {} : { since: momentOf(since, nowMs) }),
    ...(until === null ? {} : { until: momentOf(until, nowMs) }),
    ...(where === null ? {} : { where, utc_offset_minutes: localOffsetMs(nowMs) / 60_000 }),
  };
}

/** Says what a search was read as: no interpretation stays hidden. */
export function sayRead(context: Context, { query }: { query?: string | null }): void {
  if (query != null) context.output.say(`read as: ${safeText(query)}`);
}

export const isScoped = (flags: FlagValues<typeof scopeFlags>): boolean =>
  Object.keys(scopeFlags).some((name) => flags[name as keyof typeof scopeFlags] !== null);
