/**
 * Looks for metrics in what a running script writes, now and then, and once more when it has ended. A look that takes long
 * makes the next one rarer: at most a fiftieth of one core goes into it.
 */
import { Harvester } from "../harvest/harvest.ts";
import type { Manifest } from "../run/manifest.ts";
import type { Snapshot } from "../run/snapshot.ts";
import type { Harvesting, LiveRun, Shop } from "./shop.ts";

const firstMs = 5000;
const everyMs = 10_000;
const restFactor = 50;

function newHarvester({ paths }: LiveRun, manifest: Manifest, snapshot: Snapshot | null): Harvester {
  const code = new Map(snapshot?.files.map((file) => [file.path, file.size]) ?? []);
  return new Harvester(paths, { patterns: manifest.launch.metric_patterns, code });
}

/** Begins the looks at a running script; the first after a few seconds. What cannot be written is tried again. */
export function beginHarvest(
  shop: Shop,
  run: LiveRun,
  begun: { manifest: Manifest; snapshot: Snapshot | null },
): Harvesting {
  const harvester = newHarvester(run, begun.manifest, begun.snapshot);
  let stopped = false;
  let looking: Promise<unknown> = Promise.resolve();
  const look = async () => {
    const started = performance.now();
    const count = await harvester.harvest({ ended: false }).catch(() => 0);
    if (count > 0) shop.changed(run.runId);
    if (!stopped) arm(Math.max(everyMs, restFactor * (performance.now() - started)));
  };
  let timer: ReturnType<typeof setTimeout>;
  const arm = (afterMs: number) => {
    timer = setTimeout(() => {
      looking = look();
    }, afterMs);
    timer.unref();
  };
  arm(firstMs);
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await looking;
    },
    finish: (found) => harvester.harvest({ ended: true, found }),
  };
}
