/**
 * The waiting line in a folder: no database and no service, and fit for a mount that several hosts share. Each entry is
 * a file whose name says its place, state, token and claim (fs-name.ts); each change is one rename, so of many workers
 * exactly one wins. Leases are judged by having seen a claim unchanged for its time (lease-watch.ts), not by clocks that
 * hosts would have to agree on.
 *
 * Lists of names may be stale on a network mount; that costs a repeated look, never a wrong change.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import type { Clock } from "../core/clock.ts";
import { writeDurable } from "../core/durable.ts";
import { asMlError, MlError, systemCode } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { named } from "./entry.ts";
import { FsLine, type StoredEntry } from "./fs-line.ts";
import { entryName, type NameParts, parseEntryName } from "./fs-name.ts";
import { checkQueueFolder, type QueueFileOps, queueFileOps } from "./fs-self-test.ts";
import { LeaseWatch } from "./lease-watch.ts";
import type { Claim, EntryChange, QueueBackend, QueueEntry, QueueHealth, WaitingEntry } from "./port.ts";
import { WakeSignal } from "./wake.ts";

export interface FsQueueOptions {
  clock: Clock;
  /** For tests: what the self-test tries. */
  ops?: QueueFileOps;
}

/** Contents kept in memory, so that the front of the line is read once. */
const keptContents = 5000;

/** Opens or makes the queue in `folder`. Throws `bad_config` where the file system cannot hold one, else MlError. */
export function openFsQueue(folder: string, options: FsQueueOptions): QueueBackend {
  try {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    checkQueueFolder(folder, options.ops ?? queueFileOps);
    return new FsQueue(folder, options.clock);
  } catch (cause) {
    throw asMlError(cause, `opening the queue \`${folder}\``);
  }
}

/** What a name becomes next; null: nothing, the operation is refused. */
type Step = (parts: NameParts, live: boolean) => NameParts | null;

class FsQueue implements QueueBackend {
  readonly #folder: string;
  readonly #clock: Clock;
  readonly #line: FsLine;
  readonly #watch: LeaseWatch;
  readonly #wake: WakeSignal;
  /** run id → the name that it had last. */
  readonly #names = new Map<string, string>();
  #contents = new Map<string, StoredEntry>();
  #closed = false;

  constructor(folder: string, clock: Clock) {
    this.#folder = folder;
    this.#clock = clock;
    this.#line = new FsLine(folder);
    this.#watch = new LeaseWatch(clock);
    this.#wake = new WakeSignal(join(folder, "queue.signal"));
  }

  async add(entries: readonly QueueEntry[]): Promise<number> {
    const added = await this.#try("adding to the queue", () => (entries.length === 0 ? 0 : this.#line.add(entries)));
    if (added > 0) this.#wake.tell();
    return added;
  }

  async waiting(limit: number, includeHeld: boolean): Promise<WaitingEntry[]> {
    return await this.#try("reading the queue", async () => {
      const names = this.#line.names();
      this.#observe(names);
      const found: WaitingEntry[] = [];
      const seen = new Set<string>();
      for (const name of names) {
        if (found.length >= limit) break;
        const parts = parseEntryName(name);
        if (parts === null || seen.has(parts.runId)) continue;
        const live = this.#isLive(name, parts);
        if (!includeHeld && (parts.held || live)) continue;
        const stored = await this.#content(name, parts);
        if (stored === null) continue;
        seen.add(parts.runId);
        this.#names.set(parts.runId, name);
        found.push(toEntry(parts, stored, live));
      }
      if (this.#names.size > keptContents) this.#names.clear();
      return found;
    });
  }

  async count(): Promise<number> {
    return await this.#try("reading the queue", () => this.#line.count());
  }

  async claim(runId: string, worker: string, leaseMs: number): Promise<Claim | null> {
    const taken = await this.#change(`claiming \`${runId}\``, runId, (parts, live) => {
      if (parts.held || live) return null;
      const token = Math.max(parts.token + 1, this.#clock.nowMs());
      return { ...parts, token, claim: { worker, leaseMs, renewals: 0 } };
    });
    if (taken === null) return null;
    fault("queue/claimed");
    return { runId, worker, token: taken.token };
  }

  async renew(claim: Claim, leaseMs: number): Promise<boolean> {
    const renewed = await this.#change(`renewing the claim on \`${claim.runId}\``, claim.runId, (parts, live) => {
      if (!live || !isOf(parts, claim)) return null;
      return { ...parts, claim: { worker: claim.worker, leaseMs, renewals: (parts.claim?.renewals ?? 0) + 1 } };
    });
    return renewed !== null;
  }

  async giveBack(claim: Claim): Promise<void> {
    const given = await this.#change(`giving back \`${claim.runId}\``, claim.runId, (parts) =>
      isOf(parts, claim) ? { ...parts, claim: null } : null,
    );
    if (given !== null) this.#wake.tell();
  }

  async settle(claim: Claim): Promise<boolean> {
    fault("queue/before-settle");
    return await this.#take(`settling \`${claim.runId}\``, claim.runId, (parts) => isOf(parts, claim));
  }

  async remove(runIds: readonly string[]): Promise<string[]> {
    const taken: string[] = [];
    for (const runId of runIds) {
      if (await this.#take(`taking \`${runId}\` out of the queue`, runId, (_, live) => !live)) taken.push(runId);
    }
    return taken;
  }

  async update(runIds: readonly string[], change: EntryChange): Promise<string[]> {
    const step: Step = (parts, live) => {
      if (live) return null;
      return { ...parts, priority: change.priority ?? parts.priority, held: change.held ?? parts.held, claim: null };
    };
    const changed: string[] = [];
    for (const runId of runIds) {
      if ((await this.#change(`changing \`${runId}\` in the queue`, runId, step)) !== null) changed.push(runId);
    }
    if (changed.length === 0) return [];
    await this.#try(`changing ${named(changed)} in the queue`, () => this.#line.sync());
    this.#wake.tell();
    return changed;
  }

  onChange(wake: () => void): () => void {
    return this.#wake.listen(wake);
  }

  async health(): Promise<QueueHealth> {
    const shape = { backend: "fs", degraded: false } as const;
    try {
      await this.#try("reading the queue", () => this.#line.count());
      if (fs.existsSync(join(this.#folder, "rebuilt"))) return { ...shape, ok: true, problem: null };
      const problem = this.#damage() ?? `the queue \`${this.#folder}\` is new`;
      return { ...shape, ok: true, problem: `${problem}; runs come back from their folders`, needsRebuild: true };
    } catch (cause) {
      return { ...shape, ok: false, problem: asMlError(cause, "reading the queue").message };
    }
  }

  async rebuilt(): Promise<void> {
    await this.#try("noting that the queue is complete", () =>
      writeDurable(join(this.#folder, "rebuilt"), "every queued run folder has its entry\n", { mode: 0o600 }),
    );
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#wake.close();
  }

  /** One rename along `step`, decided on a name that is true at that moment. Null where refused or gone. */
  async #change(doing: string, runId: string, step: Step): Promise<NameParts | null> {
    return await this.#try(doing, () => {
      for (;;) {
        const current = this.#current(runId);
        if (current === null) return null;
        const [name, parts] = current;
        const next = step(parts, this.#isLive(name, parts));
        if (next !== null) {
          const nextName = entryName(next);
          if (nextName !== name && !this.#line.swap(name, nextName)) continue;
          this.#names.set(runId, nextName);
          this.#isLive(nextName, next);
          return next;
        }
        if (this.#line.has(name)) return null;
      }
    });
  }

  async #take(doing: string, runId: string, may: (parts: NameParts, live: boolean) => boolean): Promise<boolean> {
    return await this.#try(doing, async () => {
      for (;;) {
        const current = this.#current(runId);
        if (current === null) return false;
        const [name, parts] = current;
        if (may(parts, this.#isLive(name, parts))) {
          if (!(await this.#line.take(runId, name))) continue;
          this.#names.delete(runId);
          return true;
        }
        if (this.#line.has(name)) return false;
      }
    });
  }

  /** The name of a run, from memory where that is still true. */
  #current(runId: string): [string, NameParts] | null {
    const remembered = this.#names.get(runId);
    const name = remembered !== undefined && this.#line.has(remembered) ? remembered : this.#line.find(runId);
    const parts = name === null ? null : parseEntryName(name);
    if (name === null || parts === null) {
      this.#names.delete(runId);
      return null;
    }
    this.#names.set(runId, name);
    return [name, parts];
  }

  #isLive(name: string, parts: NameParts): boolean {
    return parts.claim !== null && this.#watch.isLive(name, parts.claim.leaseMs);
  }

  /** Starts or goes on counting the time of every claim in the line. */
  #observe(names: readonly string[]): void {
    const claimed = new Set(names.filter((name) => name.includes(".c.")));
    for (const name of claimed) this.#watch.isLive(name, parseEntryName(name)?.claim?.leaseMs ?? 0);
    this.#watch.keepOnly(claimed);
  }

  async #content(name: string, parts: NameParts): Promise<StoredEntry | null> {
    const key = `${parts.sequence}.${parts.runId}`;
    const kept = this.#contents.get(key);
    if (kept !== undefined) return kept;
    const stored = this.#line.read(parts.runId);
    if (stored === "gone") return null;
    if (stored === "damaged") {
      await this.#putAside(name, parts.runId);
      return null;
    }
    if (this.#contents.size >= keptContents) this.#contents = new Map();
    this.#contents.set(key, stored);
    return stored;
  }

  /** A damaged entry leaves the line, is kept, and comes back from its run folder. */
  async #putAside(name: string, runId: string): Promise<void> {
    const aside = join(this.#folder, "damaged");
    fs.mkdirSync(aside, { recursive: true, mode: 0o700 });
    fs.rmSync(join(this.#folder, "rebuilt"), { force: true });
    writeDurable(join(this.#folder, "damage"), `the entry of \`${runId}\` was damaged and is kept in \`${aside}\``);
    try {
      fs.copyFileSync(join(this.#folder, "line", name), join(aside, name));
    } catch (cause) {
      if (systemCode(cause) !== "ENOENT") throw cause;
    }
    await this.#line.take(runId, name);
  }

  #damage(): string | null {
    try {
      return fs.readFileSync(join(this.#folder, "damage"), "utf8").trim();
    } catch {
      return null;
    }
  }

  async #try<T>(doing: string, act: () => T | Promise<T>): Promise<T> {
    if (this.#closed) throw new MlError("try_later", `${doing} failed: the queue is closed`);
    try {
      return await act();
    } catch (cause) {
      throw asMlError(cause, doing);
    }
  }
}

function isOf(parts: NameParts, claim: Claim): boolean {
  return parts.token === claim.token && parts.claim?.worker === claim.worker;
}

function toEntry(parts: NameParts, stored: StoredEntry, live: boolean): WaitingEntry {
  const { runId, sequence, priority, held, token } = parts;
  const claim = live && parts.claim !== null ? { worker: parts.claim.worker, token } : null;
  return { ...stored, runId, sequence, priority, held, claim };
}
