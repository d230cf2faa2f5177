/**
 * The index database: its tables, and opening it. A cache: a missing file is made, one that is damaged or of another
 * version is moved aside or dropped, and nobody loses more than the time to read the run folders again.
 */
import { Database } from "bun:sqlite";
import * as fs from "node:fs";
import { pastTables } from "./past-runs.ts";

/** Bumped with every change of the tables; an older index is thrown away. */
const indexVersion = 3;

const tables = `
  CREATE TABLE runs(
    run_id TEXT PRIMARY KEY,
    tail TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    name TEXT NOT NULL,
    user TEXT NOT NULL,
    status TEXT NOT NULL,
    live INTEGER NOT NULL,
    priority INTEGER NOT NULL,
    held INTEGER NOT NULL,
    grp TEXT,
    submit_id TEXT,
    problem TEXT,
    stamp TEXT NOT NULL,
    record TEXT NOT NULL
  ) STRICT;
  CREATE INDEX by_sequence ON runs(sequence, run_id);
  CREATE INDEX by_status ON runs(status, sequence, run_id);
  CREATE INDEX by_user ON runs(user, sequence, run_id);
  CREATE INDEX by_name ON runs(name, live, user);
  CREATE INDEX by_tail ON runs(tail);
  CREATE INDEX by_group ON runs(grp, sequence, run_id);
  CREATE INDEX by_submission ON runs(submit_id) WHERE submit_id IS NOT NULL;
  CREATE INDEX waiting ON runs(priority DESC, sequence, held) WHERE status = 'queued';
  CREATE INDEX damaged ON runs(run_id) WHERE problem IS NOT NULL;
  CREATE TABLE tags(tag TEXT NOT NULL, run_id TEXT NOT NULL, sequence INTEGER NOT NULL,
    PRIMARY KEY(tag, sequence, run_id)) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_of ON tags(run_id);
`;

function openAt(path: string): Database {
  const database = new Database(path, { create: true, strict: true });
  try {
    database.run("PRAGMA busy_timeout = 5000");
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    const found = database.query("PRAGMA user_version").get() as { user_version: number };
    if (found.user_version !== indexVersion) {
      if (found.user_version !== 0) throw new Error(`the index is of version ${found.user_version}`);
      database.transaction(() => {
        database.run(tables);
        database.run(pastTables);
        database.run(`PRAGMA user_version = ${indexVersion}`);
      })();
    }
    database.query("SELECT count(*) FROM (SELECT 1 FROM runs ORDER BY sequence DESC LIMIT 100)").get();
    fs.chmodSync(path, 0o600);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** Moves the database and its side files out of the way, as `<path>.damaged`; an earlier one is replaced. */
export function moveAside(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) {
    fs.rmSync(`${path}.damaged${suffix}`, { force: true });
    if (fs.existsSync(`${path}${suffix}`)) fs.renameSync(`${path}${suffix}`, `${path}.damaged${suffix}`);
  }
}

export interface OpenedIndex {
  database: Database;
  /** What was wrong with the one that was there, or null. */
  replaced: string | null;
}

/** Opens the index at `path`, or a fresh one where that cannot be used. Throws system errors of making a fresh one. */
export function openIndex(path: string): OpenedIndex {
  try {
    return { database: openAt(path), replaced: null };
  } catch (cause) {
    const replaced = cause instanceof Error ? cause.message : String(cause);
    moveAside(path);
    return { database: openAt(path), replaced };
  }
}
