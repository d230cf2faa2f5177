/**
 * Seeded chaos: 200 short runs are submitted over and over with the same client-made ids, while servers, workers and
 * Redis are killed and paused at random moments. Afterwards a checker that reads nothing but files finds each
 * acknowledged run exactly once, started at most once, complete, and told truthfully.
 *
 * The seed is printed; `CHAOS_SEED=n` repeats one. `CHAOS_RUNS` changes how many runs there are.
 */
import { afterEach, describe, expect } from "bun:test";
import { needs } from "../support/require.ts";
import { checkBase } from "./checker.ts";
import { type ChaosReport, runChaos } from "./driver.ts";

const runs = Number(process.env.CHAOS_RUNS ?? 200);
const seed = Number(process.env.CHAOS_SEED ?? Math.floor(Math.random() * 1e9));
let report: ChaosReport | null = null;

afterEach(async () => {
  await report?.dispose();
  report = null;
});

describe(`chaos (CHAOS_SEED=${seed})`, () => {
  needs("sha256sum", "sh")(
    "[K1 K2 K3 K4 K5 K6 Q11 Q12] servers and workers killed and paused at random: each run exactly once, complete, truthful",
    async () => {
      report = await runChaos({ seed, runs, backend: "sqlite" });
      expect(checkBase(report)).toEqual([]);
      expect(report.deeds.length).toBeGreaterThan(5);
    },
    600_000,
  );

  needs("redis-server", "redis-cli", "sha256sum")(
    "[Q3 Q4] Redis killed, restarted empty and flushed as well: nothing acknowledged is lost, nothing starts twice",
    async () => {
      report = await runChaos({ seed: seed + 1, runs: Math.ceil(runs / 2), backend: "redis" });
      expect(checkBase(report)).toEqual([]);
      expect(report.deeds.length).toBeGreaterThan(3);
    },
    600_000,
  );

  needs("sha256sum")(
    "[Q1] the filesystem queue with two workers and the same disturbances",
    async () => {
      report = await runChaos({ seed: seed + 2, runs: Math.ceil(runs / 2), backend: "fs" });
      expect(checkBase(report)).toEqual([]);
    },
    600_000,
  );
});
