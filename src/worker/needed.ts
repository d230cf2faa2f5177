/**
 * Which datasets, environments and images the waiting runs need, soonest first: in the order of their expected starts, not of the line. Looks at the
 * front of the line only, and plans anew only where it has changed.
 */
import { existsSync } from "node:fs";
import { type ImageNeed, imageNeed } from "../run/container-command.ts";
import type { Manifest } from "../run/manifest.ts";
import type { DatasetUse } from "../run/manifest-data.ts";
import { readManifest } from "../run/store.ts";
import { expectedStarts } from "../schedule/starts.ts";
import { type Needed, neededOf } from "./prewarm.ts";
import type { Shop } from "./shop.ts";
import { needOf, type VenvNeed } from "./venv-build.ts";

const depth = 100;
const everyMs = 2000;
const remembered = 1000;

export interface NeededSoon {
  data: readonly Needed[];
  venvs: readonly VenvNeed[];
  images: readonly ImageNeed[];
}
/** What one run is to work with. */
interface Uses {
  datasets: readonly DatasetUse[];
  venv: VenvNeed | null;
  image: ImageNeed | null;
}
interface Known {
  version: number;
  atMs: number;
  needed: NeededSoon;
  uses: Map<string, Uses>;
}
const known = new WeakMap<Shop, Known>();

const none: Uses = { datasets: [], venv: null, image: null };
const nothing: NeededSoon = { data: [], venvs: [], images: [] };

const usesIn = (shop: Shop, manifest: Manifest): Uses => ({
  datasets: manifest.datasets,
  venv: needOf(shop.base, manifest),
  image: imageNeed(manifest),
});

function usesOf(shop: Shop, runId: string, uses: Map<string, Uses>): Uses {
  const before = uses.get(runId);
  if (before !== undefined) return before;
  const read = readManifest(shop.base.run(runId).manifest);
  const found = read.kind === "ok" ? usesIn(shop, read.manifest) : none;
  if (uses.size >= remembered) uses.clear();
  uses.set(runId, found);
  return found;
}

interface Place {
  at: number;
  startMs: number | null;
}
const unknownMs = Number.MAX_SAFE_INTEGER;
const startsBefore = (a: Place, b: Place) => (a.startMs ?? unknownMs) - (b.startMs ?? unknownMs) || a.at - b.at;

/** Throws nothing: a line that cannot be read needs nothing. */
export async function neededSoon(shop: Shop): Promise<NeededSoon> {
  const before = known.get(shop) ?? { version: -1, atMs: 0, needed: nothing, uses: new Map() };
  const nowMs = shop.clock.monotonicMs();
  if (nowMs - before.atMs < everyMs) return before.needed;
  try {
    const entries = await shop.line.entries();
    const { version } = shop.line;
    if (version === before.version) return before.needed;
    // Most bases have none of these, and no manifest is read for that.
    if (!entries.some(({ facts }) => facts.venv || facts.image) && !existsSync(shop.base.datasets)) {
      known.set(shop, { ...before, version, atMs: nowMs, needed: nothing });
      return nothing;
    }
    const waiting = entries.filter((entry) => !shop.live.has(entry.runId));
    const state = shop.planning.state(waiting, version);
    const isNeedy = ({ datasets, venv, image }: Uses) => datasets.length > 0 || venv !== null || image !== null;
    const front = state.line.slice(0, depth).filter((entry) => isNeedy(usesOf(shop, entry.runId, before.uses)));
    const starts =
      front.length === 0
        ? new Map()
        : expectedStarts(
            { ...state, isWarm: () => true, silentData: () => [] },
            new Set(front.map((entry) => entry.runId)),
          );
    const startOf = (runId: string): number | null => starts.get(runId)?.likelyMs ?? null;
    const soonest = front
      .map(({ runId }, at) => ({ runId, at, startMs: startOf(runId) }))
      .sort((a, b) => startsBefore(a, b));
    const data = soonest.flatMap(({ runId, startMs }) =>
      usesOf(shop, runId, before.uses).datasets.map((use) => neededOf(use, runId, startMs)),
    );
    const seen = new Set<string>();
    const venvs = soonest.flatMap(({ runId }) => {
      const { venv } = usesOf(shop, runId, before.uses);
      if (venv === null || seen.has(venv.id)) return [];
      seen.add(venv.id);
      return [venv];
    });
    const images = soonest.flatMap(({ runId }) => usesOf(shop, runId, before.uses).image ?? []);
    const needed = { data, venvs, images };
    known.set(shop, { version, atMs: nowMs, needed, uses: before.uses });
    return needed;
  } catch {
    return before.needed;
  }
}
