/**
 * The database file of the SQLite queue: opening it, its schema, and putting a damaged one aside. Knows no entries.
 *
 * A file that SQLite calls damaged is renamed, never deleted, and a fresh one takes its place. Whoever has the old file
 * open notices by its inode (`isCurrent`) and opens the new one, so that no process goes on writing where nobody reads.
 * The WAL persists over close, because SQLite deletes it by name: that name may belong to the new file by then.
 */
import { constants, Database } from "bun:sqlite";
import * as fs from "node:fs";
import { dirname } from "node:path";
import { asMlError, type MlError, messageOf, systemCode } from "../core/error.ts";
import { withLock } from "../core/file-lock.ts";

const schema = `
create table if not exists entries (
  run_id text primary key,
  sequence integer not null unique,
  user text not null,
  priority integer not null,
  queued_at text not null,
  held integer not null,
  requested text not null check (json_valid(requested)),
  facts text not null default '{}' check (json_valid(facts)),
  worker text,
  token integer,
  lease_boot text,
  lease_until integer
) strict;
create index if not exists line on entries (priority desc, sequence);
create table if not exists facts (name text primary key, value any) strict;
`;

/** How long one statement may wait inside SQLite; longer waits happen outside, where they block nobody. */
const busyTimeoutMs = 50;

/** With any limit, a WAL that persists is emptied by the last close; otherwise its frames would be played back again. */
const walLimitBytes = 4 * 1024 * 1024;

export interface QueueFile {
  db: Database;
  inode: bigint;
}

/** Opens `path`, making it where missing; a damaged file is moved aside first. Throws MlError. */
export function openQueueFile(path: string): QueueFile {
  try {
    fs.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    try {
      return fs.existsSync(path) ? openChecked(path) : createFresh(path);
    } catch (cause) {
      if (!isDamage(cause)) throw cause;
      return replaceDamaged(path, cause);
    }
  } catch (cause) {
    throw sqliteError(cause, `opening the queue \`${path}\``);
  }
}

/** A WAL without its database belongs to a file that somebody deleted, and must not be played into the new one. */
function createFresh(path: string): QueueFile {
  return withLock(`${path}.lock`, () => {
    if (!fs.existsSync(path)) for (const suffix of ["-wal", "-shm"]) fs.rmSync(`${path}${suffix}`, { force: true });
    return openChecked(path);
  });
}

/** Moves the damaged file (and its WAL) aside and opens a fresh one; another process may have done so already. */
export function replaceDamaged(path: string, cause: unknown): QueueFile {
  return withLock(`${path}.lock`, () => {
    try {
      return openChecked(path);
    } catch (again) {
      if (!isDamage(again)) throw again;
    }
    const aside = `${path}.damaged-${new Date().toISOString().replaceAll(":", "").slice(0, 17)}-${process.pid}`;
    for (const suffix of ["", "-wal", "-shm"]) moveIfThere(`${path}${suffix}`, `${aside}${suffix}`);
    const fresh = openChecked(path);
    const problem = `the queue \`${path}\` was damaged (${messageOf(cause)}) and is kept as \`${aside}\``;
    fresh.db.run("insert or replace into facts values ('damage', ?)", [problem]);
    return fresh;
  });
}

/** True while `path` still names the file that we have open. */
export function isCurrent(file: QueueFile, path: string): boolean {
  try {
    return fs.statSync(path, { bigint: true }).ino === file.inode;
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return false;
    throw cause;
  }
}

function openChecked(path: string): QueueFile {
  const db = new Database(path, { create: true, readwrite: true, strict: true });
  try {
    db.run(`pragma busy_timeout = ${busyTimeoutMs * 40}`);
    db.run("pragma journal_mode = wal");
    db.fileControl(constants.SQLITE_FCNTL_PERSIST_WAL, 1);
    db.run(`pragma journal_size_limit = ${walLimitBytes}`);
    db.run("pragma synchronous = full");
    db.transaction(() => {
      db.run(schema);
      addLaterColumn(db);
    }).immediate();
    const check = db.query("pragma quick_check(1)").get() as { quick_check: string } | null;
    if (check?.quick_check !== "ok") throw new DamagedFile(check?.quick_check ?? "quick_check says nothing");
    db.run(`pragma busy_timeout = ${busyTimeoutMs}`);
    fs.chmodSync(path, 0o600);
    return { db, inode: fs.statSync(path, { bigint: true }).ino };
  } catch (cause) {
    db.close();
    throw cause;
  }
}

/** A queue made by an earlier version lacks it; its entries wait for nothing but their turn. */
function addLaterColumn(db: Database): void {
  if (db.query("select 1 from pragma_table_info('entries') where name = 'facts'").get() !== null) return;
  db.run("alter table entries add column facts text not null default '{}'");
}

class DamagedFile extends Error {}

/** Damage is what SQLite calls it, and a table that is not ours: a fresh file is the only cure for either. */
export function isDamage(cause: unknown): boolean {
  if (cause instanceof DamagedFile) return true;
  const code = systemCode(cause) ?? "";
  return (
    code.startsWith("SQLITE_CORRUPT") || code === "SQLITE_NOTADB" || /no such (table|column)/.test(messageOf(cause))
  );
}

export function isBusy(cause: unknown): boolean {
  const code = systemCode(cause) ?? "";
  return code.startsWith("SQLITE_BUSY") || code.startsWith("SQLITE_LOCKED");
}

/** An error of SQLite in our own words: full disk, read-only, unreadable. */
export function sqliteError(cause: unknown, doing: string): MlError {
  const code = systemCode(cause) ?? "";
  const as = (systemError: string) =>
    asMlError(Object.assign(new Error(messageOf(cause)), { code: systemError }), doing);
  if (code === "SQLITE_FULL") return as("ENOSPC");
  if (code.startsWith("SQLITE_READONLY")) return as("EROFS");
  if (code.startsWith("SQLITE_IOERR")) return as("EIO");
  if (code === "SQLITE_CANTOPEN") return as("EACCES");
  return asMlError(cause, doing);
}

function moveIfThere(from: string, to: string): void {
  try {
    fs.renameSync(from, to);
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT") throw cause;
  }
}
