/** Flags that say which runs a question is about, and what they mean to the server: the same for every command that asks one. */
import { localOffsetMs } from "../core/local-offset.ts";
import { pastMoment } from "../core/past.ts";
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
  where: flag.text("QUERY", "runs that a search means, as `ml find` takes it", { complete: "query" }),
} as const;

type Scope = Pick<Body<"runs.compare">, "group" | "tag" | "user" | "since" | "until" | "where" | "utc_offset_minutes">;

export function scopeOf(flags: FlagValues<typeof scopeFlags>, nowMs: number): Scope {
  const { group, tag, user, since, until, where } = flags;
  return {
    ...(group === null ? {} : { group }),
    ...(tag === null ? {} : { tag }),
    ...(user === null ? {} : { user }),
    ...(since === null ? {} : { since: pastMoment(since, nowMs) }),
    ...(until === null ? {} : { until: pastMoment(until, nowMs) }),
    ...(where === null ? {} : { where, utc_offset_minutes: localOffsetMs(nowMs) / 60_000 }),
  };
}

/** Says what a search was read as: no interpretation stays hidden. */
export function sayRead(context: Context, { query }: { query?: string | null }): void {
  if (query != null) context.output.say(`read as: ${safeText(query)}`);
}

export const isScoped = (flags: FlagValues<typeof scopeFlags>): boolean =>
  Object.keys(scopeFlags).some((name) => flags[name as keyof typeof scopeFlags] !== null);
