/**
 * Fills the tables of search-tables.ts. A run counts as searched when the stamp of its row is the one that the tables
 * were made from; every change of a row undoes that by itself, in the same transaction, so a crash at any point only
 * leaves work to do. `catchUp` does it in batches; whoever asks a question calls it first or says how far it is behind.
 */
import type { Database } from "bun:sqlite";
import type { BasePaths } from "../run/paths.ts";
import { readManifest } from "../run/store.ts";
import { CodeFiles } from "./code-files.ts";
import { type FactKind, lessonKinds, type SearchFacts, searchFacts } from "./search-facts.ts";
import { SharedSets } from "./search-sets.ts";
import { insertTexts, textColumns } from "./search-tables.ts";
import { labelNumbers, numberedFacts, WordIds } from "./word-ids.ts";

interface StaleRow {
  doc: number;
  run_id: string;
  stamp: string;
}

/** Runs in one transaction: few where somebody waits, so that the newest are done first; many where all are to be done. */
const batchRuns = { hurried: 64, patient: 512 };

export class SearchIndex {
  private readonly ids: WordIds;
  /** Texts of the batch that is being written. */
  private unwritten: { doc: number; texts: SearchFacts["texts"] }[] = [];
  private readonly code: CodeFiles;
  private readonly sets: SharedSets;
  /** Called when a row has changed and waits to be looked at. */
  onStale: () => void = () => {};

  constructor(
    private readonly base: BasePaths,
    private readonly database: Database,
  ) {
    this.code = new CodeFiles(base);
    this.sets = new SharedSets(database, this.code);
    this.ids = new WordIds(database);
  }

  /** How many runs have changed since they were last looked at. */
  pending(): number {
    const row = this.database.query("SELECT count(*) AS n FROM runs INDEXED BY unsearched WHERE searched <> stamp");
    return (row.get() as { n: number }).n;
  }

  /** Looks at runs that changed, the newest first, for `budgetMs` or until there are none. Returns how many are left. */
  catchUp(budgetMs: number): number {
    const deadline = performance.now() + budgetMs;
    const limit = Number.isFinite(budgetMs) ? batchRuns.hurried : batchRuns.patient;
    for (;;) {
      const rows = this.database
        .query(
          `SELECT doc, run_id, stamp FROM runs INDEXED BY unsearched WHERE searched <> stamp ORDER BY doc DESC LIMIT ${limit}`,
        )
        .all() as StaleRow[];
      if (rows.length === 0) return 0;
      // Full text takes what comes in rising order into one segment.
      rows.reverse();
      try {
        this.database.transaction(() => {
          for (const row of rows) {
            this.look(row);
            if (performance.now() >= deadline) break;
          }
          this.writeTexts();
        })();
      } catch (cause) {
        this.unwritten = [];
        this.ids.load();
        this.sets.doubt();
        throw cause;
      }
      if (performance.now() >= deadline) return this.pending();
    }
  }

  /** Reads a run's folder again. A damaged manifest leaves nothing to search in but its row. */
  private look({ doc, run_id: runId, stamp }: StaleRow): void {
    this.forget(doc);
    const read = readManifest(this.base.run(runId).manifest);
    if (read.kind === "ok") this.write(doc, searchFacts(read.manifest, this.base.run(runId), this.code));
    this.database.query("UPDATE runs SET searched = ? WHERE doc = ?").run(stamp, doc);
  }

  private write(doc: number, found: SearchFacts): void {
    const facts = numberedFacts(found, this.ids);
    const names = facts.map(([name]) => name);
    const labels = labelNumbers(found, names, this.ids);
    const addFact = this.database.query("INSERT INTO facts VALUES (?, ?, ?, ?)");
    for (const [name, num, word] of facts) addFact.run(name, doc, num, word);
    const addLabel = this.database.query("INSERT INTO labels VALUES (?, ?)");
    for (const label of labels) addLabel.run(label, doc);
    const addLesson = this.database.query("INSERT INTO lessons VALUES (?, ?, ?)");
    for (const kind of lessonKinds)
      if (found.lessons[kind].length > 0) addLesson.run(kind, doc, JSON.stringify(found.lessons[kind]));
    this.database
      .query("INSERT INTO searched VALUES (?, ?, ?)")
      .run(doc, JSON.stringify(facts), JSON.stringify(labels));
    this.unwritten.push({ doc, texts: found.texts });
    this.sets.add(found);
  }

  /** Texts go last, all of a batch in a row; what that gains is in docs/performance.md. */
  private writeTexts(): void {
    const insert = this.database.query(insertTexts);
    for (const { doc, texts } of this.unwritten.splice(0))
      insert.run(doc, ...textColumns.map((column) => texts[column]));
  }

  /** Takes back all that was written for a key. */
  forget(doc: number): void {
    const row = this.database.query("SELECT facts, labels FROM searched WHERE doc = ?").get(doc);
    if (row === null) return;
    const { facts, labels } = row as { facts: string; labels: string };
    this.database
      .query("DELETE FROM facts WHERE doc = ?1 AND name IN (SELECT value->>0 FROM json_each(?2))")
      .run(doc, facts);
    this.database
      .query("DELETE FROM labels WHERE doc = ?1 AND label IN (SELECT value FROM json_each(?2))")
      .run(doc, labels);
    for (const kind of lessonKinds)
      this.database.query("DELETE FROM lessons WHERE kind = ? AND doc = ?").run(kind, doc);
    this.database.query("DELETE FROM texts WHERE rowid = ?").run(doc);
    this.database.query("DELETE FROM searched WHERE doc = ?").run(doc);
  }

  /** Changes with every new name, and where all ids were given anew. */
  get namesVersion(): string {
    return this.ids.version;
  }

  hasFile(snapshot: string, path: string): boolean {
    return this.sets.hasFile(snapshot, path);
  }

  /** Shapes that runs have or once had, with their labels. */
  shapes(): ReadonlyMap<string, number> {
    return this.ids.shapes();
  }

  /** Names of facts of a kind that are in use or once were, with their ids. */
  names(): Iterable<{ kind: FactKind; name: string; id: number }> {
    return this.ids.names();
  }
}
