/**
 * Fills the tables of search-tables.ts. A run counts as searched when the stamp of its row is the one that the tables
 * were made from; every change of a row undoes that by itself, in the same transaction, so a crash at any point only
 * leaves work to do. `catchUp` does it in batches; whoever asks a question calls it first or says how far it is behind.
 */
import type { Database } from "bun:sqlite";
import type { Manifest } from "../run/manifest.ts";
import type { BasePaths } from "../run/paths.ts";
import { projectKeys } from "../run/project.ts";
import { readManifest } from "../run/store.ts";
import { CodeFiles } from "./code-files.ts";
import { type Fact, type FactKind, type Label, type SearchFacts, searchFacts } from "./search-facts.ts";
import { packageItems, SetIndex } from "./search-sets.ts";
import { searchTableNames, textColumns } from "./search-tables.ts";

interface StaleRow {
  doc: number;
  run_id: string;
  stamp: string;
}

/** A run whose manifest was just read; null: it is damaged. */
export interface Looked extends StaleRow {
  manifest: Manifest | null;
}

const insertTexts = `INSERT INTO texts(rowid, ${textColumns.join(", ")}) VALUES (?, ${textColumns.map(() => "?").join(", ")})`;

/** Runs in one transaction: few where somebody waits, so that the newest are done first; many where all are to be done. */
const batchRuns = { hurried: 64, patient: 512 };

export class SearchIndex {
  /** Ids of names and labels, by kind or field and word. */
  private readonly nameIds = new Map<string, number>();
  private readonly labelIds = new Map<string, number>();
  /** Texts of the batch that is being written. */
  private unwritten: { doc: number; texts: SearchFacts["texts"] }[] = [];
  /** How often the ids were thrown away. */
  private rounds = 0;
  private readonly code: CodeFiles;
  private readonly sets: SetIndex;
  /** Grows with every change of the tables, so that what was drawn from them can be kept meanwhile. */
  changes = 0;
  /** Called when a row has changed and waits to be looked at. */
  onStale: () => void = () => {};

  constructor(
    private readonly base: BasePaths,
    private readonly database: Database,
  ) {
    this.code = new CodeFiles(base);
    this.sets = new SetIndex(database);
    this.loadIds();
  }

  private loadIds(): void {
    this.unwritten = [];
    this.rounds += 1;
    this.nameIds.clear();
    this.labelIds.clear();
    const names = this.database.query("SELECT id, kind, name FROM names").all();
    for (const { id, kind, name } of names as { id: number; kind: string; name: string }[])
      this.nameIds.set(`${kind}\n${name}`, id);
    const labels = this.database.query("SELECT id, field, value FROM label_names").all();
    for (const { id, field, value } of labels as { id: number; field: string; value: string }[])
      this.labelIds.set(`${field}\n${value}`, id);
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
        this.loadIds();
        throw cause;
      }
      if (performance.now() >= deadline) return this.pending();
    }
  }

  /** Reads a run's folder again. A damaged manifest leaves nothing to search in but its row. */
  private look(row: StaleRow): void {
    const read = readManifest(this.base.run(row.run_id).manifest);
    this.enter({ ...row, manifest: read.kind === "ok" ? read.manifest : null });
    this.database.query("UPDATE runs SET searched = ? WHERE doc = ?").run(row.stamp, row.doc);
  }

  private enter({ doc, run_id: runId, manifest }: Looked): void {
    if (manifest === null) this.forget(doc);
    else this.write(doc, searchFacts(manifest, this.base.run(runId), this.code), manifest);
  }

  /** Takes manifests that were just read, of rows that say so already, within the caller's transaction. */
  take(looked: readonly Looked[]): void {
    const isStill = this.database.query("SELECT 1 FROM runs WHERE doc = ? AND run_id = ?");
    try {
      for (const one of [...looked].sort((a, b) => a.doc - b.doc))
        if (isStill.get(one.doc, one.run_id) !== null) this.enter(one);
      this.writeTexts();
    } catch (cause) {
      // Whatever was gathered belongs to a transaction that is undone.
      this.unwritten = [];
      throw cause;
    }
  }

  private write(doc: number, found: SearchFacts, manifest: Manifest): void {
    this.forget(doc);
    // A row at a time: all of a run in one statement takes a third longer (measured, also through json_each).
    const byName = new Map(found.facts.map((fact) => [this.nameId(fact), fact] as const));
    const facts = [...byName].map(([name, [, , num, word]]) => [name, num, word] as const);
    const addFact = this.database.query("INSERT INTO facts VALUES (?, ?, ?, ?)");
    for (const [name, num, word] of facts) addFact.run(name, doc, num, word);
    const labels = [...new Set(found.labels.map((label) => this.labelId(label)))];
    const addLabel = this.database.query("INSERT INTO labels VALUES (?, ?)");
    for (const label of labels) addLabel.run(label, doc);
    this.database
      .query("INSERT INTO searched VALUES (?, ?, ?)")
      .run(doc, JSON.stringify(facts), JSON.stringify(labels));
    this.unwritten.push({ doc, texts: found.texts });
    this.writeShared(found, manifest);
    this.changes += 1;
  }

  /** Texts go last, all of a batch in a row; what that gains is in docs/performance.md. */
  private writeTexts(): void {
    const insert = this.database.query(insertTexts);
    for (const { doc, texts } of this.unwritten.splice(0))
      insert.run(doc, ...textColumns.map((column) => texts[column]));
  }

  /** What many runs share is written with the first of them. */
  private writeShared({ script, labels }: SearchFacts, manifest: Manifest): void {
    const { snapshot, pip_freeze: freeze } = manifest.environment;
    if (snapshot !== null) {
      const files = () => [...this.code.tree(snapshot).files.keys()].map((item) => ({ item, version: "" }));
      this.sets.add("code", snapshot, files);
    }
    const environment = labels.find(([field]) => field === "environment")?.[1];
    if (freeze !== null && environment !== undefined) this.sets.add("package", environment, () => packageItems(freeze));
    const keys = projectKeys(manifest);
    if (keys.length > 0) this.database.query("INSERT OR IGNORE INTO project_keys VALUES (?)").run(JSON.stringify(keys));
    if (script === null || snapshot === null) return;
    const { path, blob, project } = script;
    const known = "SELECT 1 FROM scripts WHERE path = ? AND blob = ? AND project = ?";
    if (this.database.query(known).get(path, blob, project) !== null) return;
    const lines = scriptLines(this.code.text(snapshot, path, scriptBytes) ?? "");
    this.database
      .query("INSERT INTO scripts VALUES (?, ?, ?, ?, ?)")
      .run(path, blob, project, snapshot, JSON.stringify(lines));
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
    this.database.query("DELETE FROM texts WHERE rowid = ?").run(doc);
    this.database.query("DELETE FROM searched WHERE doc = ?").run(doc);
    this.changes += 1;
  }

  forgetAll(): void {
    for (const table of searchTableNames) this.database.run(`DELETE FROM ${table}`);
    this.rounds += 1;
    this.nameIds.clear();
    this.labelIds.clear();
    this.changes += 1;
  }

  private nameId([kind, name]: Fact): number {
    const key = `${kind}\n${name}`;
    let id = this.nameIds.get(key);
    if (id === undefined) {
      id = Number(this.database.query("INSERT INTO names(kind, name) VALUES (?, ?)").run(kind, name).lastInsertRowid);
      this.nameIds.set(key, id);
    }
    return id;
  }

  private labelId([field, value]: Label): number {
    const key = `${field}\n${value}`;
    let id = this.labelIds.get(key);
    if (id === undefined) {
      const insert = this.database.query("INSERT INTO label_names(field, value) VALUES (?, ?)");
      id = Number(insert.run(field, value).lastInsertRowid);
      this.labelIds.set(key, id);
    }
    return id;
  }

  /** Changes with every new name, and where all ids were given anew. */
  get namesVersion(): string {
    return `${this.rounds}:${this.nameIds.size}`;
  }

  hasFile(snapshot: string, path: string): boolean {
    return this.sets.has("code", snapshot, path);
  }

  /** Names of facts of a kind that are in use or once were, with their ids. */
  names(): Iterable<{ kind: FactKind; name: string; id: number }> {
    return [...this.nameIds].map(([key, id]) => {
      return { kind: key[0] as FactKind, name: key.slice(2), id };
    });
  }
}

const scriptBytes = 256 * 1024;
const mostLines = 2000;

/** Short hashes of the lines that say something, each once, sorted: enough to tell how much of a script two versions share. */
function scriptLines(text: string): string[] {
  const lines = new Set<string>();
  for (const line of text.split("\n")) {
    const bare = line.trim();
    if (bare.length > 3) lines.add(Bun.hash(bare).toString(36).slice(0, 8));
    if (lines.size >= mostLines) break;
  }
  return [...lines].sort();
}
