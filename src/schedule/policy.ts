/** The policy as the settings give it, checked once: rules of order, limits, hours. Nothing here asks a clock or a file. */
import { cheapest, parseHours, parseTariff, type Tariff, type Window, type Zone } from "../core/hours.ts";
import type { OrderRules } from "./order.ts";
import type { Limits } from "./state.ts";
import type { WishHours } from "./wish.ts";

/** The settings that make a policy; config/settings.ts says what each means. */
export interface PolicySettings {
  aging_hours: number;
  share_half_life_hours: number;
  share_gpu_weight: number;
  share_cpu_weight: number;
  user_max_runs: number | null;
  user_max_gpus: number | null;
  quiet_hours: string | null;
  night_hours: string;
  tariff: string | null;
}

export interface Policy {
  rules: OrderRules;
  limits: Limits;
  hours: WishHours;
  /** In these no run starts. */
  quiet: readonly Window[];
  tariff: readonly Tariff[];
}

const hourMs = 3_600_000;

/** Throws `bad_config` for hours that cannot be read. */
export function policyOf(settings: PolicySettings, zone: Zone): Policy {
  const tariff = parseTariff(settings.tariff);
  return {
    rules: {
      agingMs: settings.aging_hours * hourMs,
      halfLifeMs: settings.share_half_life_hours * hourMs,
      gpuWeight: settings.share_gpu_weight,
      cpuWeight: settings.share_cpu_weight,
      unknownRuntimeMs: hourMs,
    },
    limits: { userRuns: settings.user_max_runs, userGpus: settings.user_max_gpus },
    hours: { zone, night: parseHours(settings.night_hours, "`night_hours`"), cheap: cheapest(tariff) },
    quiet: parseHours(settings.quiet_hours, "`quiet_hours`"),
    tariff,
  };
}
