/**
 * Virtual environments for runs that were queued with `--venv`: built while they wait, in the order of their expected starts, one at
 * a time, gently, and shared by all runs with the same lock, interpreter and platform. Folders named by key under
 * `venvs/` of the cache, each with a JSON file that appears only when it is whole, and the log of its build.
 *
 * A build that fails is told, tried again, and given up after some tries; then a run that waits for it starts, and fails
 * with what the build said. Everything in here may be deleted while no run uses it.
 */
import * as fs from "node:fs";
import { isoTime } from "../core/clock.ts";
import { asMlError, MlError } from "../core/error.ts";
import { makeRoom, whyGone } from "../data/eviction.ts";
import { venvWishSum } from "../run/prewarm-wishes.ts";
import type { VenvFacts, VenvRecord } from "../run/worker-facts.ts";
import { buildVenv, keyOf, type VenvNeed } from "./venv-build.ts";
import { readVenvs, removeVenv, sweepVenvs, venvFolder, venvLog, writeVenv } from "./venv-folder.ts";

export interface VenvSettings {
  /** Where they lie. */
  folder: string;
  limitBytes: number;
  /** A build takes so long at most. */
  longestMs: number;
}

interface Build {
  need: VenvNeed;
  /** Runs whose turn has come, and that start when it is there. */
  waiting: Set<string>;
  startedMs: number;
  stop: AbortController;
  /** Null before its interpreter was asked. */
  key: string | null;
  over: Promise<VenvRecord>;
}

export interface VenvsOptions {
  nowMs(): number;
  /** The environment that builds inherit. */
  env: Readonly<Record<string, string>>;
  /** What people want to stay, as `venvWishSum` names it. */
  pinned(): ReadonlySet<string>;
  /** A build has begun, is whole, or is given up. */
  onChange(): void;
}

/** What is known of a need: the key of a built one, or how often it failed. */
interface Known {
  key: string | null;
  failures: number;
  reason: string;
  atMs: number;
  againMs: number;
}

const retryMs = 60_000;
const mostFailures = 3;
const toldEvictions = 10;

export class Venvs {
  /** What an earlier worker left half made is gone. */
  readonly #swept: Promise<void>;
  readonly #built: Map<string, VenvRecord>;
  readonly #building = new Map<string, Build>();
  readonly #known = new Map<string, Known>();
  readonly #holds = new Map<string, Set<string>>();
  readonly #evicted: VenvFacts["evicted"] = [];
  #needed: readonly VenvNeed[] = [];
  /** Grows with every environment that comes or goes, and with every failure. */
  changes = 0;

  constructor(
    private readonly settings: VenvSettings,
    private readonly options: VenvsOptions,
  ) {
    this.#built = readVenvs(settings.folder);
    this.#swept = sweepVenvs(settings.folder, new Set(this.#built.keys()));
  }

  /** A run that asked to wait for it may start: it is here, or will not be. */
  isReady(needId: string): boolean {
    const known = this.#known.get(needId);
    return (
      known !== undefined && ((known.key !== null && this.#built.has(known.key)) || known.failures >= mostFailures)
    );
  }

  /** What is needed, soonest first; starts the next build. Throws nothing. */
  look(needed: readonly VenvNeed[]): void {
    this.#needed = needed;
    const ids = new Set(needed.map(({ id }) => id));
    for (const [id, { waiting, stop }] of this.#building) if (waiting.size === 0 && !ids.has(id)) stop.abort();
    if (this.#building.size > 0) return;
    const nowMs = this.options.nowMs();
    const next = needed.find(({ id }) => !this.isReady(id) && nowMs >= (this.#known.get(id)?.againMs ?? 0));
    if (next !== undefined) void this.ensure(next, null).catch(() => {});
  }

  /** The run waits no more; a build that nobody else wants ends. */
  leave({ id }: VenvNeed, runId: string): void {
    const build = this.#building.get(id);
    build?.waiting.delete(runId);
    if (build?.waiting.size === 0 && !this.#needed.some((need) => need.id === id)) build.stop.abort();
  }

  /** Builds, or joins the build that is under way, for a run that waits for it or for none; at once where it is there. Rejects with MlError. */
  ensure(need: VenvNeed, runId: string | null): Promise<VenvRecord> {
    const under = this.#building.get(need.id);
    if (under !== undefined) {
      if (runId !== null) under.waiting.add(runId);
      return under.over;
    }
    const stop = new AbortController();
    const waiting = new Set(runId === null ? [] : [runId]);
    const startedMs = this.options.nowMs();
    const build: Build = { need, waiting, startedMs, stop, key: null, over: Promise.reject(new Error()) };
    build.over.catch(() => {});
    this.#building.set(need.id, build);
    build.over = this.#make(build)
      .catch((cause) => {
        const error = asMlError(cause, `building an environment from ${need.lock}`);
        const atMs = this.options.nowMs();
        const before = this.#known.get(need.id)?.failures ?? 0;
        // That it was stopped, or had no room, says nothing about whether it can be built.
        const failures = stop.signal.aborted || error.code === "refused" ? before : before + 1;
        const againMs = stop.signal.aborted ? atMs : atMs + retryMs;
        this.#known.set(need.id, { key: null, failures, reason: error.message, atMs, againMs });
        throw error;
      })
      .finally(() => {
        this.#building.delete(need.id);
        this.changes += 1;
        this.options.onChange();
      });
    return build.over;
  }

  async #make(build: Build): Promise<VenvRecord> {
    const { need, waiting, startedMs, stop } = build;
    const { folder, longestMs } = this.settings;
    await this.#swept;
    const { key, python } = await keyOf(need, this.options.env);
    // Two names of one interpreter ask for the same environment.
    const same = () => [...this.#building.values()].find((other) => other !== build && other.key === key);
    for (let other = same(); other !== undefined; other = same()) await other.over.catch(() => {});
    build.key = key;
    const there = this.#built.get(key);
    if (there !== undefined && fs.existsSync(venvFolder(folder, key))) {
      this.#known.set(need.id, { key, failures: 0, reason: "", atMs: startedMs, againMs: 0 });
      return there;
    }
    this.options.onChange();
    const sizes = [...this.#built.values()].map((one) => one.size_bytes);
    const mean = sizes.length === 0 ? 0 : sizes.reduce((sum, size) => sum + size, 0) / sizes.length;
    await this.#makeRoom(need, mean).catch((cause) => {
      // A run that holds its place and its cards is not sent away for the quota.
      if (waiting.size === 0) throw cause;
    });
    const { env, nowMs } = this.options;
    const made = await buildVenv(need, {
      ...{ key, folder, env, longestMs, gently: waiting.size === 0, signal: stop.signal },
    });
    const now = isoTime(nowMs());
    const record: VenvRecord = {
      ...{ key, lock: need.lock, lock_sha256: need.lockSha256, python, tool: made.tool, size_bytes: made.sizeBytes },
      ...{ built_at: now, seconds: Math.round(nowMs() - startedMs) / 1000, last_used_at: now, hits: 0 },
    };
    writeVenv(folder, record);
    this.#built.set(key, record);
    this.#known.set(need.id, { key, failures: 0, reason: "", atMs: nowMs(), againMs: 0 });
    await this.#makeRoom(need, 0).catch(() => {});
    return record;
  }

  #isBuilt(needId: string): boolean {
    const key = this.#known.get(needId)?.key ?? null;
    return key !== null && this.#built.has(key) && fs.existsSync(venvFolder(this.settings.folder, key));
  }

  /** Gives a run the environment, until `release`. */
  hold(record: VenvRecord, runId: string): string {
    this.adopt(record.key, runId);
    record.last_used_at = isoTime(this.options.nowMs());
    record.hits += 1;
    try {
      writeVenv(this.settings.folder, record);
    } catch {
      // It only says when it was last used.
    }
    return venvFolder(this.settings.folder, record.key);
  }

  /** For a run that an earlier worker started: its environment stays as well. */
  adopt(key: string, runId: string): void {
    this.#holds.set(key, (this.#holds.get(key) ?? new Set()).add(runId));
  }

  release(runId: string): void {
    for (const [key, holders] of this.#holds) {
      holders.delete(runId);
      if (holders.size === 0) this.#holds.delete(key);
    }
  }

  /** What its last build printed; null where there was none. */
  async logOf(need: VenvNeed): Promise<string | null> {
    return keyOf(need, this.options.env)
      .then(({ key }) => fs.readFileSync(venvLog(this.settings.folder, key), "utf8"))
      .catch(() => null);
  }

  #useOf(key: string): number | null {
    const at = this.#needed.findIndex(({ id }) => this.#known.get(id)?.key === key);
    return at < 0 ? null : at;
  }

  async #makeRoom(need: VenvNeed, sizeBytes: number): Promise<void> {
    const { folder, limitBytes } = this.settings;
    const at = this.#needed.findIndex(({ id }) => id === need.id);
    const pinned = this.options.pinned();
    const copies = [...this.#built.values()].map(({ key, size_bytes, last_used_at: last }) => ({
      ...{ checksum: key, sizeBytes: size_bytes, lastUsedMs: Date.parse(last), pinned: pinned.has(venvWishSum(key)) },
      ...{ held: this.#holds.has(key) || this.#known.get(need.id)?.key === key, nextUse: this.#useOf(key) },
    }));
    const usedBytes = copies.reduce((sum, one) => sum + one.sizeBytes, 0);
    const gone = makeRoom(copies, { sizeBytes, nextUse: at < 0 ? null : at }, { usedBytes, limitBytes });
    if (gone === null)
      throw new MlError(
        "refused",
        "there is no room for it: the environments that are there are in use, pinned or needed sooner",
        { hint: "`venv_max_gb` says what they may take" },
      );
    for (const one of gone) {
      const { checksum: key } = one;
      const record = this.#built.get(key);
      if (record === undefined) continue;
      this.#built.delete(key);
      const { lock, size_bytes } = record;
      const at = isoTime(this.options.nowMs());
      this.#evicted.unshift({ lock, key, size_bytes, at, for: need.lock, why: whyGone(one) });
      this.#evicted.splice(toldEvictions);
      await removeVenv(folder, key);
    }
  }

  facts(): VenvFacts {
    const runOf = (key: string) => this.#needed.find(({ id }) => this.#known.get(id)?.key === key)?.forRun ?? null;
    const pinned = this.options.pinned();
    const kinds = new Set(this.#needed.map(({ id }) => id));
    return {
      folder: this.settings.folder,
      used_bytes: [...this.#built.values()].reduce((sum, one) => sum + one.size_bytes, 0),
      limit_bytes: this.settings.limitBytes,
      built: [...this.#built.values()].map((record) => ({
        ...record,
        pinned: pinned.has(venvWishSum(record.key)),
        runs: [...(this.#holds.get(record.key) ?? [])],
        next_run: runOf(record.key),
      })),
      ready: [...this.#known.keys()].filter((id) => this.isReady(id)),
      needed: kinds.size,
      warm: [...kinds].filter((id) => this.#isBuilt(id)).length,
      building: [...this.#building.values()].map(({ need, waiting, startedMs }) => ({
        ...{ lock: need.lock, for_run: need.forRun, on_demand: waiting.size > 0, started_at: isoTime(startedMs) },
      })),
      failed: this.#needed.flatMap(({ id, lock, forRun }) => {
        const known = this.#known.get(id);
        if (known === undefined || known.key !== null || known.reason === "") return [];
        return [{ lock, for_run: forRun, reason: known.reason, tries: known.failures, at: isoTime(known.atMs) }];
      }),
      evicted: [...this.#evicted],
    };
  }

  close(): void {
    for (const { stop } of this.#building.values()) stop.abort();
  }
}
