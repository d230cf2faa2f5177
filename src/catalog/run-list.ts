/**
 * What can be asked of the rows of runs: one by its id, lists newest first, names, words that begin somehow. Reads alone;
 * newest first is the order of arrival, never the clock's.
 */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { RunRecord } from "../run/run-record.ts";
import { isFinal, type Status, statuses } from "../run/status.ts";
import type { Damaged } from "./quarantine.ts";
import type { Row } from "./run-rows.ts";
import { type Said, type SaidFilter, saidOf } from "./said.ts";
import type { LessonKind } from "./search-facts.ts";

export interface ListFilter {
  limit: number;
  status?: readonly Status[] | undefined;
  user?: string | undefined;
  group?: string | undefined;
  tag?: string | undefined;
  /** Only runs older than this one. */
  before?: string | undefined;
}

/** Which rows may be believed without a look at their folders. */
export type Believed = "nothing" | "ended runs";

interface ListedRow {
  doc: number;
  record: string;
}

const live = statuses
  .filter((status) => !isFinal(status))
  .map((status) => `'${status}'`)
  .join(", ");

export const parseRow = (row: { record: string }): RunRecord => JSON.parse(row.record) as RunRecord;

export abstract class RunList {
  protected abstract readonly database: Database;

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

  /**
   * Completed runs that have this code, newest first: by the index of what they are made of, and all whose folders it has not
   * seen since they changed, which may be others'. Of runs without code all.
   */
  completedOf(snapshot: string | null, limit: number): RunRecord[] {
    if (snapshot === null) return this.list({ status: ["completed"], limit });
    const sql = `SELECT record FROM runs WHERE status = 'completed' AND doc IN (
        SELECT doc FROM labels WHERE label = (SELECT id FROM label_names WHERE field = 'snapshot' AND value = ?)
        UNION SELECT doc FROM runs INDEXED BY unsearched WHERE searched <> stamp)
      ORDER BY doc DESC LIMIT ${limit}`;
    return (this.database.query(sql).all(snapshot) as { record: string }[]).map(parseRow);
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

  /** Of all rows, read from an index over them. */
  knownIds(): string[] {
    const rows = this.database.query("SELECT run_id FROM runs INDEXED BY by_run_id").all() as Row[];
    return rows.map((row) => row.run_id);
  }

  /** What the folders were like: of all rows, or only of those that are not believed. */
  protected stamps(believed: Believed): Pick<Row, "run_id" | "stamp">[] {
    // One after the other: together they would be read in the order of their ids, which is all of them.
    const which = believed === "nothing" ? [""] : [`WHERE status IN (${live})`, "WHERE problem IS NOT NULL"];
    return which.flatMap((where) => this.database.query(`SELECT run_id, stamp FROM runs ${where}`).all() as Row[]);
  }

  /** Ids of all runs that have not ended. */
  liveIds(): string[] {
    const rows = this.database.query(`SELECT run_id FROM runs WHERE status IN (${live})`).all() as Row[];
    return rows.map((row) => row.run_id);
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

  /** Whether runs of several users are known. */
  get hasSeveralUsers(): boolean {
    const [least, most] = ["MIN", "MAX"].map((end) => `(SELECT ${end}(user) FROM runs WHERE user <> '')`);
    return (
      (this.database.query(`SELECT ${least} < ${most} AS several`).get() as { several: number | null }).several === 1
    );
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

  damaged(limit = 100): Damaged[] {
    return this.database
      .query(`SELECT run_id, problem AS reason FROM runs WHERE problem IS NOT NULL ORDER BY run_id LIMIT ${limit}`)
      .all() as Damaged[];
  }

  /** Distinct values that begin with `prefix`, for completion. */
  words(kind: "tag" | "group" | "user", prefix: string, limit: number): string[] {
    const [table, column] = { tag: ["tags", "tag"], group: ["runs", "grp"], user: ["runs", "user"] }[kind];
    const rows = this.database
      .query(
        `SELECT DISTINCT ${column} AS word FROM ${table} WHERE ${column} >= ? AND ${column} < ? ORDER BY 1 LIMIT ${limit}`,
      )
      .all(prefix, `${prefix}\u{10ffff}`) as { word: string }[];
    return rows.map((row) => row.word);
  }

  /** Labels of one field that begin so: hosts, scripts, projects; as far as search has looked. */
  labels(field: string, prefix: string, limit: number): string[] {
    const query = "SELECT value FROM label_names WHERE field = ? AND value >= ? AND value < ? ORDER BY 1 LIMIT ?";
    const rows = this.database.query(query).all(field, prefix, `${prefix}\u{10ffff}`, limit) as { value: string }[];
    return rows.map(({ value }) => value);
  }

  /** What people learned from runs, or meant to do next; as far as search has looked. */
  said(kind: LessonKind, filter: SaidFilter): Said[] {
    return saidOf(this.database, kind, filter);
  }

  private select(where: string, values: SQLQueryBindings[], tail: string): RunRecord[] {
    const rows = this.database
      .query(`SELECT record FROM runs ${where === "" ? "" : `WHERE ${where}`} ${tail}`)
      .all(...values) as { record: string }[];
    return rows.map(parseRow);
  }
}
