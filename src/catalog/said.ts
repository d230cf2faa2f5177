/** What people learned from runs and meant to do next, straight from the index: no run folder is opened. */
import type { Database, SQLQueryBindings } from "bun:sqlite";
import type { LessonKind } from "./search-facts.ts";

export interface SaidFilter {
  group?: string | undefined;
  tag?: string | undefined;
  user?: string | undefined;
  /** By when the run was queued. */
  sinceMs: number | null;
  untilMs: number | null;
  limit: number;
}

export interface Said {
  run_id: string;
  name: string;
  user: string;
  queued_at: string;
  verdict: string | null;
  said: string[];
}

/** Newest first. */
export function saidOf(database: Database, kind: LessonKind, filter: SaidFilter): Said[] {
  const where = ["l.kind = ?"];
  const values: SQLQueryBindings[] = [kind];
  const add = (test: string, value: SQLQueryBindings | null | undefined) => {
    if (value === null || value === undefined) return;
    where.push(test);
    values.push(value);
  };
  add("r.grp = ?", filter.group);
  add("EXISTS (SELECT 1 FROM tags t WHERE t.tag = ? AND t.doc = r.doc)", filter.tag);
  add("r.user = ?", filter.user);
  add("r.at >= ?", filter.sinceMs);
  add("r.at < ?", filter.untilMs);
  const sql = `SELECT r.run_id AS run_id, r.name AS name, r.user AS user, r.record ->> '$.queued_at' AS queued_at,
      r.record ->> '$.validation_status' AS verdict, l.said AS said
    FROM lessons l CROSS JOIN runs r ON r.doc = l.doc WHERE ${where.join(" AND ")} ORDER BY l.doc DESC LIMIT ${filter.limit}`;
  const rows = database.query(sql).all(...values) as (Omit<Said, "said"> & { said: string })[];
  return rows.map((row) => ({ ...row, said: JSON.parse(row.said) as string[] }));
}
