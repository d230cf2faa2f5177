/**
 * Fills a new index file with rows that draw-rows.ts has drawn, thousands at a time. Everything that makes small changes safe
 * and large ones slow is left out: there is no journal, nothing is synced before the end, each table is filled on its own in
 * the order of its keys, and the indexes over it are made once it is full, sorted by two threads. A file that was not
 * finished is no index: whoever asked throws it away.
 */
import { Database } from "bun:sqlite";
import * as fs from "node:fs";
import type { BasePaths } from "../run/paths.ts";
import { CodeFiles } from "./code-files.ts";
import { indexes, tables } from "./database.ts";
import { type Cell, type DrawnRows, type FilledTable, filledTables, rowColumns } from "./draw-rows.ts";
import { ManyRows } from "./many-rows.ts";
import { SharedSets } from "./search-sets.ts";
import { textColumns } from "./search-tables.ts";

/** Full text gathers so much before it writes a segment; few large ones are read faster, and merging them costs what was saved. */
const textBytes = 16 * 1024 * 1024;
const cacheKib = 64 * 1024;
const mappedBytes = 2 ** 40;

/** A new file, for one process and one fill. */
function create(path: string): Database {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) fs.rmSync(`${path}${suffix}`, { force: true });
  const database = new Database(path, { create: true, strict: true });
  fs.chmodSync(path, 0o600);
  for (const pragma of ["journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "temp_store = FILE"])
    database.run(`PRAGMA ${pragma}`);
  database.run(`PRAGMA cache_size = -${cacheKib}`);
  // What was written and has left the cache is read where it lies when the indexes are made.
  database.run(`PRAGMA mmap_size = ${mappedBytes}`);
  database.run(tables);
  return database;
}

export class BulkFill {
  private readonly database: Database;
  private readonly sets: SharedSets;
  private readonly into: readonly (readonly [FilledTable, ManyRows])[];
  private readonly searched: ManyRows;
  /** Runs that were written. */
  count = 0;

  constructor(base: BasePaths, path: string) {
    this.database = create(path);
    this.database.run(`INSERT INTO texts(texts, rank) VALUES ('automerge', 0)`);
    this.database.run(`INSERT INTO texts(texts, rank) VALUES ('hashsize', ${textBytes})`);
    this.into = filledTables.map((table) => {
      const name = table === "texts" ? `texts(rowid, ${textColumns.join(", ")})` : table;
      return [table, new ManyRows(this.database, name, rowColumns[table].length)];
    });
    this.searched = new ManyRows(this.database, "searched", 3);
    this.sets = new SharedSets(this.database, new CodeFiles(base));
    this.database.run("BEGIN");
  }

  add({ count, rows, shared }: DrawnRows): void {
    for (const [table, into] of this.into) into.write(rows[table]);
    this.searched.write(searchedRows(rows));
    for (const one of shared) this.sets.add(one);
    this.count += count;
  }

  /** Makes it an index like any other, on the disk. */
  finish(): void {
    this.database.run("COMMIT");
    this.database.run(indexes);
    // As full text does by itself.
    this.database.run("INSERT INTO texts(texts, rank) VALUES ('automerge', 4)");
    this.database.run("INSERT INTO texts(texts, rank) VALUES ('hashsize', 1048576)");
    this.close();
  }

  /** Also after it is finished. */
  close(): void {
    // A statement that is left keeps the file locked.
    for (const [, into] of this.into) into.close();
    this.searched.close();
    this.database.close(false);
  }
}

/** Rows of `searched`: of each run that has texts, whichever facts and labels were written for it. */
function searchedRows({ texts, facts, labels }: DrawnRows["rows"]): Cell[] {
  const found = new Map<Cell | undefined, { facts: (Cell | undefined)[][]; labels: (Cell | undefined)[] }>();
  for (let at = 0; at < texts.length; at += rowColumns.texts.length) found.set(texts[at], { facts: [], labels: [] });
  for (let at = 0; at < facts.length; at += rowColumns.facts.length)
    found.get(facts[at + 1])?.facts.push([facts[at], facts[at + 2], facts[at + 3]]);
  for (let at = 0; at < labels.length; at += rowColumns.labels.length)
    found.get(labels[at + 1])?.labels.push(labels[at]);
  return [...found].flatMap(([doc = null, of]) => [doc, JSON.stringify(of.facts), JSON.stringify(of.labels)]);
}
