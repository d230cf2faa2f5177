/**
 * The copies of one machine, and every touch of the folder that holds them. That folder may lie on a mount that hangs: then it is
 * touched by child processes with a time limit, and whoever asks meanwhile is told at once that it gives no answer. On a disk of
 * this machine it is touched here, which costs nothing.
 */
import { MlError } from "../core/error.ts";
import { hangingMountOf } from "../core/mount-table.ts";
import { bootId } from "../core/process-identity.ts";
import type { CopyRecord } from "../run/worker-facts.ts";
import { type CacheAct, type CacheJob, type CacheOutcomes, copyFolder, workOnCache } from "./cache-folder.ts";
import { runJob } from "./child.ts";
import { silentSince } from "./stuck.ts";

export interface CopyStoreOptions {
  stallMs: number;
  /** Since when the watch over its mount has had no answer; null where it had. */
  watchedSince(): Date | null;
}

/** Without a quota this share of the disk stays free. */
const keptFree = 0.1;

export class CopyStore {
  readonly #copies = new Map<string, CopyRecord>();
  #opening: Promise<void> | null = null;
  #settling: Promise<void> | null = null;
  /** What the disk would not take: not tried again. */
  readonly #unsettled = new Set<string>();

  constructor(
    readonly folder: string,
    private readonly options: CopyStoreOptions,
  ) {
    // What is on a disk of this machine is known from the first moment on.
    if (hangingMountOf(folder) === null) {
      for (const record of workOnCache({ kind: "cache", folder, act: { do: "read" } }) as CopyRecord[])
        this.#copies.set(record.checksum, record);
      this.#opening = Promise.resolve();
    }
  }

  /** Null where it may be asked. */
  silentSince(): Date | null {
    return silentSince(this.folder) ?? this.options.watchedSince();
  }

  requireAnswering(): void {
    if (this.silentSince() !== null)
      throw new MlError("refused", `\`${this.folder}\`, where copies are kept, gives no answer`);
  }

  async #work<A extends CacheAct>(act: A): Promise<CacheOutcomes[A["do"]]> {
    const { folder, options } = this;
    const job: CacheJob = { kind: "cache", folder, act };
    const done = hangingMountOf(folder) === null ? workOnCache(job) : await runJob(job, options);
    return done as CacheOutcomes[A["do"]];
  }

  /** Learns which copies there are, where that is not known yet. Rejects with MlError; it may be asked again. */
  open(): Promise<void> {
    this.#opening ??= this.#work({ do: "read" }).then(
      (records) => {
        for (const record of records) if (!this.#copies.has(record.checksum)) this.#copies.set(record.checksum, record);
      },
      (cause) => {
        this.#opening = null;
        throw cause;
      },
    );
    return this.#opening;
  }

  has(checksum: string): boolean {
    return this.#copies.has(checksum);
  }

  get(checksum: string): CopyRecord | undefined {
    return this.#copies.get(checksum);
  }

  all(): CopyRecord[] {
    return [...this.#copies.values()];
  }

  get usedBytes(): number {
    return this.all().reduce((sum, record) => sum + record.size_bytes, 0);
  }

  /** Somebody uses it now: notes that, and gives the folder; null where it is not there, or gives no answer. Never rejects. */
  async use(record: CopyRecord, at: string): Promise<string | null> {
    if (this.silentSince() !== null) return null;
    const used = { ...record, last_used_at: at, hits: record.hits + 1 };
    if (!(await this.#work({ do: "use", record: used }).catch(() => false))) return null;
    Object.assign(record, used);
    return copyFolder(this.folder, record.checksum);
  }

  /** What all copies together may take. Rejects with system errors and MlError. */
  async limitBytes(usedBytes: number): Promise<number> {
    const { freeBytes, totalBytes } = await this.#work({ do: "room" });
    return usedBytes + Math.max(0, freeBytes - keptFree * totalBytes);
  }

  /** What was copied becomes a whole copy, of which `settle` is to make sure. Rejects with system errors and MlError. */
  async complete(record: CopyRecord): Promise<void> {
    record.unsettled_boot = bootId();
    await this.#work({ do: "complete", record });
    this.#copies.set(record.checksum, record);
  }

  /**
   * Puts copies on the disk that are not known to be there, one at a time, while they are used; only then do their records hold after a
   * power cut. One that fails is left for the next start of the worker. Never rejects.
   */
  settle(listOf: (record: CopyRecord) => string): Promise<void> {
    this.#settling ??= this.#settleAll(listOf).finally(() => {
      this.#settling = null;
    });
    return this.#settling;
  }

  async #settleAll(listOf: (record: CopyRecord) => string): Promise<void> {
    const { folder, options } = this;
    const next = () => this.all().find((one) => one.unsettled_boot !== undefined && !this.#unsettled.has(one.checksum));
    for (let record = next(); record !== undefined; record = next()) {
      const { checksum } = record;
      try {
        await runJob({ kind: "settle", folder: copyFolder(folder, checksum), listPath: listOf(record) }, options);
        const { unsettled_boot: _, ...settled } = record;
        if (this.#copies.has(checksum) && (await this.#work({ do: "settle", record: settled })))
          delete record.unsettled_boot;
        else this.#unsettled.add(checksum);
      } catch {
        this.#unsettled.add(checksum);
      }
    }
  }

  /** Never rejects: what could not be removed is swept by the next copy. */
  async remove(checksum: string): Promise<void> {
    this.#copies.delete(checksum);
    await this.#work({ do: "remove", checksum }).catch(() => {});
  }
}
