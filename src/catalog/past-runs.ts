/**
 * What ended runs took, by script: rows of the index that predictions are made from. A cache like the rest of the index:
 * each row is drawn from one manifest (run/past-run.ts), and dropping them all costs a reindex.
 */
import type { Database } from "bun:sqlite";
import type { PastRun } from "../run/past-run.ts";

export const pastTables = `
  CREATE TABLE past(
    run_id TEXT PRIMARY KEY,
    script TEXT NOT NULL,
    grp TEXT,
    ended INTEGER NOT NULL,
    fact TEXT NOT NULL
  ) STRICT;
`;

export const pastIndexes = `
  CREATE INDEX past_by_script ON past(script, ended);
  CREATE INDEX past_by_group ON past(grp, ended) WHERE grp IS NOT NULL;
  CREATE INDEX past_by_end ON past(ended);
`;

const parse = (row: unknown): PastRun => JSON.parse((row as { fact: string }).fact) as PastRun;

/** The values of a row, in the order of the columns. */
export const pastRow = (past: PastRun) =>
  [past.run_id, past.script, past.group, past.ended_at_ms, JSON.stringify(past)] as const;

export class PastRuns {
  constructor(private readonly database: Database) {}

  put(past: PastRun): void {
    this.database.query("INSERT OR REPLACE INTO past VALUES (?, ?, ?, ?, ?)").run(...pastRow(past));
  }

  remove(runId: string): void {
    this.database.query("DELETE FROM past WHERE run_id = ?").run(runId);
  }

  /** Newest first. */
  ofScript(script: string, limit: number): PastRun[] {
    const query = "SELECT fact FROM past WHERE script = ? ORDER BY ended DESC, run_id LIMIT ?";
    return this.database.query(query).all(script, limit).map(parse);
  }

  ofGroup(group: string, limit: number): PastRun[] {
    const query = "SELECT fact FROM past WHERE grp = ? ORDER BY ended DESC, run_id LIMIT ?";
    return this.database.query(query).all(group, limit).map(parse);
  }

  newest(limit: number): PastRun[] {
    return this.database.query("SELECT fact FROM past ORDER BY ended DESC, run_id LIMIT ?").all(limit).map(parse);
  }
}
