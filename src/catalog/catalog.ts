/**
 * The catalog: one row a run, for listings, counts and names. A cache of the run folders and nothing else: `sync`
 * brings it up to date from them, `rebuild` makes it from nothing, and both give the same answers.
 *
 * Newest first means by order of arrival, never by the clock.
 */
import type { Database } from "bun:sqlite";
import * as fs from "node:fs";
import { breathe } from "../core/breathe.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal, type Status, statuses } from "../run/status.ts";
import { isSealed, listRunIds, readManifest } from "../run/store.ts";
import { moveAside, openIndex, putInPlace, releasePages, removeIndex } from "./database.ts";
import { Finder } from "./find.ts";
import { keyedOf, stampOf } from "./gather.ts";
import { PastRuns } from "./past-runs.ts";
import { type Keyed, recordOf } from "./record.ts";
import { type Believed, parseRow, RunList } from "./run-list.ts";
import { dropRow, type IndexTables, knownRow, type Row, writeRow } from "./run-rows.ts";
import { SearchIndex } from "./search-index.ts";
import { SimilarRuns } from "./similar.ts";
import { WaitingRuns } from "./waiting-runs.ts";

/** What the indexes hold of a record, but its status. */
const keysOf = (record: RunRecord | null) =>
  record && JSON.stringify([record.name, record.user, record.priority, record.held, record.group, record.problem]);

/** More changed runs than these are not read one by one while somebody waits; see `sync`. */
export const readAtStart = 500;

export interface Synced {
  /** Runs whose manifests were read. */
  read: number;
  /** Changed ones that are left for a rebuild. */
  left: number;
  /** Rows that were believed; `isCurrent` compares one of them. */
  believed: number;
}

/** Runs of the index that are applied between two breaths. */
const appliedAtOnce = 20;

/** An open index and all that reads it; replaced as a whole. */
interface Shelves {
  database: Database;
  past: PastRuns;
  search: SearchIndex;
  finder: Finder;
  similar: SimilarRuns;
  tables: IndexTables;
}

function shelvesOf(base: BasePaths, database: Database, runCount: () => number): Shelves {
  const search = new SearchIndex(base, database);
  return {
    ...{ database, search, past: new PastRuns(database), finder: new Finder(database, search, runCount) },
    ...{ similar: new SimilarRuns(base, database, search), tables: { database, search } },
  };
}

const dayOf = (runId: string) => runId.slice(0, 10);

/** Where an index is made; what a killed process left there is thrown away. */
const unfinished = (path: string) => `${path}.new`;

export class Catalog extends RunList {
  private readonly counters = new Map<Status, number>();
  readonly waitingRuns = new WaitingRuns();
  private newest = 0;
  private at: Shelves;
  /** Runs that `sync` left for a rebuild: until there was one, what is not found may be among them. */
  lacking = 0;
  /** Runs that changed since a rebuild began; null while there is none. */
  private changed: Set<string> | null = null;

  private constructor(
    private readonly base: BasePaths,
    private readonly path: string,
    database: Database,
    /** Why the index that was there could not be used, or null. */
    readonly replaced: string | null,
  ) {
    super();
    this.at = this.shelves(database);
    this.countAll();
  }

  private shelves(database: Database): Shelves {
    return shelvesOf(this.base, database, () => [...this.counters.values()].reduce((sum, count) => sum + count, 0));
  }

  protected get database(): Database {
    return this.at.database;
  }

  /** What ended runs took. */
  get past(): PastRuns {
    return this.at.past;
  }

  /** What `ml find` looks in; kept a little behind, see there. Another one after a rebuild. */
  get search(): SearchIndex {
    return this.at.search;
  }

  get finder(): Finder {
    return this.at.finder;
  }

  get similar(): SimilarRuns {
    return this.at.similar;
  }

  /** Opens the index at `path`; a damaged one is moved aside. Call `sync` before asking it anything. */
  static open(base: BasePaths, path: string): Catalog {
    removeIndex(unfinished(path));
    const { database, replaced } = openIndex(path);
    try {
      return new Catalog(base, path, database, replaced);
    } catch (cause) {
      database.close();
      throw cause;
    }
  }

  /** A fresh, empty one in the place of one that turned out damaged. */
  static replace(base: BasePaths, path: string): Catalog {
    moveAside(path);
    return Catalog.open(base, path);
  }

  private countAll(): void {
    for (const status of statuses) this.counters.set(status, 0);
    const rows = this.database.query("SELECT status, count(*) AS n FROM runs GROUP BY status").all();
    for (const row of rows as { status: Status; n: number }[]) this.counters.set(row.status, row.n);
    // Keys follow the sequence but for the few that found their place taken: the last ones are looked at.
    const last = "SELECT max(sequence) AS last FROM (SELECT sequence FROM runs ORDER BY doc DESC LIMIT 2000)";
    this.newest = Math.max(this.newest, (this.database.query(last).get() as { last: number | null }).last ?? 0);
    this.waitingRuns.clear();
    const waiting = "SELECT sequence, record FROM runs INDEXED BY waiting WHERE status = 'queued'";
    for (const row of this.database.query(waiting).all() as { record: string; sequence: number }[])
      this.waitingRuns.note(parseRow(row), row.sequence);
  }

  /** The place in the order of arrival for a run submitted now: never goes back, whatever the clock does. */
  nextSequence(nowMs: number): number {
    this.newest = Math.max(Math.floor(nowMs), this.newest + 1);
    return this.newest;
  }

  /** Reads one run folder again. Returns its record, or null where there is no such run any more. */
  apply(runId: string): RunRecord | null {
    this.changed?.add(runId);
    const path = this.base.run(runId).manifest;
    const stamp = stampOf(path);
    const keyed = keyedOf(this.base, runId, readManifest(path));
    if (keyed === null) {
      this.remove(runId);
      return null;
    }
    this.put(keyed.record.problem === null ? keyed : this.damagedAs(keyed), stamp);
    return keyed.record;
  }

  /** A damaged run stays the answer to its submission, as long as anybody remembers which one that was. */
  private damagedAs(keyed: Keyed): Keyed {
    if (keyed.submitId !== null) return keyed;
    const row = this.database.query("SELECT submit_id FROM runs WHERE run_id = ?").get(keyed.record.run_id);
    return { ...keyed, submitId: (row as { submit_id: string | null } | null)?.submit_id ?? null };
  }

  /** Takes manifests that were just written, without reading them back; all in one transaction. */
  insert(manifests: readonly Manifest[]): RunRecord[] {
    const all = manifests.map((manifest) => recordOf(manifest));
    for (const { run_id: runId } of manifests) this.changed?.add(runId);
    try {
      this.database.transaction(() => {
        for (const keyed of all) this.put(keyed, stampOf(this.base.run(keyed.record.run_id).manifest));
      })();
    } catch (cause) {
      this.countAll();
      throw cause;
    }
    return all.map((keyed) => keyed.record);
  }

  private put(keyed: Keyed, stamp: string): void {
    const { record, submitId, sequence, past } = keyed;
    const before = knownRow(this.database, record.run_id);
    const text = JSON.stringify(record);
    if (before?.record === text && before.stamp === stamp && before.submit_id === submitId) return;
    if (past !== null) this.past.put(past);
    else if (record.problem !== null) this.past.remove(record.run_id);
    const earlier = before === null ? null : parseRow(before);
    const stays = before?.sequence === sequence;
    let doc: number;
    if (stays && before.submit_id === submitId && keysOf(earlier) === keysOf(record)) {
      // Most changes: the indexes over what stays need not be touched.
      doc = before.doc;
      this.database
        .query("UPDATE runs SET status = ?, live = ?, stamp = ?, record = ? WHERE doc = ?")
        .run(record.status, isFinal(record.status) ? 0 : 1, stamp, text, doc);
    } else doc = writeRow(this.at.tables, keyed, { before, stamp, searched: stays ? before.searched : "" });
    const tagsBefore = earlier?.tags ?? [];
    if (!stays || tagsBefore.join("\n") !== record.tags.join("\n")) {
      if (tagsBefore.length > 0) this.database.query("DELETE FROM tags WHERE doc = ?").run(doc);
      for (const tag of new Set(record.tags))
        this.database.query("INSERT OR REPLACE INTO tags VALUES (?, ?)").run(tag, doc);
    }
    if (before !== null) this.count(before, -1);
    this.count(record, 1);
    this.waitingRuns.note(record, sequence);
    this.newest = Math.max(this.newest, sequence);
    if (before?.stamp !== stamp) this.search.onStale();
  }

  private count(row: Pick<Row, "status">, by: 1 | -1): void {
    this.counters.set(row.status, (this.counters.get(row.status) ?? 0) + by);
  }

  remove(runId: string): boolean {
    this.changed?.add(runId);
    const row = knownRow(this.database, runId);
    if (row === null) return false;
    dropRow(this.at.tables, row.doc);
    this.past.remove(runId);
    this.count(row, -1);
    this.waitingRuns.remove(runId);
    return true;
  }

  /**
   * Brings the rows up to date with the folders: only manifests that changed are read. Where these are very many (no index
   * was there, or a backup has been restored), only the newest of them and those of runs that have not ended are; the
   * others are `left` for a rebuild. With `believed` a folder whose row says that it ended is not looked at: nothing but people's
   * words changes of it.
   */
  sync(most = readAtStart, believed: Believed = "nothing"): Synced {
    const known = new Set(this.knownIds());
    const compared = new Map(this.stamps(believed).map((row) => [row.run_id, row.stamp]));
    const changed: string[] = [];
    let unlooked = 0;
    for (const runId of listRunIds(this.base)) {
      const before = compared.get(runId);
      if (!known.delete(runId)) changed.push(runId);
      else if (before === undefined) unlooked += 1;
      else if (before === "" || before !== stampOf(this.base.run(runId).manifest)) changed.push(runId);
    }
    const newest = changed.length > most ? this.sealedLast(changed, most) : new Set(changed);
    const wanted = changed.filter((runId) => newest.has(runId) || !isSealed(this.base.run(runId)));
    this.database.transaction(() => {
      // Oldest first: a row then never has to make room for an earlier one.
      for (const runId of wanted.reverse()) this.apply(runId);
      for (const runId of known) this.remove(runId);
    })();
    this.countAll();
    this.lacking = changed.length - wanted.length;
    return { read: wanted.length, left: this.lacking, believed: unlooked };
  }

  /** So many of these, newest day first: whole days, and of the last one those that were sealed last; ids of a day are in no order. */
  private sealedLast(runIds: readonly string[], most: number): Set<string> {
    const edge = dayOf(runIds[most - 1] ?? "");
    const sealedMs = (runId: string) => fs.statSync(this.base.run(runId).sums, { throwIfNoEntry: false })?.mtimeMs ?? 0;
    const sealed = runIds.filter((runId) => dayOf(runId) === edge).map((runId) => ({ runId, atMs: sealedMs(runId) }));
    const newer = runIds.filter((runId) => dayOf(runId) > edge);
    sealed.sort((a, b) => b.atMs - a.atMs);
    return new Set([...newer, ...sealed.slice(0, most - newer.length).map(({ runId }) => runId)]);
  }

  /** False where the folder is not as it was when its row was written, or there is no row. */
  isCurrent(runId: string): boolean {
    const row = this.database.query("SELECT stamp FROM runs WHERE run_id = ?").get(runId) as { stamp: string } | null;
    return row !== null && row.stamp !== "" && row.stamp === stampOf(this.base.run(runId).manifest);
  }

  /**
   * Puts an index made from nothing in the place of this one. `build` makes it at the path that it is given, from the run
   * folders alone; meanwhile this one answers, and what changes is noted and read again before the new one takes over, which
   * happens in one turn. What fails, or is killed at any point, leaves the index as it was.
   */
  async rebuild(build: (path: string) => Promise<unknown>): Promise<void> {
    if (this.changed !== null) throw new Error("the index is being rebuilt already");
    const path = unfinished(this.path);
    const changed = new Set<string>();
    this.changed = changed;
    try {
      await build(path);
      const next = Catalog.open(this.base, path);
      try {
        if (next.replaced !== null) throw new Error(`the new index cannot be used: ${next.replaced}`);
        while (changed.size > 0) {
          next.applyAll([...changed].slice(0, appliedAtOnce), changed);
          await breathe();
        }
      } finally {
        next.close();
      }
      // No await from here on: nothing changes between the last look and the first answer.
      this.takeOver(path);
    } finally {
      this.changed = null;
      removeIndex(path);
      // As which it was put aside, where it could not be read.
      removeIndex(`${path}.damaged`);
    }
  }

  private applyAll(runIds: readonly string[], from: Set<string>): void {
    this.database.transaction(() => {
      for (const runId of runIds) {
        from.delete(runId);
        this.apply(runId);
      }
    })();
  }

  private takeOver(path: string): void {
    const { onStale } = this.search;
    const { synonyms } = this.finder;
    // Nothing may be left in its side files; see putInPlace.
    this.database.run("PRAGMA wal_checkpoint(TRUNCATE)");
    this.close();
    try {
      putInPlace(path, this.path);
      this.lacking = 0;
    } finally {
      // Whichever is there now.
      this.at = this.shelves(openIndex(this.path).database);
      this.countAll();
      this.finder.useSynonyms(synonyms);
      this.search.onStale = onStale;
      onStale();
    }
  }

  totals(): Record<Status, number> {
    return Object.fromEntries(statuses.map((status) => [status, this.counters.get(status) ?? 0])) as Record<
      Status,
      number
    >;
  }

  /** Gives back memory that only makes the next question faster. */
  rest(): void {
    releasePages(this.database);
  }

  close(): void {
    this.database.close(false);
  }
}
