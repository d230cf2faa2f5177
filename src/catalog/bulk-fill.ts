/**
 * Fills a new index file with many runs at a time. Everything that makes small changes safe and large ones slow is left
 * out: there is no journal, nothing is synced before the end, each table is filled on its own in the order of its keys,
 * and the indexes over it are made once it is full. A file that was not finished is no index: whoever asked throws it away.
 *
 * Runs that need a look at their neighbours (two with one place in the order of arrival) are not written but given back.
 */
import { Database, type SQLQueryBindings } from "bun:sqlite";
import * as fs from "node:fs";
import type { BasePaths } from "../run/paths.ts";
import { CodeFiles } from "./code-files.ts";
import { indexes, tables } from "./database.ts";
import { firstDoc } from "./doc-order.ts";
import type { Gathered } from "./gather.ts";
import { ManyRows } from "./many-rows.ts";
import { pastRow } from "./past-runs.ts";
import { insertRun, rowOf } from "./run-rows.ts";
import { lessonKinds } from "./search-facts.ts";
import { SharedSets } from "./search-sets.ts";
import { insertTexts, textColumns } from "./search-tables.ts";
import { WordIds, wordsOf } from "./word-ids.ts";

/** Full text gathers so much before it writes a segment; few large ones are read faster, and merging them costs what was saved. */
const textBytes = 16 * 1024 * 1024;
const cacheKib = 64 * 1024;

/** A new file, for one process and one fill. */
function create(path: string): Database {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) fs.rmSync(`${path}${suffix}`, { force: true });
  const database = new Database(path, { create: true, strict: true });
  fs.chmodSync(path, 0o600);
  for (const pragma of ["journal_mode = OFF", "synchronous = OFF", "locking_mode = EXCLUSIVE", "temp_store = FILE"])
    database.run(`PRAGMA ${pragma}`);
  database.run(`PRAGMA cache_size = -${cacheKib}`);
  database.run(tables);
  return database;
}

/** Values of rows by one key after the other, whatever the order in which they came. */
class ByKey {
  private readonly rows = new Map<number, SQLQueryBindings[]>();

  of(key: number): SQLQueryBindings[] {
    const known = this.rows.get(key);
    if (known !== undefined) return known;
    const rows: SQLQueryBindings[] = [];
    this.rows.set(key, rows);
    return rows;
  }

  all(): SQLQueryBindings[][] {
    return [...this.rows].sort(([a], [b]) => a - b).map(([, rows]) => rows);
  }
}

export class BulkFill {
  private readonly database: Database;
  private readonly ids: WordIds;
  private readonly sets: SharedSets;
  private readonly into: Record<"tags" | "past" | "searched" | "lessons" | "facts" | "labels", ManyRows>;
  private readonly taken = new Set<number>();
  /** Runs that were written. */
  count = 0;

  constructor(base: BasePaths, path: string) {
    this.database = create(path);
    this.database.run(`INSERT INTO texts(texts, rank) VALUES ('automerge', 0)`);
    this.database.run(`INSERT INTO texts(texts, rank) VALUES ('hashsize', ${textBytes})`);
    const rows = (table: string, columns: number) => new ManyRows(this.database, table, columns);
    this.into = {
      ...{ tags: rows("tags", 2), past: rows("past", 5), searched: rows("searched", 3) },
      ...{ lessons: rows("lessons", 3), facts: rows("facts", 4), labels: rows("labels", 2) },
    };
    this.ids = new WordIds(this.database);
    this.sets = new SharedSets(this.database, new CodeFiles(base));
    this.database.run("BEGIN");
  }

  /** Best called with thousands. Returns those that were not written because their place is taken. */
  add(batch: readonly Gathered[]): Gathered[] {
    const refused: Gathered[] = [];
    const placed: { doc: number; one: Gathered }[] = [];
    for (const one of batch) {
      const doc = firstDoc(one.keyed.sequence);
      if (this.taken.has(doc)) refused.push(one);
      else placed.push({ doc, one });
      this.taken.add(doc);
    }
    placed.sort((a, b) => a.doc - b.doc);
    this.writeRows(placed);
    const searched = placed.flatMap(({ doc, one: { found } }) => (found === null ? [] : [{ doc, found }]));
    this.writeWords(searched);
    const text = this.database.query(insertTexts);
    for (const { doc, found } of searched) text.run(doc, ...textColumns.map((column) => found.texts[column]));
    this.count += placed.length;
    return refused;
  }

  private writeRows(placed: readonly { doc: number; one: Gathered }[]): void {
    const insert = this.database.query(insertRun);
    const tags: SQLQueryBindings[] = [];
    const past: SQLQueryBindings[] = [];
    for (const { doc, one } of placed) {
      const { keyed, stamp } = one;
      insert.run(...rowOf(doc, keyed, { stamp, searched: stamp }));
      for (const tag of new Set(keyed.record.tags)) tags.push(tag, doc);
      if (keyed.past !== null) past.push(...pastRow(keyed.past));
    }
    this.into.tags.write(tags);
    this.into.past.write(past);
  }

  private writeWords(searched: readonly { doc: number; found: NonNullable<Gathered["found"]> }[]): void {
    const byName = new ByKey();
    const byLabel = new ByKey();
    const written: SQLQueryBindings[] = [];
    const lessons: SQLQueryBindings[] = [];
    for (const { doc, found } of searched) {
      const { facts, labels } = wordsOf(found, this.ids);
      for (const [name, num, word] of facts) byName.of(name).push(name, doc, num, word);
      for (const label of labels) byLabel.of(label).push(label, doc);
      written.push(doc, JSON.stringify(facts), JSON.stringify(labels));
      for (const kind of lessonKinds)
        if (found.lessons[kind].length > 0) lessons.push(kind, doc, JSON.stringify(found.lessons[kind]));
      this.sets.add(found);
    }
    this.into.searched.write(written);
    this.into.lessons.write(lessons);
    this.into.facts.write(byName.all().flat());
    this.into.labels.write(byLabel.all().flat());
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

  close(): void {
    // A statement that is left keeps the file locked.
    for (const rows of Object.values(this.into)) rows.close();
    this.database.close(false);
  }
}
