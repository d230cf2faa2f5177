/**
 * A card that a run holds and does not use: its owner is told, in the problems and in the run's events. It is handed back
 * only where the config says so beforehand (`gpu_idle_stop_minutes`), because an idle card may be a long evaluation.
 */
import { formatDuration } from "../core/duration.ts";
import { noteEvent } from "./run-events.ts";
import { type Breach, idleProblem, type LiveRun, type Shop } from "./shop.ts";

/** Whole minutes, so that the sentence is another once a minute; before the first, seconds. */
const inWhole = (ms: number) => Math.floor(ms / (ms < 60_000 ? 1000 : 60_000)) * (ms < 60_000 ? 1000 : 60_000);

/** Tells, stops telling, and says whether the agreed time is over. */
export function onIdleCards(shop: Shop, run: LiveRun, atMs: number): Breach | null {
  const { gpuIdleMinutes, gpuIdleStopMinutes } = shop.settings;
  const sinceMs = run.meter?.idleSinceMs ?? null;
  const idleMs = sinceMs === null ? 0 : atMs - sinceMs;
  if (gpuIdleMinutes <= 0 || idleMs < gpuIdleMinutes * 60_000) {
    if (idleMs === 0 && shop.problems.delete(idleProblem(run))) shop.changed(run.runId);
    return null;
  }
  const cards = run.placement.cards.length;
  const what = cards === 1 ? "a GPU" : `${cards} GPUs`;
  if (!shop.problems.has(idleProblem(run))) {
    noteEvent(run.paths, shop.clock.nowMs(), {
      event: `it holds ${what} and has not used it for ${formatDuration(idleMs)}`,
    });
    shop.changed(run.runId);
  }
  const stops = gpuIdleStopMinutes > 0 ? ` (stopped after ${formatDuration(gpuIdleStopMinutes * 60_000)})` : "";
  shop.problems.set(
    idleProblem(run),
    `run \`${run.runId}\` holds ${what} that it has not used for ${formatDuration(inWhole(idleMs))}${stops}`,
  );
  if (gpuIdleStopMinutes <= 0 || idleMs < gpuIdleStopMinutes * 60_000) return null;
  return {
    why: "idle_gpu",
    reason: `it had not used its GPU for ${formatDuration(gpuIdleStopMinutes * 60_000)} (\`gpu_idle_stop_minutes\`)`,
  };
}
