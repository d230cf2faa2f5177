/** The watch over the network mounts that datasets lie on: what this worker asks it to look at, and what is said of it. */
import { statSync } from "node:fs";
import { MountWatch, type WatchedPlace } from "../data/mount-watch.ts";
import { listDatasets } from "../run/dataset-record.ts";
import { mountSentence } from "../run/mount-facts.ts";
import type { Shop } from "./shop.ts";
import { isWatched } from "./watched.ts";

const problemKey = (point: string) => `mount ${point}`;

/** Read anew where a record was written: each is replaced whole, which changes its folder. */
function placesReader({ base }: Pick<Shop, "base">): () => readonly WatchedPlace[] {
  let read: { stamp: number | null; places: WatchedPlace[] } = { stamp: null, places: [] };
  return () => {
    const stamp = statSync(base.datasets, { throwIfNoEntry: false })?.mtimeMs ?? null;
    if (stamp === read.stamp) return read.places;
    const places = listDatasets(base).flatMap(({ name, versions }) =>
      [...new Set(versions.map(({ path }) => path))].map((path) => ({ name, path })),
    );
    read = { stamp, places };
    return places;
  };
}

/** Where data is read or somebody watches, much; where runs wait, some. */
function interestIn(shop: Shop): "much" | "some" | "little" {
  const reads = [...shop.live.values()].some((run) => run.dataLooks !== null || run.phase === "preparing");
  if (reads || (shop.prewarmer?.isCopying() ?? false) || isWatched(shop.base)) return "much";
  if (shop.silentData.size > 0) return "much";
  return shop.live.size > 0 ? "some" : "little";
}

export function watchMounts(shop: Shop, onChange: () => void): MountWatch {
  const told = new Set<string>();
  const tell = () => {
    const wrong = watch.facts().flatMap((facts) => {
      const sentence = mountSentence(facts);
      return sentence === null ? [] : [{ key: problemKey(facts.point), sentence }];
    });
    for (const key of told) if (!wrong.some((one) => one.key === key)) shop.problems.delete(key);
    told.clear();
    for (const { key, sentence } of wrong) {
      told.add(key);
      shop.problems.set(key, sentence);
    }
    onChange();
  };
  const watch = new MountWatch({
    places: placesReader(shop),
    copies: shop.prewarmer?.folder ?? null,
    interest: () => interestIn(shop),
    stallMs: shop.settings.dataStallMs,
    nowMs: () => shop.clock.nowMs(),
    onChange: tell,
  });
  return watch;
}
