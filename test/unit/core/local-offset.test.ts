import { afterEach, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { localOffsetMs } from "../../../src/core/local-offset.ts";

const before = process.env.TZ;
afterEach(() => {
  if (before === undefined) delete process.env.TZ;
  else process.env.TZ = before;
});

const zones = [
  "UTC",
  "Europe/Berlin",
  "America/New_York",
  "Asia/Kolkata",
  "Australia/Lord_Howe",
  "Pacific/Apia",
  "Africa/Casablanca",
];

test("[T1 T3] the offset is the runtime's, over switches of daylight saving, past 2038, and with zones that are missing", () => {
  for (const zone of [...zones, "No/Such_Zone"]) {
    if (!existsSync(`/usr/share/zoneinfo/${zone}`) && zone !== "No/Such_Zone") continue;
    process.env.TZ = zone;
    for (let year = 1972; year <= 2042; year += 5) {
      for (let month = 0; month < 12; month++) {
        const ms = Date.UTC(year, month, 27, 1, 30);
        expect([zone, ms, localOffsetMs(ms)]).toEqual([zone, ms, 0 - new Date(ms).getTimezoneOffset() * 60_000]);
      }
    }
  }
});
