/**
 * Draws the rows of many runs from their folders, as they go into the tables of an index that is made from nothing: in the
 * order of their keys, with numbers for words, nothing left to look up. Whoever writes them (bulk-fill.ts) need not know
 * what they mean, which halves what crosses from the process that reads to the one that writes.
 *
 * Runs whose place in the order of arrival is taken need a look at their neighbours: they have no rows here but are named.
 */
import type { SQLQueryBindings } from "bun:sqlite";
import type { BasePaths } from "../run/paths.ts";
import { CodeFiles } from "./code-files.ts";
import { firstDoc } from "./doc-order.ts";
import { type Gathered, gather } from "./gather.ts";
import { pastRow } from "./past-runs.ts";
import { rowOf } from "./run-rows.ts";
import { lessonKinds, type SearchFacts } from "./search-facts.ts";
import { type Shared, sharedKey } from "./search-sets.ts";
import { textColumns } from "./search-tables.ts";
import { WordNumbers, wordsOf } from "./word-ids.ts";

/** Columns of the tables that are filled, in order: a row has a value for each. */
export const rowWidths = {
  ...{ runs: 17, tags: 2, past: 5, names: 3, label_names: 3, searched: 3, lessons: 3, facts: 4, labels: 2 },
  texts: 1 + textColumns.length,
} as const;
export type FilledTable = keyof typeof rowWidths;
export const filledTables = Object.keys(rowWidths) as FilledTable[];

/** Plain JSON: it may come from another process. */
export interface DrawnRows {
  /** How many runs. */
  count: number;
  /** The values of one row after the other. */
  rows: Record<FilledTable, SQLQueryBindings[]>;
  /** What they have in common with other runs, where none before had the same. */
  shared: Shared[];
  refused: string[];
}

/** Rows of a table by one key after the other, whatever the order in which they came; of one key in that order. */
class ByKey {
  private readonly rows = new Map<number, SQLQueryBindings[]>();

  of(key: number): SQLQueryBindings[] {
    const known = this.rows.get(key);
    if (known !== undefined) return known;
    const rows: SQLQueryBindings[] = [];
    this.rows.set(key, rows);
    return rows;
  }

  all(): SQLQueryBindings[] {
    const sorted = [...this.rows].sort(([a], [b]) => a - b);
    return sorted.flatMap(([, rows]) => rows);
  }
}

const noRows = () =>
  Object.fromEntries(filledTables.map((table) => [table, []])) as unknown as Record<FilledTable, SQLQueryBindings[]>;

/** What runs share is said once, as far as it is remembered; saying it again does no harm. */
const keptKeys = 10_000;

/** One for a whole index: it gives out the numbers of words and the places in the order. */
export class RowDrawer {
  private readonly code: CodeFiles;
  private readonly taken = new Set<number>();
  private readonly said = new Set<string>();
  private rows = noRows();
  private wordCount = 0;
  private readonly ids = new WordNumbers({
    name: (kind, name) => this.newWord("names", kind, name),
    label: (field, value) => this.newWord("label_names", field, value),
  });

  constructor(private readonly base: BasePaths) {
    this.code = new CodeFiles(base);
  }

  private newWord(table: "names" | "label_names", first: string, word: string): number {
    this.wordCount += 1;
    this.rows[table].push(this.wordCount, first, word);
    return this.wordCount;
  }

  /** Runs that are gone are left out. Best called with thousands, of which none was given before. */
  draw(runIds: readonly string[]): DrawnRows {
    return this.rowsOf(runIds.flatMap((runId) => gather(this.base, runId, this.code) ?? []));
  }

  /** As `draw`, of what was gathered already. */
  rowsOf(gathered: readonly Gathered[]): DrawnRows {
    this.rows = noRows();
    const refused: string[] = [];
    const placed: { doc: number; one: Gathered }[] = [];
    for (const one of gathered) {
      const doc = firstDoc(one.keyed.sequence);
      if (this.taken.has(doc)) refused.push(one.keyed.record.run_id);
      else placed.push({ doc, one });
      this.taken.add(doc);
    }
    placed.sort((a, b) => a.doc - b.doc);
    for (const { doc, one } of placed) this.drawRun(doc, one);
    const shared = this.drawWords(placed);
    return { count: placed.length, rows: this.rows, shared, refused };
  }

  private drawRun(doc: number, { keyed, stamp }: Gathered): void {
    const { runs, tags, past } = this.rows;
    runs.push(...rowOf(doc, keyed, { stamp, searched: stamp }));
    for (const tag of new Set(keyed.record.tags)) tags.push(tag, doc);
    if (keyed.past !== null) past.push(...pastRow(keyed.past));
  }

  private drawWords(placed: readonly { doc: number; one: Gathered }[]): Shared[] {
    const byName = new ByKey();
    const byLabel = new ByKey();
    const shared: Shared[] = [];
    const { searched, lessons, texts } = this.rows;
    for (const { doc, one } of placed) {
      const { found } = one;
      if (found === null) continue;
      const { facts, labels } = wordsOf(found, this.ids);
      for (const [name, num, word] of facts) byName.of(name).push(name, doc, num, word);
      for (const label of labels) byLabel.of(label).push(label, doc);
      searched.push(doc, JSON.stringify(facts), JSON.stringify(labels));
      for (const kind of lessonKinds)
        if (found.lessons[kind].length > 0) lessons.push(kind, doc, JSON.stringify(found.lessons[kind]));
      texts.push(doc);
      for (const column of textColumns) texts.push(found.texts[column]);
      if (this.isNew(found)) shared.push({ shared: found.shared, script: found.script });
    }
    this.rows.facts = byName.all();
    this.rows.labels = byLabel.all();
    return shared;
  }

  private isNew(found: SearchFacts): boolean {
    const key = sharedKey(found);
    if (this.said.has(key)) return false;
    if (this.said.size >= keptKeys) this.said.clear();
    this.said.add(key);
    return true;
  }
}
