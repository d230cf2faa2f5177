/**
 * The catalog: one row a run, for listings, counts and names. A cache of the run folders and nothing else: `sync`
 * brings it up to date from them, `rebuild` makes it from nothing, and both give the same answers.
 *
 * Newest first means by order of arrival, never by the clock.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import * as fs from "node:fs";
import { join } from "node:path";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths } from "../run/paths.ts";
import { isFinal, type Status, statuses } from "../run/status.ts";
import { listRunIds, readManifest } from "../run/store.ts";
import { moveAside, openIndex } from "./database.ts";
import { damagedRecord, type Keyed, type RunRecord, recordOf } from "./record.ts";

export interface ListFilter {
  limit: number;
  status?: readonly Status[] | undefined;
  user?: string | undefined;
  group?: string | undefined;
  tag?: string | undefined;
  /** Only runs older than this one. */
  before?: string | undefined;
}

export interface Damaged {
  run_id: string;
  reason: string;
}

interface Row {
  run_id: string;
  status: Status;
  stamp: string;
}

/** What tells a changed manifest from an unchanged one without reading it; empty where there is none. */
function stampOf(path: string): string {
  const stat = fs.statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? "" : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
}

export class Catalog {
  private readonly counters = new Map<Status, number>();
  private newest = 0;

  private constructor(
    private readonly base: BasePaths,
    private readonly database: Database,
    /** Why the index that was there could not be used, or null. */
    readonly replaced: string | null,
  ) {
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
    const keyed = this.read(runId, path);
    if (keyed === null) {
      this.remove(runId);
      return null;
    }
    this.put(keyed, stamp);
    return keyed.record;
  }

  private read(runId: string, path: string): Keyed | null {
    const read = readManifest(path);
    if (read.kind === "ok") return recordOf({ ...read.manifest, run_id: runId });
    if (read.kind === "damaged") return damagedRecord(runId, path, read.reason);
    if (!fs.existsSync(this.base.run(runId).folder)) return null;
    return damagedRecord(runId, path, `\`${path}\` is missing`);
  }

  /** Takes manifests that were just written, without reading them back; all in one transaction. */
  insert(manifests: readonly Manifest[]): RunRecord[] {
    const all = manifests.map(recordOf);
    this.database.transaction(() => {
      for (const keyed of all) this.put(keyed, stampOf(this.base.run(keyed.record.run_id).manifest));
    })();
    return all.map((keyed) => keyed.record);
  }

  private put({ record, submitId, sequence }: Keyed, stamp: string): void {
    const before = this.database.query("SELECT status FROM runs WHERE run_id = ?").get(record.run_id) as Row | null;
    this.database
      .query(
        `INSERT OR REPLACE INTO runs(run_id, tail, sequence, name, user, status, live, priority, held, grp, submit_id,
           problem, stamp, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      )
      .run(
        record.run_id,
        record.run_id.slice(11),
        sequence,
        record.name,
        record.user,
        record.status,
        isFinal(record.status) ? 0 : 1,
        record.priority,
        record.held ? 1 : 0,
        record.group,
        submitId,
        record.problem,
        stamp,
        JSON.stringify(record),
      );
    if (before !== null) this.database.query("DELETE FROM tags WHERE run_id = ?").run(record.run_id);
    for (const tag of new Set(record.tags)) {
      this.database.query("INSERT OR REPLACE INTO tags VALUES (?, ?, ?)").run(tag, record.run_id, sequence);
    }
    if (before !== null) this.count(before.status, -1);
    this.count(record.status, 1);
    this.newest = Math.max(this.newest, sequence);
  }

  private count(status: Status, by: number): void {
    this.counters.set(status, (this.counters.get(status) ?? 0) + by);
  }

  remove(runId: string): boolean {
    const row = this.database.query("DELETE FROM runs WHERE run_id = ? RETURNING status").get(runId) as Row | null;
    if (row === null) return false;
    this.database.query("DELETE FROM tags WHERE run_id = ?").run(runId);
    this.count(row.status, -1);
    return true;
  }

  /** Brings the rows up to date with the folders: only manifests that changed are read. Returns how many were. */
  sync(): number {
    const known = new Map<string, string>();
    for (const row of this.database.query("SELECT run_id, stamp FROM runs").all() as Row[])
      known.set(row.run_id, row.stamp);
    let changed = 0;
    this.database.transaction(() => {
      for (const runId of listRunIds(this.base)) {
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

  /** Forgets everything and reads every folder again. Returns how many runs there are. */
  rebuild(): number {
    this.database.transaction(() => {
      this.database.run("DELETE FROM runs");
      this.database.run("DELETE FROM tags");
    })();
    return this.sync();
  }

  get(runId: string): RunRecord | null {
    const row = this.database.query("SELECT record FROM runs WHERE run_id = ?").get(runId) as { record: string } | null;
    return row === null ? null : (JSON.parse(row.record) as RunRecord);
  }

  sequenceOf(runId: string): number | null {
    const row = this.database.query("SELECT sequence FROM runs WHERE run_id = ?").get(runId);
    return (row as { sequence: number } | null)?.sequence ?? null;
  }

  /** The run that was made for a submission, or null. */
  bySubmission(submitId: string): RunRecord | null {
    return this.select("submit_id = ?", [submitId], "LIMIT 1")[0] ?? null;
  }

  /** Newest first. */
  list(filter: ListFilter): RunRecord[] {
    const where: string[] = [];
    const values: SQLQueryBindings[] = [];
    const add = (condition: string, ...given: SQLQueryBindings[]) => {
      where.push(condition);
      values.push(...given);
    };
    if (filter.status) add(`status IN (${filter.status.map(() => "?").join(",") || "NULL"})`, ...filter.status);
    if (filter.user !== undefined) add("user = ?", filter.user);
    if (filter.group !== undefined) add("grp = ?", filter.group);
    if (filter.tag !== undefined) add("run_id IN (SELECT run_id FROM tags WHERE tag = ?)", filter.tag);
    if (filter.before !== undefined)
      add("(sequence, run_id) < (?, ?)", this.sequenceOf(filter.before) ?? 0, filter.before);
    return this.select(where.join(" AND "), values, `ORDER BY sequence DESC, run_id DESC LIMIT ${filter.limit}`);
  }

  /** The line, first to start first: priority, then age. Held runs stand in their place. */
  waiting(limit: number, user: string | null = null): (RunRecord & { sequence: number })[] {
    const mine = user === null ? "" : "AND user = ?";
    const rows = this.database
      .query(
        `SELECT sequence, record FROM runs WHERE status = 'queued' ${mine} ORDER BY priority DESC, sequence LIMIT ${limit}`,
      )
      .all(...(user === null ? [] : [user])) as { sequence: number; record: string }[];
    return rows.map((row) => ({ ...(JSON.parse(row.record) as RunRecord), sequence: row.sequence }));
  }

  /** How many unheld waiting runs stand before one of this priority and sequence. */
  ahead(priority: number, sequence: number): number {
    const count = (condition: string, ...values: number[]) =>
      (
        this.database
          .query(`SELECT count(*) AS n FROM runs WHERE status = 'queued' AND held = 0 AND ${condition}`)
          .get(...values) as { n: number }
      ).n;
    return count("priority > ?", priority) + count("priority = ? AND sequence < ?", priority, sequence);
  }

  /** True while a live run of the user has the name. */
  isNameTaken(user: string, name: string): boolean {
    return this.database.query("SELECT 1 FROM runs WHERE name = ? AND live = 1 AND user = ?").get(name, user) !== null;
  }

  named(name: string, live: boolean, limit: number): RunRecord[] {
    return this.select("name = ? AND live = ?", [name, live ? 1 : 0], `ORDER BY sequence DESC LIMIT ${limit}`);
  }

  /** Runs whose id, or the random part of it, begins with `prefix`. */
  byPrefix(prefix: string, limit: number): RunRecord[] {
    const end = `${prefix}\u{10ffff}`;
    return this.select(
      "run_id IN (SELECT run_id FROM runs WHERE run_id >= ?1 AND run_id < ?2 UNION SELECT run_id FROM runs WHERE tail >= ?1 AND tail < ?2)",
      [prefix, end],
      `ORDER BY sequence DESC LIMIT ${limit}`,
    );
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
    return rows.map((row) => JSON.parse(row.record) as RunRecord);
  }

  close(): void {
    this.database.close(false);
  }
}

/** Keeps a copy of every damaged manifest, once for each state of it. Returns the paths of new copies. */
export function quarantine(base: BasePaths, damaged: readonly Damaged[]): string[] {
  const copies: string[] = [];
  for (const { run_id } of damaged) {
    const { manifest } = base.run(run_id);
    const stat = fs.statSync(manifest, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    fs.mkdirSync(base.quarantine, { recursive: true, mode: 0o700 });
    const copy = join(base.quarantine, `${run_id}.run_manifest.${Math.floor(stat.mtimeMs)}.json`);
    if (fs.existsSync(copy)) continue;
    fs.copyFileSync(manifest, copy);
    copies.push(copy);
  }
  return copies;
}
