/**
 * The image of the container that a run's command starts, as it was when the run's turn came: there because it was pulled ahead, there
 * anyway, or left to the command. Written into the manifest; fails no run, and holds none up but to join a pull under way.
 */
import { type ImageNeed, imageNeed } from "../run/container-command.ts";
import type { Manifest } from "../run/manifest.ts";
import type { ImageUse } from "../run/manifest-data.ts";
import { isFinal } from "../run/status.ts";
import { changeManifest } from "../run/store.ts";
import { savedSeconds } from "./data-use.ts";
import type { ImageAtTurn, Images } from "./images.ts";
import type { LiveRun, Shop } from "./shop.ts";
import { readStopRequest } from "./stop-request.ts";

const stopLookMs = 250;
/** A pull under way is waited for as long again as it has taken, and so long at least. */
const leastJoinMs = 60_000;

const nothing = { digest: null, size_gb: null, pulled_at: null, pull_seconds: null };

function useOf({ tool: engine, image }: ImageNeed, seen: ImageAtTurn, { waited }: { waited: number }): ImageUse {
  const unknown = { ...nothing, engine, image, waited_seconds: waited, time_saved_seconds: null };
  if (seen.kind === "unknown") return { ...unknown, pulled_via: null, pulled_why: seen.why };
  if (seen.kind === "absent") return { ...unknown, pulled_via: "command", pulled_why: seen.why };
  const { found, record } = seen;
  const size_gb = found.sizeBytes === null ? null : found.sizeBytes / 1e9;
  const there = { ...unknown, digest: found.digest, size_gb };
  if (record === null) return { ...there, pulled_via: "there", pulled_why: "it was there before" };
  return {
    ...there,
    ...{ pulled_via: "prewarm", pulled_why: waited === 0 ? "hit" : "its pull was under way" },
    ...{ pulled_at: record.pulled_at, pull_seconds: record.seconds },
    time_saved_seconds: savedSeconds(record.seconds, waited, true),
  };
}

/** Waits for a pull under way, but not for ever; resolves with the seconds that took. */
async function joinPull(
  shop: Shop,
  run: LiveRun,
  { images, need }: { images: Images; need: ImageNeed },
): Promise<number> {
  const pull = images.join(need, run.runId);
  if (pull === null) return 0;
  const sinceMs = shop.clock.monotonicMs();
  const waitedMs = () => shop.clock.monotonicMs() - sinceMs;
  const longestMs = Math.max(leastJoinMs, pull.soFarMs);
  let isOver = false;
  const over = pull.over.then(() => {
    isOver = true;
  });
  const isStopped = () => run.claimLost || shop.closing || readStopRequest(run.paths) !== null;
  while (!isOver && waitedMs() < longestMs && !isStopped()) await Promise.race([over, Bun.sleep(stopLookMs)]);
  if (!isOver) images.leave(need, run.runId);
  return Math.round(waitedMs()) / 1000;
}

/** Always null: nothing about an image keeps its run from starting. Throws system errors of the run folder alone. */
export async function noteImage(shop: Shop, run: LiveRun, manifest: Manifest): Promise<null> {
  const { images } = shop;
  const need = images === null ? null : imageNeed(manifest);
  if (images === null || need === null) return null;
  const waited = await joinPull(shop, run, { images, need });
  const use = useOf(need, await images.atTurn(need), { waited });
  const noted = changeManifest(run.paths, (now) => {
    if (isFinal(now.status)) return false;
    now.environment.image = use;
    return true;
  });
  manifest.environment.image = noted.environment.image;
  return null;
}
