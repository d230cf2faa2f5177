/**
 * A look at the datasets of a run when it is queued: in the background, one at a time, in a child process, by what the files
 * look like. Nobody waits for it; what it finds is kept with the dataset and put into the runs that still wait. One that
 * takes too long is left to the look at the start of the run, and what was known before stays as it is. Whoever queued the
 * run may ask whether the look is over, for as long as that person likes to wait.
 */
import type { Settings } from "../config/settings.ts";
import { type Clock, isoTime } from "../core/clock.ts";
import { asMlError, messageOf } from "../core/error.ts";
import { runJob } from "../data/child.ts";
import { statCachePath } from "../data/stat-cache.ts";
import { type DatasetCheck, type DatasetVersion, datasetList, keepCheck, readDataset } from "../run/dataset-record.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths, StatePaths } from "../run/paths.ts";
import { changeManifest } from "../run/store.ts";
import { foldQueuedLook } from "../worker/data-use.ts";
import type { Hub } from "./hub.ts";
import type { Log } from "./log.ts";

export interface QueueLooksOptions {
  base: BasePaths;
  state: StatePaths;
  settings: Settings;
  clock: Clock;
  hub: Pick<Hub, "changed">;
  log: Log;
}

/** What was looked at so recently is not looked at again. */
const recentMs = 60_000;
/** Beyond this it reads more than looks. */
const longestMs = 20_000;
/** Runs that wait to be told, for each dataset; more learn it at their start. */
const mostRuns = 1000;

interface Wanted {
  name: string;
  version: DatasetVersion;
  runIds: Set<string>;
  over: PromiseWithResolvers<void>;
}

const keyOf = ({ name, version }: { name: string; version: string }) => `${name}=${version}`;

export class QueueLooks {
  readonly #wanted = new Map<string, Wanted>();
  /** The one that is under way. */
  #now: Wanted | null = null;
  #looking: Promise<void> | null = null;

  constructor(private readonly given: QueueLooksOptions) {}

  /** Runs that were just taken into the line. Throws nothing. */
  queued(manifests: readonly Manifest[]): void {
    for (const { run_id: runId, datasets } of manifests) {
      for (const { name, version } of datasets) {
        const found = readDataset(this.given.base, name)?.versions.find((one) => one.version === version);
        if (found === undefined || found.quick) continue;
        const key = keyOf({ name, version: found.version });
        const over = Promise.withResolvers<void>();
        const wanted = this.#wanted.get(key) ?? { name, version: found, runIds: new Set(), over };
        if (wanted.runIds.size < mostRuns) wanted.runIds.add(runId);
        this.#wanted.set(key, wanted);
      }
    }
    this.#looking ??= this.#lookAtAll().finally(() => {
      this.#looking = null;
    });
  }

  /** Waits until none of these is looked at or about to be, for `waitMs` at most; gives those that still are. */
  async settled<Named extends { name: string; version: string }>(
    datasets: readonly Named[],
    waitMs: number,
  ): Promise<Named[]> {
    const going = () =>
      datasets.flatMap((one) => {
        const key = keyOf(one);
        const now = this.#now;
        const look =
          this.#wanted.get(key) ??
          (now !== null && now.name === one.name && now.version.version === one.version ? now : null);
        return look === null ? [] : [{ one, over: look.over.promise }];
      });
    const all = Promise.all(going().map(({ over }) => over));
    if (waitMs > 0) await Promise.race([all, Bun.sleep(waitMs)]);
    return going().map(({ one }) => one);
  }

  async #lookAtAll(): Promise<void> {
    for (let next = this.#take(); next !== null; next = this.#take()) {
      try {
        if (!this.#isRecent(next)) await this.#look(next);
        this.#tell(next);
      } catch (cause) {
        this.given.log.say("warn", "a look at a dataset failed", { dataset: next.name, why: messageOf(cause) });
      } finally {
        this.#now = null;
        next.over.resolve();
      }
    }
  }

  #take(): Wanted | null {
    for (const [key, wanted] of this.#wanted) {
      this.#wanted.delete(key);
      this.#now = wanted;
      return wanted;
    }
    return null;
  }

  #isRecent({ name, version }: Wanted): boolean {
    const now = readDataset(this.given.base, name)?.versions.find((one) => one.version === version.version);
    const at = now?.last_check?.at ?? null;
    return at !== null && Math.abs(this.given.clock.nowMs() - Date.parse(at)) < recentMs;
  }

  async #look({ name, version }: Wanted): Promise<void> {
    const { base, state, settings, clock } = this.given;
    const { path: root, checksum } = version;
    const compare = { listPath: datasetList(base, name, version.version), checksum };
    const cachePath = statCachePath(state.stateDir, root);
    const limit = AbortSignal.timeout(longestMs);
    const at = () => isoTime(clock.nowMs());
    let check: DatasetCheck;
    try {
      const scanned = await runJob(
        { kind: "scan", root, mode: "cached", cachePath, listPath: null, compare, hands: settings.data_hands },
        { stallMs: settings.data_timeout_seconds * 1000, signal: limit },
      );
      check = { at: at(), checksum: scanned.checksum, drift: scanned.changes, problem: null };
    } catch (cause) {
      if (limit.aborted) return;
      check = { at: at(), checksum: null, drift: null, problem: asMlError(cause).message };
    }
    keepCheck(base, name, { version: version.version, check });
  }

  #tell({ name, runIds }: Wanted): void {
    const { base, hub } = this.given;
    for (const runId of runIds) {
      const paths = base.run(runId);
      let told = false;
      changeManifest(paths, (now) => {
        const use = now.datasets.find((one) => one.name === name);
        if (now.status !== "queued" || use === undefined) return false;
        const before = JSON.stringify(use);
        foldQueuedLook(this.given, use);
        told = JSON.stringify(use) !== before;
        return told;
      });
      if (told) hub.changed(runId);
    }
  }
}
