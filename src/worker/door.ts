/**
 * The door for new runs, as far as the machine has a say: maximum power, maximum temperature, running on battery. Each
 * reason is one sentence; what runs goes on. What nobody can measure closes nothing. A limit that was passed holds until
 * the figure is clearly below it, so that the door does not swing.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { GpuReading } from "../measure/gpu.ts";

export interface DoorRules {
  /** Watts of all GPUs together from which on nothing starts; null: no limit. */
  maxPowerWatts: number | null;
  /** Of the hottest GPU; null: no limit. */
  maxTemperatureC: number | null;
  /** What running on battery does to new runs. */
  onBattery: "wait" | "run";
}

const reopensBelow = { power: 0.95, degrees: 5 };

export class Door {
  readonly #rules: DoorRules;
  readonly #root: string;
  #hot = false;
  #powerful = false;
  /** Whether this machine has a battery at all; looked for once. */
  #supplies: string[] | null = null;

  constructor(rules: Partial<DoorRules> = {}, root = "/") {
    this.#rules = { maxPowerWatts: null, maxTemperatureC: null, onBattery: "run", ...rules };
    this.#root = root;
  }

  /** True where the cards must be looked at before anything can be said. */
  get needsGpus(): boolean {
    return this.#rules.maxPowerWatts !== null || this.#rules.maxTemperatureC !== null;
  }

  /** Why no run may start now; empty where nothing stands against it. `readings` null: nobody knows. */
  reasons(readings: readonly GpuReading[] | null): string[] {
    return [this.#power(readings), this.#heat(readings), this.#battery()].filter((one) => one !== null);
  }

  #power(readings: readonly GpuReading[] | null): string | null {
    const limit = this.#rules.maxPowerWatts;
    if (limit === null || readings === null) return null;
    // Devices of one card tell the card's power each.
    const cards = new Map(readings.map((one) => [one.cardId, one.powerW ?? 0]));
    const watts = [...cards.values()].reduce((a, b) => a + b, 0);
    this.#powerful = watts >= limit || (this.#powerful && watts > limit * reopensBelow.power);
    if (!this.#powerful) return null;
    return `the GPUs draw ${Math.round(watts)} W and \`max_power_watts\` is ${limit}`;
  }

  #heat(readings: readonly GpuReading[] | null): string | null {
    const limit = this.#rules.maxTemperatureC;
    if (limit === null || readings === null) return null;
    const hottest = readings.reduce<GpuReading | null>(
      (most, one) => ((one.temperatureC ?? -1) > (most?.temperatureC ?? -1) ? one : most),
      null,
    );
    const degrees = hottest?.temperatureC ?? -1;
    this.#hot = degrees >= limit || (this.#hot && degrees > limit - reopensBelow.degrees);
    if (!this.#hot || hottest === null) return null;
    return `GPU ${hottest.index} is at ${degrees} °C and \`max_temperature_c\` is ${limit}`;
  }

  #battery(): string | null {
    if (this.#rules.onBattery === "run") return null;
    const folder = join(this.#root, "sys/class/power_supply");
    this.#supplies ??= listed(folder);
    const state = this.#supplies.map((name) => ({
      type: text(join(folder, name, "type")),
      // Batteries of mice and the like say `Device`.
      scope: text(join(folder, name, "scope")),
      status: text(join(folder, name, "status")),
      online: text(join(folder, name, "online")),
      capacity: text(join(folder, name, "capacity")),
    }));
    const batteries = state.filter((one) => one.type === "Battery" && one.scope !== "Device");
    const mains = state.filter((one) => one.type === "Mains" || one.type === "USB");
    const discharging = batteries.find((one) => one.status === "Discharging");
    if (discharging === undefined || mains.some((one) => one.online === "1")) return null;
    const left = discharging.capacity === "" ? "" : ` (${discharging.capacity} % left)`;
    return `the machine runs on battery${left} (\`on_battery\` allows new runs there)`;
  }
}

function listed(folder: string): string[] {
  try {
    return fs.readdirSync(folder);
  } catch {
    return [];
  }
}

function text(path: string): string {
  try {
    return fs.readFileSync(path, "utf8").trim();
  } catch {
    return "";
  }
}
