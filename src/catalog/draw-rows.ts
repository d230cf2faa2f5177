/**
 * Draws the rows of many runs from their folders, as they go into the tables of an index that is made from nothing: in the
 * order of their keys, with numbers for words, nothing left to look up. Whoever writes them (bulk-fill.ts) need not know
 * what they mean, which halves what crosses from the process that reads to the one that writes.
 *
 * Runs whose place in the order of arrival is taken need a look at their neighbours: they have no rows here but are named.
 */
import type { BasePaths } from "../run/paths.ts";
import { CodeFiles } from "./code-files.ts";
import { firstDoc } from "./doc-order.ts";
import { type Gathered, gather } from "./gather.ts";
import { pastRow } from "./past-runs.ts";
import { rowOf } from "./run-rows.ts";
import { lessonKinds, type SearchFacts } from "./search-facts.ts";
import { type Shared, sharedKey } from "./search-sets.ts";
import { textColumns } from "./search-tables.ts";
import { labelNumbers, WordNumbers } from "./word-ids.ts";

/** The columns of the tables that are filled, in order: `n` has a number or null, `t` a text or null. */
export const rowColumns = {
  ...{ runs: "nttnntttnnntttttt", tags: "tn", past: "tttnt", names: "ntt", label_names: "ntt" },
  ...{ lessons: "tnt", facts: "nnnt", labels: "nn", texts: `n${"t".repeat(textColumns.length)}` },
} as const;
export type FilledTable = keyof typeof rowColumns;
export const filledTables = Object.keys(rowColumns) as FilledTable[];

export type Cell = string | number | null;

/** It may come from another process: row-bytes.ts. */
export interface DrawnRows {
  /** How many runs. */
  count: number;
  /** The values of one row after the other. */
  rows: Record<FilledTable, Cell[]>;
  /** What they have in common with other runs, where none before had the same. */
  shared: Shared[];
  refused: string[];
}

/** Rows of a table by one key after the other, whatever the order in which they came; of one key in that order. */
class ByKey {
  /** By key, which is a number of a word: small ones, nearly all of them in use. */
  private readonly rows: Cell[][] = [];

  of(key: number): Cell[] {
    const known = this.rows[key];
    if (known !== undefined) return known;
    const rows: Cell[] = [];
    this.rows[key] = rows;
    return rows;
  }

  all(): Cell[] {
    const all: Cell[] = [];
    for (const rows of this.rows) if (rows !== undefined) for (const cell of rows) all.push(cell);
    return all;
  }
}

export const noRows = () =>
  Object.fromEntries(filledTables.map((table) => [table, []])) as unknown as Record<FilledTable, Cell[]>;

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
    const { lessons, texts } = this.rows;
    for (const { doc, one } of placed) {
      const { found } = one;
      if (found === null) continue;
      const names: number[] = [];
      for (const fact of found.facts) {
        const name = this.ids.ofName(fact);
        names.push(name);
        byName.of(name).push(name, doc, fact[2], fact[3]);
      }
      for (const label of labelNumbers(found, names, this.ids)) byLabel.of(label).push(label, doc);
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
