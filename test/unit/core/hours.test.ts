import { describe, expect, test } from "bun:test";
import { cheapest, nextOpening, openUntil, parseHours, parseTariff, priceAt } from "../../../src/core/hours.ts";
import { parseMoment } from "../../../src/core/moment.ts";
import { checkWish, wishOpensAt } from "../../../src/schedule/wish.ts";

/** A Thursday. */
const at = (day: number, hour: number, minute = 0) => Date.UTC(2026, 10, day, hour, minute);
const utc = () => 0;
const text = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString().slice(0, 16));

describe("windows of the day", () => {
  test("end where they say, over midnight too, and follow on each other", () => {
    const night = parseHours("22:00-06:00", "x");
    expect(openUntil(night, at(26, 21, 59), utc)).toBeNull();
    expect(text(openUntil(night, at(26, 22), utc))).toBe("2026-11-27T06:00");
    expect(text(openUntil(night, at(26, 5, 59), utc))).toBe("2026-11-26T06:00");
    expect(text(nextOpening(night, at(26, 12), utc))).toBe("2026-11-26T22:00");
    const joined = parseHours("22:00-24:00, 00:00-06:00", "x");
    expect(text(openUntil(joined, at(26, 23), utc))).toBe("2026-11-27T06:00");
  });

  test("keep to their days, and to the zone", () => {
    const work = parseHours("mon-fri 09:00-18:00", "x");
    expect(text(nextOpening(work, at(27, 18), utc))).toBe("2026-11-30T09:00");
    expect(openUntil(work, at(28, 12), utc)).toBeNull();
    expect(text(nextOpening(work, at(26, 6), () => 120))).toBe("2026-11-26T07:00");
    expect(openUntil(parseHours("sat-sun 00:00-24:00", "x"), at(29, 23, 59), utc)).toBe(at(30, 0));
  });

  test("what cannot be read is refused with how to write it", () => {
    for (const wrong of ["22", "22:00", "25:00-26:00", "mon 9-17", "10:00-10:00", "x-y 09:00-10:00", "1:60-2:00"])
      expect(() => parseHours(wrong, "`quiet_hours`")).toThrow("`quiet_hours`");
    expect(() => parseTariff("22:00-06:00")).toThrow("tariff");
  });

  test("the cheapest are those of the lowest price, and none where all cost the same", () => {
    const tariff = parseTariff("22:00-06:00 0.18, 06:00-22:00 0.32");
    expect(cheapest(tariff)).toMatchObject([{ fromMinute: 1320, toMinute: 1800 }]);
    expect(cheapest(parseTariff("00:00-24:00 0.3"))).toEqual([]);
  });
});

test("a kWh costs what the window of its moment says; of two that are open the first counts, outside all nobody knows", () => {
  const tariff = parseTariff("22:00-06:00 0.18, mon-fri 06:00-22:00 0.32, 20:00-24:00 9");
  expect(priceAt(tariff, at(26, 21, 59), utc)).toBe(0.32);
  expect(priceAt(tariff, at(26, 22), utc)).toBe(0.18);
  expect(priceAt(tariff, at(27, 5, 59), utc)).toBe(0.18);
  expect(priceAt(tariff, at(28, 21), utc)).toBe(9);
  expect(priceAt(tariff, at(28, 12), utc)).toBeNull();
  expect(priceAt(tariff, at(26, 21, 59), () => 1)).toBe(0.18);
  expect(priceAt([], at(26, 12), utc)).toBeNull();
});

describe("wishes", () => {
  const hours = { zone: utc, night: parseHours("22:00-06:00", "x"), cheap: parseHours("01:00-05:00", "x") };
  const opens = (wish: string, nowMs: number, queuedAtMs = nowMs) =>
    text(wishOpensAt(wish, { nowMs, queuedAtMs }, hours));

  test("open at the hours that they name", () => {
    expect(opens("night", at(26, 12))).toBe("2026-11-26T22:00");
    expect(opens("night", at(26, 23))).toBe("2026-11-26T23:00");
    expect(opens("cheap", at(26, 12))).toBe("2026-11-27T01:00");
    expect(opens("13:00-14:00", at(26, 12))).toBe("2026-11-26T13:00");
    expect(opens("idle", at(26, 12))).toBeNull();
  });

  test("`after` means the first such hour after the run was queued, and stays open", () => {
    expect(opens("after 22:00", at(26, 12))).toBe("2026-11-26T22:00");
    expect(opens("after 22:00", at(27, 9), at(26, 12))).toBe("2026-11-27T09:00");
  });

  test("those that mean nothing are refused", () => {
    expect(() => checkWish("cheap", { ...hours, cheap: [] })).toThrow("means nothing here");
    for (const wrong of ["soon", "after 9", "after 25:00", ""]) expect(() => checkWish(wrong, hours)).toThrow();
  });
});

describe("moments", () => {
  const clock = { nowMs: at(26, 12), zone: utc };
  const moment = (words: string, given = clock) => text(parseMoment(words, "`--at`", given));

  test("are understood as people write them", () => {
    expect(moment("22:00")).toBe("2026-11-26T22:00");
    expect(moment("9:30")).toBe("2026-11-27T09:30");
    expect(moment("tomorrow 8:00")).toBe("2026-11-27T08:00");
    expect(moment("Thu 9:00")).toBe("2026-12-03T09:00");
    expect(moment("friday 9:00")).toBe("2026-11-27T09:00");
    expect(moment("2026-12-24 18:00")).toBe("2026-12-24T18:00");
    expect(moment("2026-12-24T18:00:00+02:00")).toBe("2026-12-24T16:00");
    expect(moment("+90m")).toBe("2026-11-26T13:30");
    expect(moment("22:00", { ...clock, zone: () => -480 })).toBe("2026-11-27T06:00");
  });

  test("what is over, or none, is refused", () => {
    expect(() => moment("2026-11-25 08:00")).toThrow("is over");
    for (const wrong of ["soon", "25:00", "12:60", "2026-02-30 10:00", "someday 9:00", "tomorrow"])
      expect(() => moment(wrong)).toThrow("is not a time");
  });
});
