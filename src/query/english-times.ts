/**
 * The rules by which times of plain English are read: when runs were queued, or with the verb for it, when they started or ended. A
 * month, a day or a quarter by itself may be another word, and counts only after `in`, `since` or their like.
 */
import { count, countOf, type EnglishContext, type EnglishRule, lengthText, rule, span } from "./english-rule.ts";
import { localMs, monthNames, readSpan, wallClock } from "./times.ts";

const months = monthNames
  .map((name) => `${name.slice(0, 3)}(?:${name.slice(3)})?`)
  .join("|")
  .replace("sep(?:tember)?", "sept?(?:ember)?");
const ordinal = "\\d{1,2}(?:st|nd|rd|th)?";
const weekday = "(?:mon|tues|wednes|thurs|fri|satur|sun)day";
const sure = [
  "today|yesterday|overnight|last night|this morning|this afternoon|tonight",
  "(?:this|last) (?:week|month|quarter|year|weekend)|(?:the )?weekend",
  `last ${weekday}`,
  "\\d{4}-\\d{1,2}(?:-\\d{1,2})?",
  `${ordinal} (?:of )?(?:${months})(?: \\d{4})?|(?:${months}) ${ordinal}(?:,? \\d{4})?|(?:${months}),? \\d{4}`,
  "q[1-4],? \\d{4}|\\d{4} q[1-4]|(?:the )?(?:first|second|third|fourth) quarter(?: of \\d{4})?",
].join("|");
/** Times that would be other words without `in`, `since` or their like before them. */
const time = `(${sure}|${weekday}|${months}|20\\d\\d|q[1-4])`;
const clock = "(?:(\\d{1,2})(?::(\\d{2}))? ?(am|pm)|(\\d{1,2}):(\\d{2})|(noon|midnight))";

const quarters = ["first", "second", "third", "fourth"];

/** `last week` → `last-week`, `3rd of march 2026` → `3-march-2026`, `the second quarter of 2026` → `q2-2026`. */
function timeText(given: string): string {
  const text = given.replace(/^the /, "");
  if (text === "overnight") return "last-night";
  const quarter = /^(\w+) quarter(?: of (\d{4}))?$/.exec(text);
  const which = quarters.indexOf(quarter?.[1] ?? "");
  if (which >= 0) return `q${which + 1}${quarter?.[2] === undefined ? "" : `-${quarter[2]}`}`;
  const day = /^last (\w+day)$/.exec(text);
  return (day?.[1] ?? text).replace(" of ", " ").replaceAll(/,/g, "").replaceAll(" ", "-");
}

function daysAgo(amount: string, unit: string, { present }: EnglishContext): string {
  const back = countOf(amount);
  const now = wallClock(present, present.nowMs);
  const [year, month, day] = [now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate()];
  const show = (ms: number) => wallClock(present, ms).toISOString().slice(0, 10);
  if (unit.startsWith("month")) return `at:${show(localMs(present, year, month - back)).slice(0, 7)}`;
  if (unit.startsWith("year")) return `at:${year - back}`;
  if (!unit.startsWith("w")) return `at:${show(localMs(present, year, month, day - back))}`;
  const monday = day - ((now.getUTCDay() + 6) % 7) - 7 * back;
  return `since:${show(localMs(present, year, month, monday))} until:${show(localMs(present, year, month, monday + 6))}`;
}

const fieldOfVerb: Record<string, string> = { started: "started", began: "started", ended: "ended", finished: "ended" };
const verb = "(?:that |which )?(?:were |was )?(started|began|ended|finished|queued|submitted|launched)";
const relations: Record<string, readonly [sign: string, field: string]> = {
  since: [">=", "since"],
  from: [">=", "since"],
  after: [">", "after"],
  before: ["<", "before"],
  until: ["<=", "until"],
};

/** `started before 10:00` as a term; of no verb, or one for queueing, the fields that go by when a run was queued. */
function whenText(what: string | undefined, relation: string | undefined, value: string): string {
  const field = fieldOfVerb[what ?? ""];
  const [sign, queued] = relations[relation ?? ""] ?? [":", "at"];
  return field === undefined ? `${queued}:${value}` : `${field}${sign}${value}`;
}

/** The groups of `clock` as hour and minute; null where no clock shows them. */
function hourAndMinute(parts: readonly (string | undefined)[]): readonly [hour: number, minute: number] | null {
  const [hour12, minute12, half, hour24, minute24, word] = parts;
  if (word !== undefined) return [word === "noon" ? 12 : 0, 0];
  const minute = Number(minute12 ?? minute24 ?? 0);
  if (minute > 59) return null;
  if (half === undefined) return Number(hour24) > 23 ? null : [Number(hour24), minute];
  return Number(hour12) > 12 ? null : [(Number(hour12) % 12) + (half === "pm" ? 12 : 0), minute];
}

/** A time of day as a moment that can be typed: today's, or where it is still to come and said to be past, yesterday's. */
function clockText(
  parts: readonly (string | undefined)[],
  day: string | undefined,
  options: ClockOptions,
): string | null {
  const clockTime = hourAndMinute(parts);
  const { present, isPast } = options;
  const span = readSpan(timeText(day ?? "today"), present);
  if (span === null || clockTime === null) return null;
  const [hour, minute] = clockTime;
  const from = wallClock(present, span.from);
  const at = (back: number) =>
    localMs(present, from.getUTCFullYear(), from.getUTCMonth(), from.getUTCDate() - back, hour, minute);
  const ms = isPast && day === undefined && at(0) > present.nowMs ? at(1) : at(0);
  // Always with hours: midnight alone would be the whole day.
  return wallClock(present, ms).toISOString().slice(0, 16);
}

interface ClockOptions {
  present: EnglishContext["present"];
  isPast: boolean;
}

export const timeRules: EnglishRule[] = [
  rule(
    "before, after, since a time of day",
    `(?:${verb} )?(since|from|after|before|until) ${clock}(?: (?:on )?(today|yesterday|${weekday}|last ${weekday}))?`,
    (m, { present }) => {
      const [, what, relation = "", ...parts] = m;
      const isPast = relation !== "before" && relation !== "until";
      const value = clockText(parts, parts[6], { present, isPast });
      if (value === null) return null;
      const term = whenText(what, isPast ? "since" : relation, value);
      // Before ten is before ten of that day, and not ever.
      return isPast ? term : `${whenText(what, "from", timeText(parts[6] ?? "today"))} ${term}`;
    },
  ),
  rule(
    "started, ended or queued since, before, in a time",
    `${verb} (?:(since|after|before|until)|in|on|during) ${time}`,
    (m) => whenText(m[1], m[2], timeText(m[3] ?? "")),
  ),
  rule("started, ended or queued at a time", `${verb} (${sure})`, (m) =>
    whenText(m[1], undefined, timeText(m[2] ?? "")),
  ),
  rule(
    "started, ended or queued within the last so long",
    `${verb} (?:in|over|during|within) (?:the )?(?:last|past) ${count} ${span}`,
    (m) => whenText(m[1], "since", lengthText(m[2] ?? "", m[3] ?? "")),
  ),
  rule("started, ended or queued so long ago", `${verb} ${count} (days?|weeks?|months?|years?) ago`, (m, context) => {
    const at = daysAgo(m[2] ?? "", m[3] ?? "", context);
    return fieldOfVerb[m[1] ?? ""] === undefined
      ? at
      : at.startsWith("at:")
        ? at.replace("at", fieldOfVerb[m[1] ?? ""] ?? "at")
        : null;
  }),
  rule(
    "since / after / from a time",
    `(?:since|starting|from) ${time} (?:to|until|till|through) ${time}`,
    (m) => `since:${timeText(m[1] ?? "")} until:${timeText(m[2] ?? "")}`,
  ),
  rule(
    "between two times",
    `between ${time} and ${time}`,
    (m) => `since:${timeText(m[1] ?? "")} until:${timeText(m[2] ?? "")}`,
  ),
  rule("since a time", `since ${time}`, (m) => `since:${timeText(m[1] ?? "")}`),
  rule("since so long ago", `since ${count} ${span} ago`, (m) => `since:${lengthText(m[1] ?? "", m[2] ?? "")}`),
  rule("after a time", `after ${time}`, (m) => `after:${timeText(m[1] ?? "")}`),
  rule("until a time", `(?:until|till|up to) ${time}`, (m) => `until:${timeText(m[1] ?? "")}`),
  rule("before a time", `before ${time}`, (m) => `before:${timeText(m[1] ?? "")}`),
  rule("older than", `older than ${count} ${span}`, (m) => `before:${lengthText(m[1] ?? "", m[2] ?? "")}`),
  rule("newer than", `(?:newer|younger) than ${count} ${span}`, (m) => `since:${lengthText(m[1] ?? "", m[2] ?? "")}`),
  rule(
    "the last so long",
    `(?:in |over |during |within )?(?:the )?(?:last|past) ${count} ${span}`,
    (m) => `since:${lengthText(m[1] ?? "", m[2] ?? "")}`,
  ),
  rule(
    "the past hour, day, week",
    `(?:in |over |during )?(?:the )?(?:past (hour|day|week|month|year)|last (hour|day))`,
    (m) => `since:${lengthText("1", m[1] ?? m[2] ?? "")}`,
  ),
  rule("so long ago", `(?:from )?${count} (days?|weeks?|months?|years?) ago`, (m, context) =>
    daysAgo(m[1] ?? "", m[2] ?? "", context),
  ),
  rule("in, on, during a time", `(?:in|on|over|during|of|from) ${time}`, (m) => `at:${timeText(m[1] ?? "")}`),
  rule("a time by itself", `(${sure})`, (m) => `at:${timeText(m[1] ?? "")}`),
];
