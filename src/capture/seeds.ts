/** Probe: seeds of random numbers that the command and its variables show. What a script sets in its own code is in its code. */
import { isSecretValue } from "../core/secrets.ts";
import { seedsOf } from "../run/seeds.ts";
import type { Probe } from "./probe.ts";

export const seedsProbe: Probe = {
  name: "seeds",
  limitMs: 1000,
  async run({ argv, childEnv }) {
    const seeds = Object.entries(seedsOf(argv, childEnv)).filter(([, value]) => !isSecretValue(value));
    return { environment: { seeds: Object.fromEntries(seeds) } };
  },
};
