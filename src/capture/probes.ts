/** The table of probes: one file and one line each. Where two find the same thing, the upper one's word counts. */

import { condaProbe } from "./conda.ts";
import { containerProbe } from "./container.ts";
import { envVarsProbe } from "./env-vars.ts";
import { gpuDriverProbe } from "./gpu-driver.ts";
import { lockFilesProbe } from "./lock-files.ts";
import { nvidiaSmiProbe } from "./nvidia-smi.ts";
import { ownProbes } from "./own-probes.ts";
import type { Probe } from "./probe.ts";
import { pythonProbe } from "./python.ts";
import { seedsProbe } from "./seeds.ts";
import { systemProbe } from "./system.ts";

export const probes: readonly Probe[] = [
  envVarsProbe,
  seedsProbe,
  systemProbe,
  gpuDriverProbe,
  pythonProbe,
  condaProbe,
  lockFilesProbe,
  nvidiaSmiProbe,
  containerProbe,
  ownProbes,
];
