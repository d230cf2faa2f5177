/** Runs the capture of a run's surroundings beside the run and keeps what it finds at hand, until the manifest takes it. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Captured, foldCapture } from "../capture/capture.ts";
import { scriptEnvironment } from "../execute/launch.ts";
import { builtMark, launchedArgv, rebuildsEnvironment } from "../execute/rebuild-env.ts";
import type { Manifest } from "../run/manifest.ts";
import { isFinal } from "../run/status.ts";
import { changeManifest } from "../run/store.ts";
import { type Capturing, type LiveRun, type Shop, visibleGpus } from "./shop.ts";

/** Within this, what is cached is ready; the rest comes later. */
const budgetMs = 150;

/** The Python of a reproduction is there once its environment was built; until then there is nothing to look at. */
async function untilBuilt({ paths }: LiveRun, signal: AbortSignal): Promise<void> {
  while (!signal.aborted && !existsSync(builtMark(paths)) && !existsSync(paths.exitRecord)) await Bun.sleep(250);
}

/** Null where nothing is to be captured, or it was captured by an earlier worker. */
export function beginCapture(shop: Shop, run: LiveRun, manifest: Manifest): Capturing | null {
  if (shop.capture === null || manifest.environment.os !== null || isFinal(manifest.status)) return null;
  const stop = new AbortController();
  let known: Captured | null = null;
  const gpus = visibleGpus(shop, run);
  const work = async (capture: NonNullable<Shop["capture"]>) => {
    if (rebuildsEnvironment(manifest)) await untilBuilt(run, stop.signal);
    const first = await capture({
      argv: launchedArgv(run.paths, manifest),
      workFolder: run.paths.work,
      cwd: manifest.cwd,
      envFolder: run.paths.env,
      childEnv: scriptEnvironment(run.paths, shop.inherited, { base: shop.base, manifest, gpus }),
      askedNames: Object.keys(manifest.launch.env),
      cacheFolder: join(shop.state.stateDir, "cache", "capture"),
      probesFolder: shop.settings.probesFolder,
      budgetMs,
      signal: stop.signal,
    });
    known = first;
    known = await first.rest;
    // A long run has it in its manifest while it runs; a short one takes it into its last write.
    if (run.phase !== "running" || stop.signal.aborted) return;
    const all = known;
    changeManifest(run.paths, (now) => (isFinal(now.status) ? false : foldCapture(now, all)));
    shop.changed(run.runId);
  };
  let over = false;
  const done = work(shop.capture)
    .catch(() => {})
    .finally(() => {
      over = true;
    });
  return {
    abort: () => {
      if (!over) stop.abort();
    },
    done,
    fold: (now) => {
      if (known !== null) foldCapture(now, known);
    },
  };
}
