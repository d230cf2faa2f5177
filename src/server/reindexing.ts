/**
 * Making the index anew while the server goes on: one at a time, in a process of its own. Who asks while one is being made
 * joins it, and what changed in the folders since it was begun is read after it: it need not be made twice.
 *
 * A start that found no index, or one that is far behind, leaves runs out; until they are in, people are told so, and what
 * must not be answered wrongly waits (`requireWhole`).
 */
import type { buildApart } from "../catalog/build-apart.ts";
import { type Catalog, readAtStart } from "../catalog/catalog.ts";
import { MlError, messageOf, systemCode } from "../core/error.ts";
import type { BasePaths } from "../run/paths.ts";
import { listRunIds } from "../run/store.ts";
import { lookAtAll, readAgain } from "./all-folders.ts";
import type { Log } from "./log.ts";
import type { Problems } from "./problems.ts";

export interface ReindexingOptions {
  base: BasePaths;
  catalog: Catalog;
  problems: Problems;
  log: Log;
  build: typeof buildApart;
}

const retryMs = 60_000;
/** Less than clients wait for an answer. */
const patienceMs = 20_000;

const damage: ReadonlySet<string> = new Set(["SQLITE_CORRUPT", "SQLITE_NOTADB"]);
const byFullId = "to be named by full ids";
const olderRuns = ({ lacking }: Catalog) => (lacking === 1 ? "1 older run is" : `${lacking} older runs are`);

export class Reindexing {
  private readonly abort = new AbortController();
  private running: Promise<void> | null = null;
  private timer: ReturnType<typeof setTimeout> | null = null;
  private readonly waiters = new Set<() => void>();
  private mendedAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly options: ReindexingOptions) {}

  /**
   * Resolves once an index answers that has the folders as they were when this was called; true where it was joined. Throws
   * MlError `failed`; the old one answers then.
   */
  async run(): Promise<boolean> {
    const { running, options } = this;
    const isJoined = running !== null && (await running.then(() => true).catch(() => false));
    if (isJoined) {
      const { signal } = this.abort;
      const { stale } = await lookAtAll({ ...options, signal });
      const isFew = stale.length <= readAtStart;
      if (isFew) await readAgain(options.catalog, stale, { signal });
      if (signal.aborted) throw new MlError("try_later", "the server is stopping");
      if (isFew) return true;
    }
    await this.begin();
    return false;
  }

  /** Two that waited for the same one, in vain, share the next. */
  private begin(): Promise<void> {
    this.running ??= this.make().finally(() => {
      this.running = null;
    });
    return this.running;
  }

  private async make(): Promise<void> {
    const { base, catalog, log, build } = this.options;
    const started = performance.now();
    const { signal } = this.abort;
    const onProgress = (runs: number) => this.tell(`, ${runs} so far`);
    await catalog.rebuild((path) => build(base, path, { signal, onProgress }));
    log.say("info", "index made anew", { took_ms: Math.round(performance.now() - started) });
    this.options.problems.set("index", null);
    this.awaken();
  }

  private tell(how: string): void {
    const { catalog, problems } = this.options;
    if (catalog.lacking === 0) return;
    problems.set("index", `${olderRuns(catalog)} still being read into the index${how}; ${byFullId}`);
  }

  /** Brings the runs in that the index lacks, however often it takes. */
  async complete(): Promise<void> {
    this.timer = null;
    this.tell("");
    try {
      await this.begin();
    } catch (cause) {
      if (this.abort.signal.aborted) return;
      const why = messageOf(cause);
      this.options.log.say("warn", "making the index failed, trying again", { why, in_ms: retryMs });
      this.options.problems.set(
        "index",
        `${why}; ${olderRuns(this.options.catalog)} not in it, ${byFullId}; it is tried again, by \`ml reindex\` at once`,
      );
      this.timer ??= setTimeout(() => {
        if (this.options.catalog.lacking > 0) void this.complete();
      }, retryMs);
      this.timer.unref();
    }
  }

  /**
   * Makes all of it anew where `cause` says that it is damaged, as it turned out while it was read. False where that is not what it
   * says, or has not helped a moment ago: SQLite says the same of other databases.
   */
  mend(cause: unknown): boolean {
    const { base, catalog, log } = this.options;
    if (!damage.has(systemCode(cause) ?? "")) return false;
    if (catalog.lacking > 0) return true;
    if (performance.now() - this.mendedAtMs < retryMs) return false;
    this.mendedAtMs = performance.now();
    log.say("warn", "the index is damaged and is made anew", { why: messageOf(cause) });
    catalog.lacking = listRunIds(base).length;
    void this.complete();
    return true;
  }

  /** Resolves once the index lacks no run; earlier where this is closed. */
  whole(): Promise<void> {
    if (this.options.catalog.lacking === 0 || this.abort.signal.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      this.waiters.add(resolve);
    });
  }

  /** Waits for it, for a while. Throws `try_later` where runs are lacking still: `what` depends on them. */
  async requireWhole(what: string): Promise<void> {
    const { catalog } = this.options;
    if (catalog.lacking === 0) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, patienceMs);
      timer.unref();
    });
    await Promise.race([this.whole(), patience]);
    clearTimeout(timer);
    if (catalog.lacking === 0) return;
    throw new MlError("try_later", `${what} waits until ${catalog.lacking} older runs are in the index again`, {
      hint: "try again in a moment; `ml status` says how far it is",
    });
  }

  private awaken(): void {
    for (const resolve of this.waiters) resolve();
    this.waiters.clear();
  }

  close(): void {
    this.abort.abort();
    if (this.timer !== null) clearTimeout(this.timer);
    this.awaken();
  }
}
