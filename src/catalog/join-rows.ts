/**
 * Rows that several drawers have drawn, as if one had: each of them numbers words and gives out places for itself. Words get
 * one number for all; a run whose place another drawer has given away is refused, as its own would have done.
 */
import { type Cell, type DrawnRows, type FilledTable, rowColumns } from "./draw-rows.ts";
import type { Fact, FactKind } from "./search-facts.ts";
import { WordNumbers } from "./word-ids.ts";

/** Which column holds the place of a run; `past` has none. */
const placeColumns = { runs: 0, tags: 1, lessons: 1, facts: 1, labels: 1, texts: 0 } as const;

type Row = readonly Cell[];

export class JoinedRows {
  private readonly taken = new Set<number>();
  private fresh: { names: Cell[]; label_names: Cell[] } = { names: [], label_names: [] };
  private wordCount = 0;
  private readonly ids = new WordNumbers({
    name: (kind, name) => this.newWord("names", kind, name),
    label: (field, value) => this.newWord("label_names", field, value),
  });
  /** Of each drawer: its number of a word → ours. */
  private readonly ours = new Map<unknown, number[]>();

  private newWord(table: "names" | "label_names", first: string, word: string): number {
    this.wordCount += 1;
    this.fresh[table].push(this.wordCount, first, word);
    return this.wordCount;
  }

  /** Changes what it is given and returns it. */
  join(drawer: unknown, drawn: DrawnRows): DrawnRows {
    this.refuse(drawn);
    const { rows } = drawn;
    const ours = this.learn(drawer, rows);
    renumber(rows.facts, rowColumns.facts, ours);
    renumber(rows.labels, rowColumns.labels, ours);
    return drawn;
  }

  /** Takes the drawer's new words, and leaves in the rows those that are new to all. */
  private learn(drawer: unknown, rows: DrawnRows["rows"]): number[] {
    const ours = this.ours.get(drawer) ?? [];
    this.ours.set(drawer, ours);
    this.fresh = { names: [], label_names: [] };
    for (const [id, kind, name] of rowsOf(rows.names, rowColumns.names))
      ours[id as number] = this.ids.ofName([kind as FactKind, name as string, null, null] satisfies Fact);
    for (const [id, field, value] of rowsOf(rows.label_names, rowColumns.label_names))
      ours[id as number] = this.ids.ofLabel([field as string, value as string]);
    Object.assign(rows, this.fresh);
    return ours;
  }

  private refuse(drawn: DrawnRows): void {
    const { rows } = drawn;
    const gone = new Set<Cell>();
    for (const [doc, runId] of rowsOf(rows.runs, rowColumns.runs)) {
      if (this.taken.has(doc as number)) {
        gone.add(doc as number).add(runId as string);
        drawn.refused.push(runId as string);
      }
      this.taken.add(doc as number);
    }
    if (gone.size === 0) return;
    drawn.count -= gone.size / 2;
    for (const [table, column] of Object.entries({ ...placeColumns, past: 0 })) {
      const name = table as FilledTable;
      rows[name] = [...rowsOf(rows[name], rowColumns[name])].filter((row) => !gone.has(row[column] ?? null)).flat();
    }
  }
}

function* rowsOf(values: readonly Cell[], { length: width }: string): Generator<Row> {
  for (let at = 0; at < values.length; at += width) yield values.slice(at, at + width);
}

function renumber(values: Cell[], { length: width }: string, ours: readonly number[]): void {
  for (let at = 0; at < values.length; at += width) values[at] = ours[values[at] as number] as number;
}
