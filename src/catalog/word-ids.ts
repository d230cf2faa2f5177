/**
 * Numbers in place of words: of every name of a fact and of every label that occurs or once did. `WordIds` keeps them in
 * memory beside the tables; a batch that is undone takes its new numbers with it, so whoever undoes one calls `load`.
 * Whoever makes an index from nothing numbers words without a table and hands the table over (draw-rows.ts).
 */
import type { Database } from "bun:sqlite";
import { anyShape, mostShapes, shapeField, shapeOf } from "./run-shapes.ts";
import type { Fact, FactKind, Label, SearchFacts } from "./search-facts.ts";

/** By kind or field, then by word: no key is put together for every word of every run. */
type Numbers = Map<string, Map<string, number>>;

function under(numbers: Numbers, first: string): Map<string, number> {
  const known = numbers.get(first);
  if (known !== undefined) return known;
  const words = new Map<string, number>();
  numbers.set(first, words);
  return words;
}

/** Takes a word that has no number yet, and gives it one. */
export interface NewWords {
  name(kind: FactKind, name: string): number;
  label(field: string, value: string): number;
}

export class WordNumbers {
  protected readonly ofNames: Numbers = new Map();
  protected readonly ofLabels: Numbers = new Map();
  protected nameCount = 0;
  /** By the numbers of its names, in whatever order they came. */
  protected readonly ofShapes = new Map<string, number>();

  constructor(private readonly fresh: NewWords) {}

  ofName([kind, name]: Fact): number {
    const words = under(this.ofNames, kind);
    const known = words.get(name);
    if (known !== undefined) return known;
    const id = this.fresh.name(kind, name);
    words.set(name, id);
    this.nameCount += 1;
    return id;
  }

  ofLabel([field, value]: Label): number {
    const words = under(this.ofLabels, field);
    const known = words.get(value);
    if (known !== undefined) return known;
    const id = this.fresh.label(field, value);
    words.set(value, id);
    return id;
  }

  /** The label of the names that a run has; see run-shapes.ts. `numbers` are those of the facts. */
  ofShape(facts: readonly Fact[], numbers: readonly number[]): number {
    // Measures of ours come first and are not told.
    const ours = facts.findIndex(([kind]) => kind !== "b");
    const from = ours < 0 ? facts.length : ours;
    const key = numbers.slice(from).join();
    const known = this.ofShapes.get(key);
    if (known !== undefined) return known;
    const shapes = under(this.ofLabels, shapeField);
    const shape = shapeOf(facts.slice(from));
    const label = this.ofLabel([shapeField, shapes.size < mostShapes || shapes.has(shape) ? shape : anyShape]);
    if (this.ofShapes.size < 2 * mostShapes) this.ofShapes.set(key, label);
    return label;
  }
}

/** Writes new words into the tables. */
function writtenWords(database: Database): NewWords {
  return {
    name: (kind, name) =>
      Number(database.query("INSERT INTO names(kind, name) VALUES (?, ?)").run(kind, name).lastInsertRowid),
    label: (field, value) =>
      Number(database.query("INSERT INTO label_names(field, value) VALUES (?, ?)").run(field, value).lastInsertRowid),
  };
}

export class WordIds extends WordNumbers {
  /** How often they were loaded. */
  private rounds = 0;

  constructor(private readonly database: Database) {
    super(writtenWords(database));
    this.load();
  }

  /** As the tables have them. */
  load(): void {
    this.rounds += 1;
    this.nameCount = 0;
    this.ofNames.clear();
    this.ofLabels.clear();
    this.ofShapes.clear();
    const names = this.database.query("SELECT id, kind, name FROM names").all();
    for (const { id, kind, name } of names as { id: number; kind: string; name: string }[]) {
      under(this.ofNames, kind).set(name, id);
      this.nameCount += 1;
    }
    const labels = this.database.query("SELECT id, field, value FROM label_names").all();
    for (const { id, field, value } of labels as { id: number; field: string; value: string }[])
      under(this.ofLabels, field).set(value, id);
  }

  /** Changes with every new name, and where all numbers were given anew. */
  get version(): string {
    return `${this.rounds}:${this.nameCount}`;
  }

  /** Shapes that runs have or once had, with their labels. */
  shapes(): ReadonlyMap<string, number> {
    return under(this.ofLabels, shapeField);
  }

  /** Names of facts that are in use or once were. */
  names(): { kind: FactKind; name: string; id: number }[] {
    return [...this.ofNames].flatMap(([kind, ids]) =>
      [...ids].map(([name, id]) => ({ kind: kind as FactKind, name, id })),
    );
  }
}

/** Facts with numbers for their names (each is given once as it is). */
export const numberedFacts = ({ facts }: SearchFacts, ids: WordNumbers) =>
  facts.map((fact) => [ids.ofName(fact), fact[2], fact[3]] as const);

/** Numbers of the labels, each once, and of the run's shape. `names` are the numbers of its facts' names, in their order. */
export function labelNumbers({ labels, facts }: SearchFacts, names: readonly number[], ids: WordNumbers): number[] {
  const numbers: number[] = [];
  for (const label of labels) {
    const number = ids.ofLabel(label);
    // There are few, and looking through them is less than making a set.
    if (!numbers.includes(number)) numbers.push(number);
  }
  numbers.push(ids.ofShape(facts, names));
  return numbers;
}
