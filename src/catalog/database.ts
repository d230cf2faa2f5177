/**
 * The index database: its tables, and opening it. A cache: a missing file is made, one that is damaged or of another
 * version is moved aside or dropped, and nobody loses more than the time to read the run folders again.
 */
import { Database } from "bun:sqlite";
import * as fs from "node:fs";
import { pastIndexes, pastTables } from "./past-runs.ts";
import { partsFolder } from "./row-parts.ts";
import { searchIndexes, searchTables } from "./search-tables.ts";

/** Bumped with every change of the tables; an older index is thrown away. */
const indexVersion = 6;

/**
 * `doc` is the place of a run in the order of arrival (doc-order.ts), so that everything keyed by it is read newest
 * first without sorting. `searched` is the stamp of the manifest that the tables of search-tables.ts were made from.
 *
 * Indexes that hold few rows are made with the table: making one of them later reads all rows for nothing.
 */
export const tables = `
  CREATE TABLE runs(
    doc INTEGER PRIMARY KEY,
    run_id TEXT NOT NULL,
    tail TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL,
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
    searched TEXT NOT NULL DEFAULT '',
    record TEXT NOT NULL
  ) STRICT;
  CREATE TABLE tags(tag TEXT NOT NULL, doc INTEGER NOT NULL, PRIMARY KEY(tag, doc)) STRICT, WITHOUT ROWID;
  ${searchTables}
  ${pastTables}
  CREATE INDEX waiting ON runs(priority DESC, sequence, held) WHERE status = 'queued';
  CREATE INDEX damaged ON runs(run_id) WHERE problem IS NOT NULL;
  CREATE INDEX unsearched ON runs(doc) WHERE searched <> stamp;
`;

export const indexes = `
  CREATE UNIQUE INDEX by_run_id ON runs(run_id);
  CREATE INDEX by_at ON runs(at);
  CREATE INDEX by_status ON runs(status);
  CREATE INDEX by_user ON runs(user);
  CREATE INDEX by_name ON runs(name, live, user);
  CREATE INDEX by_tail ON runs(tail);
  CREATE INDEX by_group ON runs(grp);
  CREATE INDEX by_submission ON runs(submit_id) WHERE submit_id IS NOT NULL;
  CREATE INDEX tags_of ON tags(doc);
  ${searchIndexes}
  ${pastIndexes}
  PRAGMA user_version = ${indexVersion};
`;

/** Pages of the index that are kept while questions are asked: what these read again and again; see `releasePages`. */
const cacheKib = 8 * 1024;

/** Bun keeps 20 statements prepared; a run and a page of answers take more, and would be prepared again each time. */
Database.MAX_QUERY_CACHE_SIZE = 256;

/** Opens it for many small changes, whole or new. Throws where it is damaged or of another version. */
function openAt(path: string): Database {
  const database = new Database(path, { create: true, strict: true });
  try {
    database.run("PRAGMA busy_timeout = 5000");
    database.run("PRAGMA journal_mode = WAL");
    database.run("PRAGMA synchronous = NORMAL");
    // A statement that writes many rows keeps what it would take to undo it; in a file that costs more than the rows.
    database.run("PRAGMA temp_store = MEMORY");
    // For a test on one run SQLite would sort a whole table first: two labels took 1.5 s at 100,000 runs.
    database.run("PRAGMA automatic_index = OFF");
    database.run(`PRAGMA cache_size = -${cacheKib}`);
    const found = database.query("PRAGMA user_version").get() as { user_version: number };
    if (found.user_version !== indexVersion) {
      if (found.user_version !== 0) throw new Error(`the index is of version ${found.user_version}`);
      database.transaction(() => {
        database.run(tables);
        database.run(indexes);
      })();
    }
    database.query("SELECT count(*) FROM (SELECT 1 FROM runs ORDER BY doc DESC LIMIT 100)").get();
    fs.chmodSync(path, 0o600);
    return database;
  } catch (cause) {
    database.close();
    throw cause;
  }
}

/** Gives back the memory of pages that are kept; the kernel has them still. */
export function releasePages(database: Database): void {
  database.run("PRAGMA shrink_memory");
}

const sideFiles = ["-wal", "-shm", "-journal"];

/** With all that was made for it. */
export function removeIndex(path: string): void {
  fs.rmSync(partsFolder(path), { recursive: true, force: true });
  for (const suffix of ["", ...sideFiles]) fs.rmSync(`${path}${suffix}`, { force: true });
}

/**
 * Puts a closed database in the place of another closed one. Side files of the old one must not meet the new one, and
 * closing has written what was in them; a crash between the two steps leaves the old one, whole.
 */
export function putInPlace(from: string, to: string): void {
  for (const suffix of sideFiles) fs.rmSync(`${to}${suffix}`, { force: true });
  fs.renameSync(from, to);
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
