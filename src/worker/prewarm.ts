/**
 * Brings what waiting runs need to the local disk before their turn, in the order in which the plan expects them to start: one
 * dataset at a time, in a gentle child process, within a quota. Best effort: whatever goes wrong here is told and tried
 * again, and no run is later for it but one that asked to wait.
 *
 * What is warm is what cache-folder.ts says; a copy that a run was given stays until that run has ended.
 */
import { isoTime } from "../core/clock.ts";
import { asMlError, MlError } from "../core/error.ts";
import { askPlace } from "../data/ask-place.ts";
import { copyFolder, partFolder } from "../data/cache-folder.ts";
import { runJob } from "../data/child.ts";
import type { Copied } from "../data/copy.ts";
import { CopyStore } from "../data/copy-store.ts";
import { makeRoom, whyGone } from "../data/eviction.ts";
import type { Courtesy } from "../data/pace.ts";
import { silentSince } from "../data/stuck.ts";
import { datasetList, readDataset } from "../run/dataset-record.ts";
import type { DatasetUse } from "../run/manifest-data.ts";
import type { BasePaths } from "../run/paths.ts";
import { type PrewarmWish, pinnedSums, readWishes, wishedImage } from "../run/prewarm-wishes.ts";
import type { CopyRecord, DataFacts } from "../run/worker-facts.ts";

export interface PrewarmSettings {
  /** Where copies lie; null: nothing is copied. */
  folder: string | null;
  /** `network`: only what lies on a network mount; `all`: whatever is asked for; `off`: nothing, and on demand neither. */
  mode: "network" | "all" | "off";
  limitBytes: number | null;
  bytesPerSecond: number | null;
  hands: number;
  stallMs: number;
}

/** What is to be warm: a version of a dataset, for which run or whose wish. */
export type Needed = Pick<DatasetUse, "name" | "version" | "checksum" | "nas_path"> & {
  sizeBytes: number;
  forRun: string | null;
  /** When it is expected to start, milliseconds since 1970; null where nobody knows. */
  startMs: number | null;
};

interface Failed {
  needed: Needed;
  reason: string;
  atMs: number;
  againMs: number;
  /** Its mount gave no answer: when it does, it is tried again at once. */
  silent: boolean;
}

interface Copying {
  needed: Needed;
  onDemand: boolean;
  startedMs: number;
  doneBytes: number;
  files: number;
  speedShare: number;
  stop: AbortController;
  over: Promise<CopyRecord>;
}

export interface PrewarmerOptions {
  nowMs(): number;
  /** How its source is to be treated; null: it is a disk of this machine. */
  courtesyAt(dataset: string): Courtesy | null;
  /** Since when the watch over the mount of the copies has had no answer; null where it had, or there is none. */
  storeSilentSince(): Date | null;
  /** A copy has got on. */
  onProgress(): void;
  /** A copy is whole, or is given up. */
  onEnd(): void;
}

const retryMs = 60_000;
/** Room may be there in a moment. */
const roomRetryMs = 2000;
const networkKnownMs = 300_000;
const toldEvictions = 10;

const firstOf = (names: readonly string[]) => `${names.slice(0, 3).join(", ")}${names.length > 3 ? " and more" : ""}`;

function requireWhole({ differing, unreadable }: Copied): void {
  if (unreadable.length > 0) throw new MlError("failed", `not all of it can be read: ${firstOf(unreadable)}`);
  if (differing.length > 0)
    throw new MlError("conflict", `it has changed since it was registered: ${firstOf(differing)}`);
}

/** While its mount holds a process of ours there is nothing to try. */
function isDue({ needed, atMs, againMs, silent }: Failed, nowMs: number): boolean {
  const path = needed.nas_path;
  if (!silent || path === null) return nowMs > againMs;
  return nowMs - atMs > roomRetryMs && silentSince(path) === null;
}

export class Prewarmer {
  /** Null where nothing is copied. */
  readonly #store: CopyStore | null;
  #storeAnswers = true;
  readonly #copying = new Map<string, Copying>();
  readonly #failed = new Map<string, Failed>();
  readonly #holds = new Map<string, Set<string>>();
  readonly #networks = new Map<string, { network: string | null; atMs: number }>();
  /** What is read where it is, because a copy is not worth making. */
  readonly #inPlace = new Set<string>();
  readonly #evicted: DataFacts["evicted"] = [];
  #needed: Needed[] = [];
  readonly #listOf = ({ name, version }: CopyRecord) => datasetList(this.base, name, version);

  constructor(
    private readonly base: BasePaths,
    private readonly settings: PrewarmSettings,
    private readonly options: PrewarmerOptions,
  ) {
    const { folder, stallMs } = settings;
    const watchedSince = () => options.storeSilentSince();
    this.#store = folder === null ? null : new CopyStore(folder, { stallMs, watchedSince });
  }

  /** Where copies lie; null where none are made. */
  get folder(): string | null {
    return this.settings.mode === "off" ? null : this.settings.folder;
  }

  isCopying(): boolean {
    return this.#copying.size > 0;
  }

  isWarm(checksum: string | null): boolean {
    return checksum !== null && this.#store?.has(checksum) === true && this.#store.silentSince() === null;
  }

  /** A run that asked to wait for its data may start: a copy is here, or none will be made. */
  isReady(checksum: string): boolean {
    return this.isWarm(checksum) || this.#inPlace.has(checksum) || this.settings.mode === "off";
  }

  /** Grows with every copy that comes or goes. */
  changes = 0;

  /** Gives a run the copy, until `release`; null where there is none, or it gives no answer. Never rejects. */
  async hold(checksum: string | null, runId: string): Promise<{ folder: string; record: CopyRecord } | null> {
    const store = this.#store;
    const record = checksum === null ? undefined : store?.get(checksum);
    if (store === null || record === undefined) return null;
    // Before it is looked at: it must not be removed meanwhile.
    this.adopt(record.checksum, runId);
    const folder = await store.use(record, isoTime(this.options.nowMs()));
    if (folder !== null) return { folder, record };
    this.#letGo(record.checksum, runId);
    return null;
  }

  /** For a run that an earlier worker started: its copies stay as well. */
  adopt(checksum: string, runId: string): void {
    this.#holds.set(checksum, (this.#holds.get(checksum) ?? new Set()).add(runId));
  }

  release(runId: string): void {
    for (const checksum of this.#holds.keys()) this.#letGo(checksum, runId);
  }

  #letGo(checksum: string, runId: string): void {
    const holders = this.#holds.get(checksum);
    holders?.delete(runId);
    if (holders?.size === 0) this.#holds.delete(checksum);
  }

  /** Why it is read where it is, in a few words; null where a copy is worth making. */
  async #whyNot({ nas_path: path }: Pick<Needed, "nas_path">): Promise<string | null> {
    const { mode, folder, stallMs } = this.settings;
    if (mode === "off" || folder === null) return "prewarm is off";
    if (mode === "all" || path === null) return null;
    const known = this.#networks.get(path);
    const nowMs = this.options.nowMs();
    if (known !== undefined && nowMs - known.atMs < networkKnownMs)
      return known.network === null ? "it is on a local disk" : null;
    const { network } = await askPlace(path, { stallMs });
    this.#networks.set(path, { network, atMs: nowMs });
    return network === null ? "it is on a local disk" : null;
  }

  /** What is needed, soonest first, and what people wish for after that; starts the next copy. Throws nothing. */
  look(needed: readonly Needed[]): void {
    const store = this.#store;
    if (this.settings.mode === "off" || store === null) return;
    const wishes = readWishes(this.base.prewarm).flatMap((wish) => this.#ofWish(wish) ?? []);
    const seen = new Set<string>();
    this.#needed = [...needed, ...wishes].filter(({ checksum }) => {
      if (checksum === null || seen.has(checksum)) return false;
      seen.add(checksum);
      return true;
    });
    for (const [checksum, { onDemand, stop }] of this.#copying) if (!onDemand && !seen.has(checksum)) stop.abort();
    const answers = store.silentSince() === null;
    if (answers !== this.#storeAnswers) this.changes += 1;
    this.#storeAnswers = answers;
    if (answers) void this.#open(store).catch(() => {});
    if (this.#copying.size > 0 || !answers) return;
    const nowMs = this.options.nowMs();
    const next = this.#needed.find(({ checksum }) => {
      const failed = this.#failed.get(checksum ?? "");
      return !this.isReady(checksum ?? "") && (failed === undefined || isDue(failed, nowMs));
    });
    if (next !== undefined) void this.fetch(next, false).catch(() => {});
  }

  async #open(store: CopyStore): Promise<void> {
    const known = store.all().length;
    await store.open();
    if (store.all().length !== known) this.changes += 1;
    void store.settle(this.#listOf);
  }

  #ofWish({ name, version, checksum }: PrewarmWish): Needed | null {
    if (wishedImage({ checksum }) !== null) return null;
    const found = readDataset(this.base, name)?.versions.find((one) => one.version === version);
    if (found === undefined || found.checksum !== checksum) return null;
    return { name, version, checksum, nas_path: found.path, sizeBytes: found.size_bytes, forRun: null, startMs: null };
  }

  /** Copies, or joins the copy that is under way. Rejects with MlError; `refused` where a copy is not worth making or has no room. */
  fetch(needed: Needed, onDemand: boolean): Promise<CopyRecord> {
    const checksum = needed.checksum ?? "";
    const under = this.#copying.get(checksum);
    if (under !== undefined) {
      under.onDemand ||= onDemand;
      return under.over;
    }
    const stop = new AbortController();
    const copying: Copying = {
      ...{ needed, onDemand, startedMs: this.options.nowMs(), doneBytes: 0, files: 0, speedShare: 1, stop },
      over: Promise.reject(new Error("not begun")),
    };
    copying.over.catch(() => {});
    this.#copying.set(checksum, copying);
    copying.over = this.#copy(copying)
      .catch((cause) => {
        const error = asMlError(cause, `copying dataset ${needed.name}`);
        const atMs = this.options.nowMs();
        const againMs = atMs + (error.code === "refused" ? roomRetryMs : retryMs);
        const silent = error.code === "try_later";
        this.#failed.set(checksum, { needed, reason: error.message, atMs, againMs, silent });
        throw error;
      })
      .finally(() => {
        this.#copying.delete(checksum);
        this.changes += 1;
        this.options.onEnd();
      });
    return copying.over;
  }

  async #copy(copying: Copying): Promise<CopyRecord> {
    const { needed, startedMs } = copying;
    const { hands, bytesPerSecond, stallMs } = this.settings;
    const why = await this.#whyNot(needed);
    const checksum = needed.checksum ?? "";
    const store = this.#store;
    if (why !== null || store === null) {
      this.#inPlace.add(checksum);
      throw new MlError("refused", why ?? "prewarm is off");
    }
    store.requireAnswering();
    await store.open();
    await this.#makeRoom(needed, store);
    const { folder } = store;
    const copied = await runJob(
      {
        ...{ kind: "copy", root: needed.nas_path ?? "", target: partFolder(folder, checksum), hands, bytesPerSecond },
        listPath: datasetList(this.base, needed.name, needed.version ?? ""),
        twins: this.#twinsOf(needed, store),
        // Whom a run waits for needs no manners.
        courtesy: copying.onDemand ? null : this.options.courtesyAt(needed.name),
      },
      {
        ...{ stallMs, signal: copying.stop.signal },
        onProgress: ({ files, doneBytes, speedShare = 1 }) => {
          Object.assign(copying, { files, doneBytes, speedShare });
          this.options.onProgress();
        },
      },
    );
    requireWhole(copied);
    const now = isoTime(this.options.nowMs());
    const record: CopyRecord = {
      ...{ checksum, name: needed.name, version: needed.version ?? "", size_bytes: copied.sizeBytes },
      ...{ num_files: copied.files, fetched_at: now, last_used_at: now, hits: 0 },
      seconds: Math.round(this.options.nowMs() - startedMs) / 1000,
      ...(copied.resumedFiles > 0 ? { resumed: true } : {}),
    };
    await store.complete(record);
    void store.settle(this.#listOf);
    this.#failed.delete(checksum);
    return record;
  }

  /** Other versions of the same dataset: most of their files are the same. */
  #twinsOf({ name }: Needed, store: CopyStore): { listPath: string; folder: string }[] {
    return store
      .all()
      .filter((record) => record.name === name)
      .map((record) => ({ listPath: this.#listOf(record), folder: copyFolder(store.folder, record.checksum) }));
  }

  async #makeRoom(needed: Needed, store: CopyStore): Promise<void> {
    const others = [...this.#copying.values()].filter((one) => one.needed.checksum !== needed.checksum);
    const usedBytes = store.usedBytes + others.reduce((sum, one) => sum + one.needed.sizeBytes, 0);
    const pinned = pinnedSums(this.base.prewarm);
    const useOf = (checksum: string) => {
      const at = this.#needed.findIndex((one) => one.checksum === checksum && one.forRun !== null);
      return at < 0 ? null : at;
    };
    const copies = store.all().map(({ checksum, size_bytes: sizeBytes, last_used_at: last }) => ({
      ...{ checksum, sizeBytes, lastUsedMs: Date.parse(last), pinned: pinned.has(checksum) },
      ...{ held: this.#holds.has(checksum), nextUse: useOf(checksum) },
    }));
    const limitBytes = this.settings.limitBytes ?? (await store.limitBytes(usedBytes));
    const wanted = { sizeBytes: needed.sizeBytes, nextUse: useOf(needed.checksum ?? "") };
    const gone = makeRoom(copies, wanted, { usedBytes, limitBytes });
    if (gone === null)
      throw new MlError("refused", "the cache has no room for it: what is there is in use, pinned or needed sooner");
    for (const copy of gone) {
      const { checksum } = copy;
      const record = store.get(checksum);
      // Somebody may have been given it while the disk was asked.
      if (record === undefined || this.#holds.has(checksum)) continue;
      const { name, version, size_bytes } = record;
      const at = isoTime(this.options.nowMs());
      this.#evicted.unshift({ name, version, size_bytes, at, for: needed.name, why: whyGone(copy) });
      this.#evicted.splice(toldEvictions);
      await store.remove(checksum);
    }
  }

  #silentSince(): string | null {
    const since = this.#store?.silentSince() ?? null;
    return since === null ? null : isoTime(since.getTime());
  }

  #toCopy(): Needed[] {
    return this.#needed.filter(({ checksum }) => !this.#inPlace.has(checksum ?? ""));
  }

  facts(): DataFacts {
    const { folder, mode } = this.settings;
    const pinned = pinnedSums(this.base.prewarm);
    const forRun = (checksum: string) => this.#needed.find((one) => one.checksum === checksum)?.forRun ?? null;
    const nowMs = this.options.nowMs();
    return {
      ...{ folder, mode, used_bytes: this.#store?.usedBytes ?? 0, limit_bytes: this.settings.limitBytes },
      in_place: [...this.#inPlace],
      silent_since: this.#silentSince(),
      copies: (this.#store?.all() ?? []).map((record) => ({
        ...record,
        pinned: pinned.has(record.checksum),
        runs: [...(this.#holds.get(record.checksum) ?? [])],
        next_run: forRun(record.checksum),
      })),
      needed: this.#toCopy().length,
      warm: this.#toCopy().filter(({ checksum }) => this.isWarm(checksum)).length,
      copying: [...this.#copying.values()].map(({ needed, onDemand, doneBytes, files, startedMs, speedShare }) => ({
        ...{ name: needed.name, version: needed.version ?? "", for_run: needed.forRun, on_demand: onDemand, files },
        ...{ done_bytes: doneBytes, total_bytes: needed.sizeBytes, started_at: isoTime(startedMs) },
        speed_share: speedShare,
        eta_seconds:
          doneBytes > 0
            ? Math.round(((needed.sizeBytes - doneBytes) / doneBytes) * ((nowMs - startedMs) / 1000))
            : null,
      })),
      failed: [...this.#failed.values()]
        .filter(({ needed }) => this.#toCopy().some((one) => one.checksum === needed.checksum))
        .map(({ needed, reason, atMs }) => ({
          name: needed.name,
          version: needed.version ?? "",
          reason,
          at: isoTime(atMs),
        })),
      evicted: [...this.#evicted],
    };
  }

  close(): void {
    for (const { stop } of this.#copying.values()) stop.abort();
  }
}

/** A version of a dataset, as somebody needs it. */
export function neededOf(use: DatasetUse, forRun: string, startMs: number | null): Needed {
  const { name, version, checksum, nas_path } = use;
  return { name, version, checksum, nas_path, sizeBytes: (use.size_gb ?? 0) * 1e9, forRun, startMs };
}
