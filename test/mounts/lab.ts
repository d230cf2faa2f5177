/** A lab whose server meets a network mount: short limits, a dataset on it, and what processes of ours it holds. */
import { readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import type { Manifest } from "../../src/run/manifest.ts";
import { type Lab, openLab } from "../e2e/lab.ts";
import { type Nas, openNas } from "../support/nas.ts";
import { until } from "../support/temp.ts";

export interface MountLab extends Lab {
  nas: Nas;
  /** The dataset `far`: `a`, `b` and `c`, of 300 kB each. */
  far: string;
  manifest(runId: string): Manifest;
  /** Waits for the end of a run. */
  ended(runId: string): Promise<Manifest>;
  /** What `ml status` shows. */
  status(): Promise<string>;
}

/** Starts a server with these settings, and registers the dataset `far`. */
export async function openMountLab(settings: Record<string, string | number> = {}): Promise<MountLab> {
  const nas = await openNas();
  const lab = openLab();
  for (const [at, name] of ["a", "b", "c"].entries())
    writeFileSync(join(nas.behind, name), Buffer.alloc(300_000, `${at}`));
  const quick = { ML_DATA_TIMEOUT_SECONDS: 1, ML_PREWARM: "off", ML_SLOTS: 2, ...settings };
  const env = Object.fromEntries(Object.entries(quick).map(([name, value]) => [name, `${value}`]));
  const started = await lab.ml(["server", "start"], { env });
  if (started.code !== 0) throw new Error(`no server: ${started.stderr}`);
  await lab.json(["dataset", "add", "far", nas.point]);
  const manifest = (runId: string) =>
    JSON.parse(readFileSync(join(lab.folder(runId), "run_manifest.json"), "utf8")) as Manifest;
  return {
    ...lab,
    ...{ nas, far: nas.point, manifest },
    ended: (runId) =>
      until(`the end of ${runId}`, () => {
        const now = manifest(runId);
        return ["completed", "failed", "cancelled"].includes(now.status) && now.ended_at !== null ? now : null;
      }),
    status: async () => (await lab.ml(["status"])).stdout,
  };
}

/** Waits until a process of ours has a file of this folder open; its name. */
export const openIn = (folder: string): Promise<string> =>
  until(`a file of ${folder} to be open`, () => {
    for (const pid of dataProcesses(folder)) {
      try {
        const open = readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
        const found = open.find((path) => dirname(path) === folder);
        if (found !== undefined) return basename(found);
      } catch {
        // It has gone.
      }
    }
    return null;
  });

/** Processes of ours that work on data under `path` and have not gone. */
export function dataProcesses(path: string): number[] {
  return readdirSync("/proc").flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const words = readFileSync(`/proc/${name}/cmdline`, "utf8").split("\0");
      return words.includes("__data") && words.some((word) => word.includes(path)) ? [Number(name)] : [];
    } catch {
      return [];
    }
  });
}
