/**
 * The machine of a worker, as the settings and the hardware have it: what there is to hand out, who looks after the GPUs,
 * when the door is closed, and the power limit that is put on and taken back. The same for a worker in a server and alone.
 */
import { join } from "node:path";
import type { Settings } from "../config/settings.ts";
import { localZone, parseTariff, priceAt } from "../core/hours.ts";
import { hangingMountOf } from "../core/mount-table.ts";
import { openAmd } from "../measure/amd.ts";
import type { GpuMeter } from "../measure/gpu.ts";
import { openNvidia } from "../measure/nvidia.ts";
import type { BasePaths, StatePaths } from "../run/paths.ts";
import { detectCapacity } from "./capacity.ts";
import { Door } from "./door.ts";
import { Gpus } from "./gpus.ts";
import { PowerCap } from "./power-cap.ts";
import type { WorkerOptions } from "./shop.ts";

export interface MachinePlaces {
  settings: Settings;
  base: BasePaths;
  state: StatePaths;
  name: string;
  env: Readonly<Record<string, string | undefined>>;
}

/** Where /sys and /proc are looked for; another place for tests of hardware that is not there. */
const rootOf = (env: MachinePlaces["env"]) => env.ML_SYSFS_ROOT ?? "/";

function powerCap({ state, name, env }: MachinePlaces, meter: GpuMeter | null): PowerCap | null {
  const program = meter?.vendor === "nvidia" ? Bun.which("nvidia-smi", { PATH: env.PATH ?? "" }) : null;
  return program === null
    ? null
    : new PowerCap({ program, env: { PATH: env.PATH }, stateDir: state.stateDir, worker: name });
}

/**
 * Environments, and what is known of images, are read by too much to hang: where copies lie on a mount that may, they do
 * not lie beside them.
 */
function besideCopies({ settings, base, state }: MachinePlaces, name: "venvs" | "images"): string {
  const cache = settings.cache_dir ?? join(base.base, "cache");
  return join(hangingMountOf(cache) === null ? cache : state.stateDir, name);
}

export function openMachine(
  places: MachinePlaces,
): Pick<
  WorkerOptions,
  | "prewarm"
  | "venvs"
  | "images"
  | "capacity"
  | "settings"
  | "gpus"
  | "door"
  | "onOpen"
  | "onClose"
  | "price"
  | "currency"
> {
  const { settings, env, base } = places;
  const meter = openNvidia(env) ?? openAmd(rootOf(env), env);
  const gpus = new Gpus(meter, {
    limit: settings.gpus,
    headroom: settings.gpu_headroom,
    foreign: settings.gpu_foreign as "wait" | "ignore",
    hiddenGb: settings.gpu_foreign_gb,
  });
  const door = new Door(
    {
      maxPowerWatts: settings.max_power_watts,
      maxTemperatureC: settings.max_temperature_c,
      onBattery: settings.on_battery as "wait" | "run",
    },
    rootOf(env),
  );
  const cap = powerCap(places, meter);
  const watts = settings.gpu_power_cap_watts;
  const tariff = parseTariff(settings.tariff);
  return {
    capacity: detectCapacity(settings, base.base),
    settings: {
      diskFloorMb: settings.disk_floor_mb,
      logMaxMb: settings.log_max_mb,
      probesFolder: settings.probes_dir,
      gpuIdleMinutes: settings.gpu_idle_minutes,
      gpuIdleStopMinutes: settings.gpu_idle_stop_minutes,
      dataStallMs: settings.data_timeout_seconds * 1000,
      dataHands: settings.data_hands,
      dataSilent: settings.data_silent as "wait" | "fail",
    },
    prewarm: {
      folder: settings.cache_dir ?? join(base.base, "cache"),
      mode: settings.prewarm as "network" | "all" | "off",
      limitBytes: settings.cache_max_gb === null ? null : settings.cache_max_gb * 1e9,
      bytesPerSecond: settings.prewarm_mb_s === 0 ? null : settings.prewarm_mb_s * 1e6,
      hands: settings.data_hands,
      stallMs: settings.data_timeout_seconds * 1000,
    },
    venvs: {
      folder: besideCopies(places, "venvs"),
      limitBytes: settings.venv_max_gb * 1e9,
      longestMs: settings.venv_build_minutes * 60_000,
    },
    images:
      settings.prewarm === "off" || settings.image_pull_minutes === 0
        ? null
        : {
            folder: besideCopies(places, "images"),
            longestMs: settings.image_pull_minutes * 60_000,
          },
    gpus,
    door,
    // A cap that an earlier worker could not take back is taken back now, wanted again or not.
    onOpen: async () => {
      const readings = gpus.last()?.readings ?? [];
      if (watts === null) await cap?.restore(readings);
      else if (cap === null)
        return "the GPUs' power limit cannot be set (`gpu_power_cap_watts`): there is no nvidia-smi";
      else return cap.apply(readings, watts);
      return null;
    },
    onClose: async () => {
      await cap?.restore(null);
    },
    price: (atMs) => priceAt(tariff, atMs, localZone) ?? settings.energy_price,
    currency: settings.energy_currency,
  };
}
