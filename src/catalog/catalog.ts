/**
 * The catalog: one row a run, for listings, counts and names. A cache of the run folders and nothing else: `sync`
 * brings it up to date from them, `rebuild` makes it from nothing, and both give the same answers.
 *
 * Newest first means by order of arrival, never by the clock.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import * as fs from "node:fs";
import { readForecasts } from "../run/forecasts.ts";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths } from "../run/paths.ts";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal, type Status, statuses } from "../run/status.ts";
import { listRunIds, type ManifestRead, readManifest } from "../run/store.ts";
import { moveAside, openIndex } from "./database.ts";
import { Finder } from "./find.ts";
import { PastRuns } from "./past-runs.ts";
import type { Damaged } from "./quarantine.ts";
import { damagedRecord, type Keyed, recordOf } from "./record.ts";
import { dropRow, type IndexTables, knownRow, type Row, writeRow } from "./run-rows.ts";
import { type Looked, SearchIndex } from "./search-index.ts";
import { SimilarRuns } from "./similar.ts";
import { WaitingRuns } from "./waiting-runs.ts";

export interface ListFilter {
  limit: number;
  status?: readonly Status[] | undefined;
  user?: string | undefined;
  group?: string | undefined;
  tag?: string | undefined;
  /** Only runs older than this one. */
  before?: string | undefined;
}

interface ListedRow {
  doc: number;
  record: string;
}

/** What the indexes hold of a record, but its status. */
const keysOf = (record: RunRecord | null) =>
  record && JSON.stringify([record.name, record.user, record.priority, record.held, record.group, record.problem]);

const parseRow = (row: { record: string }): RunRecord => JSON.parse(row.record) as RunRecord;

/** Runs that a rebuild takes in one transaction. */
const rebuiltAtOnce = 1000;

/** What tells a changed manifest from an unchanged one without reading it; empty where there is none. */
function stampOf(path: string): string {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
}

export class Catalog {
  private readonly counters = new Map<Status, number>();
  readonly waitingRuns = new WaitingRuns();
  private newest = 0;
  /** What ended runs took. */
  readonly past: PastRuns;
  /** What `ml find` looks in; kept a little behind, see there. */
  readonly search: SearchIndex;
  readonly finder: Finder;
  readonly similar: SimilarRuns;
  private readonly index: IndexTables;

  private constructor(
    private readonly base: BasePaths,
    private readonly database: Database,
    /** Why the index that was there could not be used, or null. */
    readonly replaced: string | null,
  ) {
    this.past = new PastRuns(database);
    this.search = new SearchIndex(base, database);
    const runCount = () => [...this.counters.values()].reduce((sum, count) => sum + count, 0);
    this.finder = new Finder(database, this.search, runCount);
    this.similar = new SimilarRuns(base, database, this.search);
    this.index = { database, search: this.search };
    this.countAll();
  }

  /** Opens the index at `path`; a damaged one is moved aside. Call `sync` before asking it anything. */
  static open(base: BasePaths, path: string): Catalog {
    const { database, replaced } = openIndex(path);
    return new Catalog(base, database, replaced);
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
    const last = this.database.query("SELECT max(sequence) AS last FROM runs").get() as { last: number | null };
    this.newest = last.last ?? 0;
    this.waitingRuns.clear();
    const waiting = "SELECT sequence, record FROM runs INDEXED BY waiting WHERE status = 'queued'";
    for (const row of this.database.query(waiting).all() as (ListedRow & { sequence: number })[])
      this.waitingRuns.note(parseRow(row), row.sequence);
  }

  /** The place in the order of arrival for a run submitted now: never goes back, whatever the clock does. */
  nextSequence(nowMs: number): number {
    this.newest = Math.max(Math.floor(nowMs), this.newest + 1);
    return this.newest;
  }

  /** Reads one run folder again. Returns its record, or null where there is no such run any more. */
  apply(runId: string): RunRecord | null {
    const path = this.base.run(runId).manifest;
    const stamp = stampOf(path);
    const keyed = this.keyedOf(runId, path, readManifest(path));
    if (keyed === null) {
      this.remove(runId);
      return null;
    }
    this.put(keyed, stamp);
    return keyed.record;
  }

  private keyedOf(runId: string, path: string, read: ManifestRead): Keyed | null {
    if (read.kind === "ok") {
      const foretold = read.manifest.ended_at === null ? [] : readForecasts(this.base.run(runId));
      return recordOf({ ...read.manifest, run_id: runId }, foretold);
    }
    if (read.kind === "damaged") return this.damagedAs(runId, damagedRecord(runId, path, read.reason));
    if (!fs.existsSync(this.base.run(runId).folder)) return null;
    return this.damagedAs(runId, damagedRecord(runId, path, `\`${path}\` is missing`));
  }

  /** A damaged run stays the answer to its submission, as long as anybody remembers which one that was. */
  private damagedAs(runId: string, keyed: Keyed): Keyed {
    if (keyed.submitId !== null) return keyed;
    const row = this.database.query("SELECT submit_id FROM runs WHERE run_id = ?").get(runId);
    return { ...keyed, submitId: (row as { submit_id: string | null } | null)?.submit_id ?? null };
  }

  /** Takes manifests that were just written, without reading them back; all in one transaction. */
  insert(manifests: readonly Manifest[]): RunRecord[] {
    const all = manifests.map((manifest) => recordOf(manifest));
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

  /** Returns the row's key. A `fresh` row is that of a run which has none yet, and search looks at it in the same transaction. */
  private put({ record, submitId, sequence, past }: Keyed, stamp: string, fresh = false): number {
    const before = fresh ? null : knownRow(this.database, record.run_id);
    const text = JSON.stringify(record);
    if (before?.record === text && before.stamp === stamp && before.submit_id === submitId) return before.doc;
    if (past !== null) this.past.put(past);
    else if (record.problem !== null) this.past.remove(record.run_id);
    const earlier = before === null ? null : parseRow(before);
    const live = isFinal(record.status) ? 0 : 1;
    const stays = before?.sequence === sequence;
    let doc: number;
    if (stays && before.submit_id === submitId && keysOf(earlier) === keysOf(record)) {
      // Most changes: the indexes over what stays need not be touched.
      this.database
        .query("UPDATE runs SET status = ?, live = ?, stamp = ?, record = ? WHERE doc = ?")
        .run(record.status, live, stamp, text, before.doc);
      doc = before.doc;
    } else {
      const searched = fresh ? stamp : stays ? before.searched : "";
      doc = writeRow(this.index, { record, submitId, sequence, past }, { before, stamp, searched, text, live });
    }
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
    if (!fresh && before?.stamp !== stamp) this.search.onStale();
    return doc;
  }

  private count(row: Pick<Row, "status">, by: 1 | -1): void {
    this.counters.set(row.status, (this.counters.get(row.status) ?? 0) + by);
  }

  remove(runId: string): boolean {
    const row = knownRow(this.database, runId);
    if (row === null) return false;
    dropRow(this.index, row.doc);
    this.past.remove(runId);
    this.count(row, -1);
    this.waitingRuns.remove(runId);
    return true;
  }

  /** Brings the rows up to date with the folders: only manifests that changed are read. Returns how many were. */
  sync(): number {
    const known = new Map<string, string>();
    for (const row of this.database.query("SELECT run_id, stamp FROM runs").all() as Row[])
      known.set(row.run_id, row.stamp);
    let changed = 0;
    this.database.transaction(() => {
      // Oldest first: a row then never has to make room for an earlier one.
      for (const runId of listRunIds(this.base).reverse()) {
        const stamp = stampOf(this.base.run(runId).manifest);
        const same = stamp !== "" && known.get(runId) === stamp;
        known.delete(runId);
        if (same) continue;
        this.apply(runId);
        changed += 1;
      }
      for (const runId of known.keys()) this.remove(runId);
    })();
    this.countAll();
    return changed;
  }

  /** Forgets everything and reads every folder again, for rows and for search at once. Returns how many runs there are. */
  rebuild(): number {
    this.database.run("PRAGMA cache_size = -65536");
    this.database.transaction(() => {
      this.database.run("DELETE FROM runs");
      this.database.run("DELETE FROM tags");
      this.past.clear();
      this.search.forgetAll();
    })();
    const runIds = listRunIds(this.base).reverse();
    for (let at = 0; at < runIds.length; at += rebuiltAtOnce) this.readAnew(runIds.slice(at, at + rebuiltAtOnce));
    this.countAll();
    this.database.run("PRAGMA cache_size = -2000");
    this.database.run("PRAGMA shrink_memory");
    return runIds.length;
  }

  private readAnew(runIds: readonly string[]): void {
    const looked: Looked[] = [];
    this.database.transaction(() => {
      for (const runId of runIds) {
        const path = this.base.run(runId).manifest;
        const stamp = stampOf(path);
        const read = readManifest(path);
        const keyed = this.keyedOf(runId, path, read);
        if (keyed === null) continue;
        const doc = this.put(keyed, stamp, true);
        looked.push({ doc, run_id: runId, stamp, manifest: read.kind === "ok" ? read.manifest : null });
      }
      // A row may have been moved by a later one; what it was is then looked at again in its turn.
      this.search.take(looked);
    })();
  }

  get(runId: string): RunRecord | null {
    const row = this.database.query("SELECT record FROM runs WHERE run_id = ?").get(runId) as { record: string } | null;
    return row === null ? null : (JSON.parse(row.record) as RunRecord);
  }

  /** The key of a run in the index; grows in the order of arrival. */
  docOf(runId: string): number | null {
    const row = this.database.query("SELECT doc FROM runs WHERE run_id = ?").get(runId);
    return (row as { doc: number } | null)?.doc ?? null;
  }

  sequenceOf(runId: string): number | null {
    const row = this.database.query("SELECT sequence FROM runs WHERE run_id = ?").get(runId);
    return (row as { sequence: number } | null)?.sequence ?? null;
  }

  /** The run that was made for a submission, or null. */
  bySubmission(submitId: string): RunRecord | null {
    return this.select("submit_id = ?", [submitId], "LIMIT 1")[0] ?? null;
  }

  /** Newest first. Each status is read along its own index and the pages merged, so that the cost is that of the page. */
  list(filter: ListFilter): RunRecord[] {
    if (filter.status === undefined) return this.page(filter, null).map(parseRow);
    const pages = [...new Set(filter.status)].flatMap((status) => this.page(filter, status));
    pages.sort((a, b) => b.doc - a.doc);
    return pages.slice(0, filter.limit).map(parseRow);
  }

  private page(filter: ListFilter, status: Status | null): ListedRow[] {
    const where: string[] = [];
    const values: SQLQueryBindings[] = [];
    const add = (condition: string, ...given: SQLQueryBindings[]) => {
      where.push(condition);
      values.push(...given);
    };
    if (status !== null) add("status = ?", status);
    if (filter.user !== undefined) add("user = ?", filter.user);
    if (filter.group !== undefined) add("grp = ?", filter.group);
    if (filter.tag !== undefined) add("doc IN (SELECT doc FROM tags WHERE tag = ?)", filter.tag);
    if (filter.before !== undefined) add("doc < ?", this.docOf(filter.before) ?? 0);
    const condition = where.length === 0 ? "" : `WHERE ${where.join(" AND ")}`;
    return this.database
      .query(`SELECT doc, record FROM runs ${condition} ORDER BY doc DESC LIMIT ${filter.limit}`)
      .all(...values) as ListedRow[];
  }

  /** The rows of these runs, by id; those that are not known are missing. */
  many(runIds: readonly string[]): Map<string, RunRecord> {
    const found = this.select("run_id IN (SELECT value FROM json_each(?))", [JSON.stringify(runIds)], "");
    return new Map(found.map((record) => [record.run_id, record]));
  }

  /** Runs that ended at this moment or later, in no promised order. Looks at every row. */
  *endedSince(iso: string): Iterable<RunRecord> {
    const query = "SELECT record FROM runs WHERE live = 0 AND json_extract(record, '$.ended_at') >= ?";
    for (const row of this.database.query(query).iterate(iso)) yield parseRow(row as ListedRow);
  }

  /** Ids of all waiting runs, in order of arrival. */
  waitingIds(): string[] {
    const rows = this.database
      .query("SELECT run_id FROM runs WHERE status = 'queued' ORDER BY sequence")
      .all() as Row[];
    return rows.map((row) => row.run_id);
  }

  /** True while a live run of the user has the name. */
  isNameTaken(user: string, name: string): boolean {
    return this.database.query("SELECT 1 FROM runs WHERE name = ? AND live = 1 AND user = ?").get(name, user) !== null;
  }

  named(name: string, live: boolean, limit: number): RunRecord[] {
    return this.select("name = ? AND live = ?", [name, live ? 1 : 0], `ORDER BY doc DESC LIMIT ${limit}`);
  }

  /** Runs whose id, or the random part of it, begins with `prefix`. */
  byPrefix(prefix: string, limit: number): RunRecord[] {
    const end = `${prefix}\u{10ffff}`;
    return this.select(
      "run_id IN (SELECT run_id FROM runs WHERE run_id >= ?1 AND run_id < ?2 UNION SELECT run_id FROM runs WHERE tail >= ?1 AND tail < ?2)",
      [prefix, end],
      `ORDER BY doc DESC LIMIT ${limit}`,
    );
  }

  /** Runs that recorded a metric of this name, newest first; within a group where one is named. */
  withMetric(metric: string, group: string | null): RunRecord[] {
    const path = `$.metrics."${metric.replaceAll('"', "")}"`;
    const inGroup = group === null ? "" : "AND grp = ?2";
    const values = group === null ? [path] : [path, group];
    return this.select(`json_extract(record, ?1) IS NOT NULL ${inGroup}`, values, "ORDER BY doc DESC");
  }

  totals(): Record<Status, number> {
    return Object.fromEntries(statuses.map((status) => [status, this.counters.get(status) ?? 0])) as Record<
      Status,
      number
    >;
  }

  damaged(limit = 100): Damaged[] {
    return this.database
      .query(`SELECT run_id, problem AS reason FROM runs WHERE problem IS NOT NULL ORDER BY run_id LIMIT ${limit}`)
      .all() as Damaged[];
  }

  /** Distinct values that begin with `prefix`, for completion. */
  words(kind: "tag" | "group", prefix: string, limit: number): string[] {
    const [table, column] = kind === "tag" ? ["tags", "tag"] : ["runs", "grp"];
    const rows = this.database
      .query(
        `SELECT DISTINCT ${column} AS word FROM ${table} WHERE ${column} >= ? AND ${column} < ? ORDER BY 1 LIMIT ${limit}`,
      )
      .all(prefix, `${prefix}\u{10ffff}`) as { word: string }[];
    return rows.map((row) => row.word);
  }

  private select(where: string, values: SQLQueryBindings[], tail: string): RunRecord[] {
    const rows = this.database
      .query(`SELECT record FROM runs ${where === "" ? "" : `WHERE ${where}`} ${tail}`)
      .all(...values) as { record: string }[];
    return rows.map(parseRow);
  }

  close(): void {
    this.database.close(false);
  }
}
