/**
 * Probe: NVIDIA GPUs and driver as the kernel module lists them under /proc/driver/nvidia, the CUDA toolkit from its
 * version file, cuDNN from its header. Files only: it works where nvidia-smi is missing, broken or hung.
 */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { remembered } from "./cache.ts";
import type { Finding, Probe } from "./probe.ts";

/** A driver that is loaded anew while the worker lives is seen after this long. */
const holdsMs = 60_000;

export const gpuDriverProbe: Probe = {
  name: "gpu driver",
  limitMs: 5000,
  run({ root, childEnv }) {
    const cudaFolder = childEnv.CUDA_HOME ?? childEnv.CUDA_PATH ?? join(root, "usr/local/cuda");
    return remembered(`gpu driver ${root} ${cudaFolder}`, holdsMs, () => look(root, cudaFolder));
  },
};

async function look(root: string, cudaFolder: string): Promise<Finding> {
  const text = (...path: string[]) => readFile(join(root, ...path), "utf8").catch(() => null);
  const driver = driverVersion((await text("proc/driver/nvidia/version")) ?? "");
  const slots = await readdir(join(root, "proc/driver/nvidia/gpus")).catch(() => []);
  const lists = await Promise.all(slots.sort().map((slot) => text("proc/driver/nvidia/gpus", slot, "information")));
  const names = lists.flatMap((list) => /^Model:\s*(.+)$/m.exec(list ?? "")?.[1]?.trim() ?? []);
  const toolkit = await toolkitVersion(cudaFolder);
  return {
    environment: { gpu_driver: driver, cuda_version: toolkit },
    resources: { gpu_model: modelNames(names) },
    hardware: {
      gpu_driver: driver,
      cuda_toolkit_version: toolkit,
      cudnn_version: await cudnnVersion(root, cudaFolder),
    },
  };
}

/** `550.54.15` from the module's version line, open or proprietary; null where there is none. */
export function driverVersion(text: string): string | null {
  return /^NVRM version:.*?\s(\d+\.\d+(?:\.\d+)*)\s/m.exec(text)?.[1] ?? null;
}

/** Names of the GPUs for people: equal ones once, different ones after each other; null where there is none. */
export function modelNames(names: readonly string[]): string | null {
  const distinct = [...new Set(names)];
  return distinct.length === 0 ? null : distinct.join(", ");
}

/** The installed CUDA toolkit's version, from version.json (11.1 and later) or version.txt. */
async function toolkitVersion(cudaFolder: string): Promise<string | null> {
  const json = await readFile(join(cudaFolder, "version.json"), "utf8").catch(() => "");
  const text = await readFile(join(cudaFolder, "version.txt"), "utf8").catch(() => "");
  const found = /"cuda"\s*:\s*\{[^}]*"version"\s*:\s*"([\d.]+)"/.exec(json) ?? /CUDA Version\s+([\d.]+)/.exec(text);
  return found?.[1] ?? null;
}

/** The installed cuDNN's version by its header (cudnn_version.h, before version 8 cudnn.h); one from a Python package is in pip_freeze. */
async function cudnnVersion(root: string, cudaFolder: string): Promise<string | null> {
  const folders = [join(cudaFolder, "include"), join(root, "usr/include"), join(root, "usr/include/x86_64-linux-gnu")];
  for (const folder of folders) {
    for (const name of ["cudnn_version.h", "cudnn.h"]) {
      const head = await readFile(join(folder, name), "utf8").catch(() => "");
      const part = (word: string) => new RegExp(`^#define CUDNN_${word}\\s+(\\d+)`, "m").exec(head)?.[1];
      const parts = [part("MAJOR"), part("MINOR"), part("PATCHLEVEL")];
      if (parts.every((value) => value !== undefined)) return parts.join(".");
    }
  }
  return null;
}
