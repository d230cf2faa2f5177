/**
 * Rows of the table `runs`, one a run: written whole in the run's place in the order of arrival, and taken away together
 * with all that hangs on their key.
 */
import type { Database } from "bun:sqlite";
import { isFinal, type Status } from "../run/status.ts";
import { placeOf } from "./doc-order.ts";
import type { Keyed } from "./record.ts";

/** What is known of a row without its record. */
export interface Row {
  run_id: string;
  status: Status;
  stamp: string;
  priority: number;
  held: number;
  sequence: number;
}

export interface KnownRow extends Row {
  doc: number;
  /** The stamp of what the search tables were made from. */
  searched: string;
  submit_id: string | null;
  record: string;
}

export interface IndexTables {
  database: Database;
  /** The tables beside `runs` that are keyed by it. */
  search: { forget(doc: number): void };
}

export function knownRow(database: Database, runId: string): KnownRow | null {
  const columns = "doc, status, priority, held, sequence, stamp, searched, submit_id, record";
  return database.query(`SELECT ${columns} FROM runs WHERE run_id = ?`).get(runId) as KnownRow | null;
}

export const insertRun = `INSERT INTO runs(doc, run_id, tail, sequence, at, name, user, status, live, priority, held, grp, submit_id,
  problem, stamp, searched, record) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`;

/** The values for `insertRun`. */
export function rowOf(
  doc: number,
  { record, submitId, sequence }: Keyed,
  { stamp, searched }: { stamp: string; searched: string },
): (string | number | null)[] {
  return [
    ...[doc, record.run_id, record.run_id.slice(11), sequence, Date.parse(record.queued_at) || 0],
    ...[record.name, record.user, record.status, isFinal(record.status) ? 0 : 1],
    ...[record.priority, record.held ? 1 : 0, record.group, submitId, record.problem],
    ...[stamp, searched, JSON.stringify(record)],
  ];
}

/** Writes the whole row, in its place in the order of arrival. Returns its key. */
export function writeRow(
  index: IndexTables,
  keyed: Keyed,
  row: { before: KnownRow | null; stamp: string; searched: string },
): number {
  const { before } = row;
  const { sequence, record } = keyed;
  const stays = before?.sequence === sequence;
  if (before !== null && stays) index.database.query("DELETE FROM runs WHERE doc = ?").run(before.doc);
  else if (before !== null) dropRow(index, before.doc);
  const doc = stays ? before.doc : makeRoom(index, sequence, record.run_id);
  index.database.query(insertRun).run(...rowOf(doc, keyed, row));
  return doc;
}

/** The key for a new row; rows of the same sequence are moved where they stand in its way. */
function makeRoom({ database, search }: IndexTables, sequence: number, runId: string): number {
  const { doc, moves } = placeOf(database, sequence, runId);
  for (const { from, to } of moves) {
    search.forget(from);
    database.query("UPDATE runs SET doc = ?, searched = '' WHERE doc = ?").run(to, from);
    database.query("UPDATE tags SET doc = ? WHERE doc = ?").run(to, from);
  }
  return doc;
}

export function dropRow({ database, search }: IndexTables, doc: number): void {
  database.query("DELETE FROM runs WHERE doc = ?").run(doc);
  database.query("DELETE FROM tags WHERE doc = ?").run(doc);
  search.forget(doc);
}
