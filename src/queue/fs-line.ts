/**
 * The files of the filesystem queue: which entries there are, adding one, changing one, taking one away. Knows names and
 * files, not whose claim is live.
 *
 *     ids/<run id>       what was asked for, as JSON; makes a run unique in the line
 *     line/<name>        a hard link to it, whose name (fs-name.ts) says everything that changes
 *     sequence, token    the last sequence given out; the highest token of entries that have left
 *     lock, rebuilt, damage, queue.signal
 *
 * A link count of 2 says that a run is in the line, without a listing in which a rename could hide it. Adding and taking
 * away hold `lock`; an id with a link count of 1, seen under the lock, was left by a crash and is cleared away. All other
 * changes are one rename from exactly the known name and need no lock.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { fileOps, syncFolder, writeDurable } from "../core/durable.ts";
import { MlError, systemCode } from "../core/error.ts";
import { fault } from "../core/fault.ts";
import { tryLock } from "../core/file-lock.ts";
import { type Requested, requestedSchema } from "../run/manifest.ts";
import { factsFrom, factsText } from "./entry.ts";
import { entryName, parseEntryName, word } from "./fs-name.ts";
import type { EntryFacts, QueueEntry } from "./port.ts";

/** What an id file holds. */
export interface StoredEntry {
  user: string;
  queuedAt: string;
  requested: Requested;
  facts: EntryFacts;
}

const lockPatienceMs = 5000;
/** Each entry costs an fsync of its own, 0.3 to 2 ms, in which this process does nothing else. */
const addBatch = 32;
const dayMs = 86_400_000;

export class FsLine {
  readonly #folder: string;
  readonly #ids: string;
  readonly #line: string;
  #lastSequence: number | null = null;

  constructor(folder: string) {
    this.#folder = folder;
    this.#ids = join(folder, "ids");
    this.#line = join(folder, "line");
    this.prepare();
    this.#sweep();
  }

  /** Makes the folders where they are missing. */
  prepare(): void {
    for (const folder of [this.#ids, this.#line]) fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  }

  /** All names, first in line first. A name that is being changed at this moment may be missing. */
  names(): string[] {
    try {
      return fs.readdirSync(this.#line).sort();
    } catch (cause) {
      if (systemCode(cause) !== "ENOENT") throw cause;
      this.prepare();
      return [];
    }
  }

  /** How many are in the line; cheaper than `names`. */
  count(): number {
    try {
      return fs.readdirSync(this.#line).length;
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return 0;
      throw cause;
    }
  }

  /** True where the run is in the line under some name. */
  holds(runId: string): boolean {
    return this.#links(runId) >= 2;
  }

  /** The present name of a run in the line, or null. */
  find(runId: string): string | null {
    const part = `.${word(runId)}.`;
    for (let look = 0; look < 50; look += 1) {
      const name = this.names().find((each) => each.includes(part) && parseEntryName(each)?.runId === runId);
      if (name !== undefined) return name;
      if (!this.holds(runId)) return null;
    }
    return null;
  }

  has(name: string): boolean {
    return fs.existsSync(join(this.#line, name));
  }

  /** What was asked for; `gone` where the entry left the line meanwhile. */
  read(runId: string): StoredEntry | "gone" | "damaged" {
    let text: string;
    try {
      text = fs.readFileSync(join(this.#ids, word(runId)), "utf8");
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return "gone";
      throw cause;
    }
    try {
      const { user, queued_at, requested, facts } = JSON.parse(text);
      if (typeof user !== "string" || typeof queued_at !== "string") return "damaged";
      return { user, queuedAt: queued_at, requested: requestedSchema.parse(requested), facts: factsFrom(facts ?? "") };
    } catch {
      return "damaged";
    }
  }

  /** Changes `from` into `to` if that is still its name; of many who try exactly one gets true. Durable after `sync`. */
  swap(from: string, to: string): boolean {
    try {
      fileOps.rename(join(this.#line, from), join(this.#line, to));
    } catch (cause) {
      if (systemCode(cause) === "ENOENT") return false;
      throw cause;
    }
    return true;
  }

  /** Makes the names of the line durable. */
  sync(): void {
    syncFolder(this.#line);
  }

  /** Adds those that are not in the line; durable when it resolves. Lets others run between its batches. */
  async add(entries: readonly QueueEntry[]): Promise<number> {
    let added = 0;
    for (let from = 0; from < entries.length; from += addBatch) {
      added += await this.#addSome(entries.slice(from, from + addBatch));
      await Bun.sleep(0);
    }
    return added;
  }

  /** Adds a batch, or nothing of it where it throws. */
  async #addSome(entries: readonly QueueEntry[]): Promise<number> {
    return await this.locked(() => {
      const added: [string, string][] = [];
      try {
        let sequence = this.#readSequence();
        const token = this.#readNumber("token");
        for (const entry of entries) {
          if (this.holds(entry.runId)) continue;
          sequence += 1;
          added.push(this.#addOne(entry, sequence, token));
        }
        if (added.length === 0) return 0;
        this.#writeNumber("sequence", sequence);
        this.#lastSequence = sequence;
        fault("queue/before-add-sync");
        syncFolder(this.#ids);
        syncFolder(this.#line);
      } catch (cause) {
        for (const [id, name] of added) for (const path of [name, id]) fs.rmSync(path, { force: true });
        throw cause;
      }
      fault("queue/added");
      return added.length;
    });
  }

  /** Takes the entry away if `name` is still its name. */
  async take(runId: string, name: string): Promise<boolean> {
    return await this.locked(() => {
      try {
        fileOps.unlink(join(this.#line, name));
      } catch (cause) {
        if (systemCode(cause) === "ENOENT") return false;
        throw cause;
      }
      fault("queue/before-forgetting-id");
      fs.rmSync(join(this.#ids, word(runId)), { force: true });
      const token = parseEntryName(name)?.token ?? 0;
      if (token > this.#readNumber("token")) this.#writeNumber("token", token);
      return true;
    });
  }

  /** Holds the queue's lock while `act` runs; waits without blocking, then throws `try_later`. */
  async locked<T>(act: () => T): Promise<T> {
    const path = join(this.#folder, "lock");
    const deadline = performance.now() + lockPatienceMs;
    for (;;) {
      this.prepare();
      const lock = tryLock(path);
      if (lock !== null) {
        try {
          return act();
        } finally {
          lock.release();
        }
      }
      if (performance.now() > deadline) {
        const hint = `see who holds it: \`fuser ${path}\``;
        throw new MlError("try_later", `waited ${lockPatienceMs} ms for \`${path}\`, which another process holds`, {
          hint,
        });
      }
      await Bun.sleep(1 + Math.random() * 4);
    }
  }

  #addOne(entry: QueueEntry, sequence: number, token: number): [string, string] {
    const { runId, priority, held, user, queuedAt, requested, facts } = entry;
    const stored = { user, queued_at: queuedAt, requested, facts: factsText(facts) };
    const id = join(this.#ids, word(runId));
    const name = join(this.#line, entryName({ priority, sequence, runId, token, held, claim: null }));
    writeDurable(id, `${JSON.stringify(stored)}\n`, { sync: "file", mode: 0o600 });
    fault("queue/before-line-link");
    try {
      fileOps.link(id, name);
    } catch (cause) {
      fs.rmSync(id, { force: true });
      throw cause;
    }
    return [id, name];
  }

  #links(runId: string): number {
    return fs.statSync(join(this.#ids, word(runId)), { throwIfNoEntry: false })?.nlink ?? 0;
  }

  /** The last sequence given out; counter and line are both asked once, because a power cut may set the counter back. */
  #readSequence(): number {
    this.#lastSequence ??= Math.max(0, ...this.names().map((name) => parseEntryName(name)?.sequence ?? 0));
    return Math.max(this.#lastSequence, this.#readNumber("sequence"));
  }

  #readNumber(name: string): number {
    try {
      return Number(fs.readFileSync(join(this.#folder, name), "utf8")) || 0;
    } catch {
      return 0;
    }
  }

  #writeNumber(name: string, value: number): void {
    writeDurable(join(this.#folder, name), `${value}\n`, { sync: false, mode: 0o600 });
  }

  /** Clears away temporary files of crashed writers. */
  #sweep(): void {
    for (const name of fs.readdirSync(this.#ids)) {
      if (!name.startsWith(".")) continue;
      const path = join(this.#ids, name);
      const age = Date.now() - (fs.statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
      if (age > dayMs) fs.rmSync(path, { force: true });
    }
  }
}
