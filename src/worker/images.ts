/**
 * Images of the containers that waiting runs start (`podman run IMAGE …`): brought to the machine's engine before their turn, in the
 * order of their expected starts, one at a time, gently. Best effort: no run is held or failed for its image, since its own command
 * pulls what is not there; one whose turn comes in the midst of the pull may join it, as its command would begin anew.
 *
 * The engine has the images, and people put others there: none is ever removed by us. What is remembered in a file is only which we
 * have pulled and how long that took; it may be deleted at any time.
 */
import { join } from "node:path";
import { isoTime } from "../core/clock.ts";
import { writeDurable } from "../core/durable.ts";
import { asMlError } from "../core/error.ts";
import { readJsonFile } from "../core/json-lines.ts";
import { type ImageNeed, imageNeedOf } from "../run/container-command.ts";
import type { BasePaths } from "../run/paths.ts";
import { readWishes, wishedImage } from "../run/prewarm-wishes.ts";
import type { ImageFacts, ImageRecord } from "../run/worker-facts.ts";
import { type FoundImage, findImage, pullImage } from "./image-pull.ts";

export interface ImageSettings {
  /** Where it is remembered what was pulled. */
  folder: string;
  /** A pull takes so long at most. */
  longestMs: number;
}

export interface ImagesOptions {
  nowMs(): number;
  /** The environment that engines inherit. */
  env: Readonly<Record<string, string>>;
  /** The name of the worker. */
  name: string;
  /** Its turn has come, and it has not started yet: its image is needed still, though it waits no more. */
  isPreparing(runId: string): boolean;
  /** A pull has begun, is done, or is given up. */
  onChange(): void;
}

/** What came of the last look at a need. */
interface Known {
  found: FoundImage | null;
  failures: number;
  /** Empty where nothing went wrong. */
  reason: string;
  atMs: number;
  /** When it is looked at again. */
  againMs: number;
  /** When it was needed last. A run leaves the line before its turn is noted, and still wants to know. */
  neededMs: number;
}

/** A need that is attended to. */
interface Attended {
  need: ImageNeed;
  stop: AbortController;
  /** It is not only looked at. */
  isPulled: boolean;
  /** When its pull began. */
  startedMs: number;
  /** Runs whose turn has come, and that wait for it. */
  joined: Set<string>;
  /** Never rejects. */
  over: Promise<void>;
}

/** What is there may be removed by anybody. */
const lookAgainMs = 10 * 60_000;
const retryMs = 60_000;
const longestRetryMs = 30 * 60_000;
const askMs = 10_000;
/** A run whose turn has come waits no longer for the engine's word. */
const askAtTurnMs = 3000;
const remembered = 200;
const engines = ["podman", "docker", "nerdctl"];

/** What an image was when a run's turn came. */
export type ImageAtTurn =
  | { kind: "there"; found: FoundImage; record: ImageRecord | null }
  | { kind: "absent"; why: string }
  | { kind: "unknown"; why: string };

function readRecords(path: string): Map<string, ImageRecord> {
  const read = readJsonFile(path) as { images?: unknown } | null;
  const records = Array.isArray(read?.images) ? (read.images as ImageRecord[]) : [];
  return new Map(records.filter((one) => typeof one?.id === "string").map((one) => [one.id, one]));
}

export class Images {
  readonly #path: string;
  readonly #records: Map<string, ImageRecord>;
  readonly #known = new Map<string, Known>();
  #needed: readonly ImageNeed[] = [];
  #now: Attended | null = null;

  constructor(
    private readonly base: BasePaths,
    private readonly settings: ImageSettings,
    private readonly options: ImagesOptions,
  ) {
    this.#path = join(settings.folder, `${options.name}.json`);
    this.#records = readRecords(this.#path);
  }

  /** What is needed, soonest first; begins with the next that is due. Throws nothing. */
  look(needed: readonly ImageNeed[]): void {
    const seen = new Set<string>();
    this.#needed = [...needed, ...this.#wished(needed)].filter(({ id }) => !seen.has(id) && seen.add(id));
    const nowMs = this.options.nowMs();
    for (const [id, known] of this.#known) {
      if (seen.has(id)) known.neededMs = nowMs;
      else if (nowMs - known.neededMs > retryMs) this.#known.delete(id);
    }
    if (this.#now !== null) {
      const { need, joined, stop } = this.#now;
      const isWanted = joined.size > 0 || seen.has(need.id) || this.options.isPreparing(need.forRun ?? "");
      if (!isWanted) stop.abort();
      return;
    }
    const next = this.#needed.find(({ id }) => nowMs >= (this.#known.get(id)?.againMs ?? 0));
    if (next === undefined) return;
    const stop = new AbortController();
    const over = Promise.resolve();
    this.#now = { need: next, startedMs: nowMs, stop, isPulled: false, joined: new Set(), over };
    this.#now.over = this.#attend(this.#now);
  }

  /** Those that people asked for, unless a waiting run needs them by itself. */
  #wished(needed: readonly ImageNeed[]): ImageNeed[] {
    const wishes = readWishes(this.base.prewarm).flatMap((wish) => {
      const image = wishedImage(wish);
      return image === null || needed.some((need) => need.image === image) ? [] : [{ image, engine: wish.engine }];
    });
    if (wishes.length === 0) return [];
    const first = engines.find((tool) => Bun.which(tool, { PATH: this.options.env.PATH ?? "" }) !== null);
    return wishes.map(({ image, engine }) => imageNeedOf(image, engine ?? first ?? "podman"));
  }

  async #attend(attended: Attended): Promise<void> {
    const { need, stop } = attended;
    const { env, nowMs } = this.options;
    const before = this.#known.get(need.id);
    const know = (more: Pick<Known, "found"> & Partial<Known>) =>
      this.#known.set(need.id, {
        ...{ failures: 0, reason: "", atMs: nowMs(), againMs: nowMs() + lookAgainMs, neededMs: nowMs() },
        ...more,
      });
    try {
      const asking = { env, limitMs: askMs, signal: stop.signal };
      const there = await findImage(need, asking);
      if (there !== null && (!need.always || before?.found != null)) {
        know({ found: there });
        return;
      }
      Object.assign(attended, { isPulled: true, startedMs: nowMs() });
      this.options.onChange();
      await pullImage(need, { env, limitMs: this.settings.longestMs, signal: stop.signal });
      const seconds = Math.round(nowMs() - attended.startedMs) / 1000;
      const found = await findImage(need, asking);
      know({ found });
      if (found !== null) this.#remember(need, { found, seconds });
    } catch (cause) {
      const { message } = asMlError(cause, `pulling ${need.image}`);
      // That it was stopped says nothing about whether it can be had.
      const failures = (before?.failures ?? 0) + (stop.signal.aborted ? 0 : 1);
      const restMs = stop.signal.aborted ? 0 : Math.min(longestRetryMs, retryMs * 2 ** (failures - 1));
      know({ found: null, failures, reason: message, againMs: nowMs() + restMs });
    } finally {
      this.#now = null;
      this.options.onChange();
    }
  }

  #remember(need: ImageNeed, { found, seconds }: { found: FoundImage; seconds: number }): void {
    const now = isoTime(this.options.nowMs());
    this.#records.delete(need.id);
    this.#records.set(need.id, {
      ...{ id: need.id, engine: need.tool, image: need.image, digest: found.digest, size_bytes: found.sizeBytes },
      ...{ pulled_at: now, seconds, last_used_at: now, hits: 0 },
    });
    for (const id of this.#records.keys()) if (this.#records.size > remembered) this.#records.delete(id);
    this.#write();
  }

  #write(): void {
    try {
      const text = `${JSON.stringify({ version: 1, images: [...this.#records.values()] }, null, 2)}\n`;
      writeDurable(this.#path, text, { sync: false });
    } catch {
      // It only says what was pulled by us.
    }
  }

  /** The pull that is under way, for a run that waits for it, and how long that has taken; null where there is none. */
  join({ id }: ImageNeed, runId: string): { over: Promise<void>; soFarMs: number } | null {
    if (this.#now === null || !this.#now.isPulled || this.#now.need.id !== id) return null;
    this.#now.joined.add(runId);
    return { over: this.#now.over, soFarMs: this.options.nowMs() - this.#now.startedMs };
  }

  /** The run waits no more; a pull that nobody else wants ends. */
  leave({ id }: ImageNeed, runId: string): void {
    if (this.#now?.need.id !== id) return;
    this.#now.joined.delete(runId);
    const isWanted = this.#now.joined.size > 0 || this.#needed.some((need) => need.id === id && need.forRun !== runId);
    if (!isWanted) this.#now.stop.abort();
  }

  /** Whether it is there now that a run's turn has come; counts a hit. Never rejects, and never takes long. */
  async atTurn(need: ImageNeed): Promise<ImageAtTurn> {
    const { env, nowMs } = this.options;
    try {
      const found = await findImage(need, { env, limitMs: askAtTurnMs });
      if (found === null) {
        const reason = this.#known.get(need.id)?.reason ?? "";
        return { kind: "absent", why: reason === "" ? "miss" : `miss; ${reason}` };
      }
      const record = this.#records.get(need.id) ?? null;
      // Somebody else has brought another meanwhile.
      if (record === null || record.digest !== found.digest) return { kind: "there", found, record: null };
      Object.assign(record, { hits: record.hits + 1, last_used_at: isoTime(nowMs()) });
      this.#write();
      return { kind: "there", found, record };
    } catch (cause) {
      return { kind: "unknown", why: asMlError(cause).message };
    }
  }

  facts(): ImageFacts {
    const nextRun = (id: string) => this.#needed.find((need) => need.id === id)?.forRun ?? null;
    const known = this.#needed.map((need) => ({ need, ...this.#known.get(need.id) }));
    return {
      pulled: [...this.#records.values()].reverse().map((record) => ({ ...record, next_run: nextRun(record.id) })),
      there: known.flatMap(({ need, found }) =>
        found == null || this.#records.has(need.id)
          ? []
          : [
              {
                ...{ engine: need.tool, image: need.image, digest: found.digest, size_bytes: found.sizeBytes },
                next_run: need.forRun,
              },
            ],
      ),
      needed: known.length,
      warm: known.filter(({ found }) => found != null).length,
      pulling:
        this.#now === null || !this.#now.isPulled
          ? []
          : [
              {
                ...{ engine: this.#now.need.tool, image: this.#now.need.image, for_run: this.#now.need.forRun },
                started_at: isoTime(this.#now.startedMs),
              },
            ],
      failed: known.flatMap(({ need, reason = "", failures = 0, atMs = 0 }) =>
        reason === "" || failures === 0
          ? []
          : [
              {
                ...{ engine: need.tool, image: need.image, for_run: need.forRun, reason, tries: failures },
                at: isoTime(atMs),
              },
            ],
      ),
    };
  }

  close(): void {
    this.#now?.stop.abort();
  }
}
