/** What closes the door for new runs: power, heat, battery; and that it does not swing. */
import { expect, test } from "bun:test";
import type { GpuReading } from "../../../src/measure/gpu.ts";
import { Door } from "../../../src/worker/door.ts";
import { put } from "../../support/queued-run.ts";
import { tempFolder } from "../../support/temp.ts";

function card(index: number, powerW: number | null, temperatureC: number | null): GpuReading {
  const id = `GPU-${index}`;
  const nothing = { busId: null, memoryGb: null, usedGb: null, utilization: null, powerLimitW: null, energyJ: null };
  return { id, cardId: id, index, model: null, powerW, temperatureC, throttled: [], fault: null, ...nothing };
}

test("the power of all GPUs together closes it, and it opens again clearly below the limit", () => {
  const door = new Door({ maxPowerWatts: 600 });
  expect(door.reasons([card(0, 300, 60), card(1, 290, 60)])).toEqual([]);
  expect(door.reasons([card(0, 312, 60), card(1, 300, 60)])).toEqual([
    "the GPUs draw 612 W and `max_power_watts` is 600",
  ]);
  expect(door.reasons([card(0, 290, 60), card(1, 290, 60)])).toHaveLength(1);
  expect(door.reasons([card(0, 280, 60), card(1, 280, 60)])).toEqual([]);
});

test("the hottest GPU closes it, by name", () => {
  const door = new Door({ maxTemperatureC: 80 });
  expect(door.reasons([card(0, 1, 60), card(1, 1, 83)])).toEqual(["GPU 1 is at 83 °C and `max_temperature_c` is 80"]);
  expect(door.reasons([card(0, 1, 60), card(1, 1, 77)])).toHaveLength(1);
  expect(door.reasons([card(0, 1, 60), card(1, 1, 74)])).toEqual([]);
});

test("what nobody can measure closes nothing", () => {
  const door = new Door({ maxPowerWatts: 1, maxTemperatureC: 1, onBattery: "wait" }, tempFolder("ml-power-"));
  expect(door.reasons(null)).toEqual([]);
  expect(door.reasons([card(0, null, null)])).toEqual([]);
});

test("on battery it is closed where the config does not allow it, and a mouse's battery is none", () => {
  const root = tempFolder("ml-power-");
  const supply = (name: string, files: Record<string, string>) => {
    for (const [file, text] of Object.entries(files))
      put(`${root}/sys/class/power_supply/${name}/${file}`, `${text}\n`);
  };
  supply("BAT0", { type: "Battery", status: "Discharging", capacity: "41" });
  supply("AC", { type: "Mains", online: "0" });
  supply("hidpp_battery_0", { type: "Battery", scope: "Device", status: "Discharging" });
  const door = new Door({ onBattery: "wait" }, root);
  expect(door.reasons(null)).toEqual(["the machine runs on battery (41 % left) (`on_battery` allows new runs there)"]);
  expect(new Door({ onBattery: "run" }, root).reasons(null)).toEqual([]);
  supply("AC", { online: "1" });
  expect(door.reasons(null)).toEqual([]);
});
