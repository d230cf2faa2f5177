/**
 * launch.sh and the environment of a script. What a script sees is the worker's own environment without BUN_* and ML_*,
 * and the lines that launch.sh exports. Only those lines reach the disk: what the worker inherited may hold secrets.
 * docs/running-scripts.md documents every variable.
 */
import { join } from "node:path";
import { quoteCommand, quoteWord } from "../core/shell-quote.ts";
import { datasetVariable } from "../run/dataset-record.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths, RunPaths } from "../run/paths.ts";
import {
  buildScript,
  environmentFolder,
  environmentVariables,
  launchedArgv,
  rebuildsEnvironment,
} from "./rebuild-env.ts";
import { traceLines } from "./trace-reads.ts";

/** The worker's environment as it is handed on: without Bun's switches and without anything of ours (keys, settings). */
export function inheritedEnvironment(own: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const handedOn: Record<string, string> = {};
  for (const [name, value] of Object.entries(own)) {
    if (value === undefined || name.startsWith("BUN_") || name.startsWith("ML_")) continue;
    handedOn[name] = value;
  }
  return handedOn;
}

/** The folder with ml_runner.py that is appended to PYTHONPATH. */
export function pythonFolder(base: BasePaths): string {
  return join(base.lib, "python");
}

export interface LaunchOptions {
  base: BasePaths;
  manifest: Manifest;
  /** What it may see of the GPUs; null where the machine has none to hide or to hand out. */
  gpus: VisibleGpus | null;
}

export interface VisibleGpus {
  /** Null where nobody knows: then NVIDIA's variables are set. */
  vendor: "nvidia" | "amd" | null;
  /** UUIDs; indices where a card has none. */
  ids: readonly string[];
}

/**
 * The variables by which the drivers' libraries see these cards and no others; with none, no card. AMD's runtime first
 * narrows by ROCR_VISIBLE_DEVICES, and HIP counts within what is left ("GPU isolation techniques" of the ROCm manual).
 */
export function gpuVariables({ vendor, ids }: VisibleGpus): Record<string, string> {
  if (vendor !== "amd") return { CUDA_VISIBLE_DEVICES: ids.join(","), CUDA_DEVICE_ORDER: "PCI_BUS_ID" };
  if (ids.length === 0) return { ROCR_VISIBLE_DEVICES: "", HIP_VISIBLE_DEVICES: "-1" };
  return { ROCR_VISIBLE_DEVICES: ids.join(","), HIP_VISIBLE_DEVICES: ids.map((_, index) => index).join(",") };
}

/** How often it was tried before, and where the attempt before left its checkpoints. */
function attemptVariables(base: BasePaths, { launch, lineage }: Manifest): Record<string, string> {
  const count = (launch.retry?.attempt ?? 1) - 1;
  const before = count > 0 ? lineage.source_run : null;
  return {
    ML_RESTART_COUNT: String(count),
    ...(before === null ? {} : { ML_PREVIOUS_RUN: before, ML_PREVIOUS_RUN_DIR: base.run(before).folder }),
  };
}

/** Where its datasets are, by name. */
function dataVariables({ datasets }: Manifest): Record<string, string> {
  return Object.fromEntries(
    datasets.flatMap(({ name, local_path: local, nas_path: nas }) => {
      const folder = local ?? nas;
      return folder === null ? [] : [[datasetVariable(name), folder]];
    }),
  );
}

/** So that a script may prepare for what it will be sent. */
function warningVariables({ launch }: Manifest): Record<string, string> {
  if (launch.warn_signal === null || launch.warn_seconds === null) return {};
  return { ML_WARN_SIGNAL: launch.warn_signal, ML_WARN_SECONDS: String(launch.warn_seconds) };
}

/** What we add to the inherited environment, in the order of launch.sh; without PYTHONPATH, which is appended to. */
export function addedEnvironment(paths: RunPaths, { base, manifest, gpus }: LaunchOptions): Record<string, string> {
  const group = manifest.narrative.experiment_group;
  const source = manifest.lineage.source_run;
  return {
    PYTHONUNBUFFERED: "1",
    ML_RUN_NAME: manifest.name,
    ML_RUN_DIR: paths.folder,
    ML_WORK_DIR: paths.work,
    ML_METRICS_FILE: paths.metrics,
    ML_USER: manifest.user,
    ...(group === null ? {} : { ML_GROUP: group }),
    ...attemptVariables(base, manifest),
    ...warningVariables(manifest),
    ...(source === null ? {} : { ML_SOURCE_RUN: source }),
    ...(manifest.launch.staged === null ? {} : { ML_STAGED: paths.staged }),
    ...dataVariables(manifest),
    // What everybody's terminal understands; that of the worker, if it has one, says nothing about who attaches.
    ...(manifest.launch.tty ? { TERM: "xterm-256color" } : {}),
    ...(gpus === null ? {} : gpuVariables(gpus)),
    ...manifest.launch.env,
    // Not to be overridden by --env: stragglers are found by it.
    ML_RUN_ID: manifest.run_id,
  };
}

/** The whole environment that the script will have. For capture and for the message of a command that is not found. */
export function scriptEnvironment(
  paths: RunPaths,
  inherited: Readonly<Record<string, string>>,
  options: LaunchOptions,
): Record<string, string> {
  const all = { ...inherited, ...addedEnvironment(paths, options) };
  const own = pythonFolder(options.base);
  const folder = environmentFolder(paths, options.manifest);
  if (folder !== null) Object.assign(all, environmentVariables(folder, all.PATH));
  return { ...all, PYTHONPATH: all.PYTHONPATH ? `${all.PYTHONPATH}:${own}` : own };
}

/** Puts the run's environment before everything else; one that is built anew is built first. */
function environmentLines(paths: RunPaths, manifest: Manifest): string[] {
  const folder = environmentFolder(paths, manifest);
  if (folder === null) return [];
  return [
    ...(rebuildsEnvironment(manifest) ? [`/bin/sh ${quoteWord(buildScript(paths))} || exit 1`] : []),
    `export VIRTUAL_ENV=${quoteWord(folder)}`,
    `export PATH=${quoteWord(`${folder}/bin`)}:"$PATH"`,
  ];
}

/** The text of launch.sh. Every word is quoted by itself: what was queued arrives byte for byte. */
export function launchScript(paths: RunPaths, options: LaunchOptions): string {
  const { manifest } = options;
  const exports = Object.entries(addedEnvironment(paths, options)).map(
    ([name, value]) => `export ${name}=${quoteWord(value)}`,
  );
  const folder = join(paths.work, manifest.cwd);
  const argv = launchedArgv(paths, manifest);
  return [
    "#!/bin/sh",
    `# Run ${manifest.run_id}: this is what the supervisor runs. By hand: sh ${quoteWord(paths.launchScript)}`,
    "# The rest of the environment is that of whoever starts it; nothing of it is written down here.",
    `cd ${quoteWord(folder)} || exit 126`,
    ...exports,
    `export PYTHONPATH="\${PYTHONPATH:+$PYTHONPATH:}"${quoteWord(pythonFolder(options.base))}`,
    ...environmentLines(paths, manifest),
    ...(manifest.launch.trace_reads ? traceLines(paths, argv) : []),
    `exec ${quoteCommand(argv)}`,
    "",
  ].join("\n");
}
