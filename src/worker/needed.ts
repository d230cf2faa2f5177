/**
 * Which datasets the waiting runs need, soonest first: in the order of their expected starts, not of the line. Looks at the
 * front of the line only, and plans anew only where it has changed.
 */
import { existsSync } from "node:fs";
import type { DatasetUse } from "../run/manifest.ts";
import { readManifest } from "../run/store.ts";
import { expectedStarts } from "../schedule/starts.ts";
import { type Needed, neededOf } from "./prewarm.ts";
import type { Shop } from "./shop.ts";

const depth = 100;
const everyMs = 2000;
const remembered = 1000;

interface Known {
  version: number;
  atMs: number;
  needed: Needed[];
  uses: Map<string, DatasetUse[]>;
}
const known = new WeakMap<Shop, Known>();

function usesOf(shop: Shop, runId: string, uses: Map<string, DatasetUse[]>): DatasetUse[] {
  const before = uses.get(runId);
  if (before !== undefined) return before;
  const read = readManifest(shop.base.run(runId).manifest);
  const found = read.kind === "ok" ? read.manifest.datasets : [];
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
export async function neededSoon(shop: Shop): Promise<readonly Needed[]> {
  const before = known.get(shop) ?? { version: -1, atMs: 0, needed: [], uses: new Map() };
  const nowMs = shop.clock.monotonicMs();
  if (nowMs - before.atMs < everyMs || !existsSync(shop.base.datasets)) return before.needed;
  try {
    const entries = await shop.line.entries();
    const { version } = shop.line;
    if (version === before.version) return before.needed;
    const waiting = entries.filter((entry) => !shop.live.has(entry.runId));
    const state = shop.planning.state(waiting, version);
    const front = state.line.slice(0, depth).filter((entry) => usesOf(shop, entry.runId, before.uses).length > 0);
    const starts =
      front.length === 0
        ? new Map()
        : expectedStarts({ ...state, isWarm: () => true }, new Set(front.map((entry) => entry.runId)));
    const startOf = (runId: string): number | null => starts.get(runId)?.likelyMs ?? null;
    const soonest = front
      .map(({ runId }, at) => ({ runId, at, startMs: startOf(runId) }))
      .sort((a, b) => startsBefore(a, b));
    const needed = soonest.flatMap(({ runId, startMs }) =>
      usesOf(shop, runId, before.uses).map((use) => neededOf(use, runId, startMs)),
    );
    known.set(shop, { version, atMs: nowMs, needed, uses: before.uses });
    return needed;
  } catch {
    return before.needed;
  }
}
