/**
 * Searching the catalog: a query in, the page of runs that it means out, each with the values that were asked about. What
 * was typed is read by src/query/; how the index is read by search-plan.ts. `findRuns` is for whoever acts on the
 * outcome of a search: all ids, up to a limit.
 */
import type { Database } from "bun:sqlite";
import { MlError } from "../core/error.ts";
import { fieldOf, fields } from "../query/fields.ts";
import { leaves, type Query, type ReadQuery, type Space } from "../query/query.ts";
import { type ReadSearch, readSearch } from "../query/read-search.ts";
import type { Synonyms } from "../query/synonyms.ts";
import type { Present } from "../query/times.ts";
import { sortText } from "../query/write-query.ts";
import type { RunRecord } from "../run/run-record.ts";
import { LabelFinder } from "./labels.ts";
import { RunShapes } from "./run-shapes.ts";
import type { SearchIndex } from "./search-index.ts";
import { countAll, search } from "./search-plan.ts";
import { IndexWords } from "./search-words.ts";
import { wordsOf } from "./snippet.ts";

export interface SearchOptions {
  /** Who `me` is. */
  user: string;
  present: Present;
  /** No English: bare words are words. */
  literal?: boolean;
}

export interface PageOptions extends SearchOptions {
  limit: number;
  /** The last run of the page before; only by arrival. */
  before?: string | null;
  /** Values to show besides those that the query is about. */
  columns?: readonly string[];
  count?: boolean;
  /** Takes the place of a `sort:` in the query: `-val_acc`, `best:val_acc`, `newest`, `relevance`. */
  sort?: string | null;
}

export type Value = number | string | null;

export interface FoundRun {
  record: RunRecord;
  /** By column name. */
  values: Record<string, Value>;
}

export interface Found {
  read: ReadSearch;
  runs: FoundRun[];
  columns: string[];
  more: boolean;
  /** All that match, where it was asked for. */
  total: number | null;
  /** Words to mark, as they stand in the query. */
  words: string[];
}

export class Finder {
  private words: IndexWords;
  private readonly labels: LabelFinder;
  private readonly shapes: RunShapes;

  constructor(
    private readonly database: Database,
    private readonly index: SearchIndex,
    private readonly runCount: () => number,
  ) {
    this.words = new IndexWords(database, index);
    this.labels = new LabelFinder(database, index);
    this.shapes = new RunShapes(index);
  }

  get synonyms(): Synonyms {
    return this.words.synonyms;
  }

  /** From now on these count as the same words. */
  useSynonyms(synonyms: Synonyms): void {
    this.words = new IndexWords(this.database, this.index, synonyms);
  }

  /** What was typed, as a query. Throws MlError `usage` with the place. */
  read(text: string, { present, literal = false }: Pick<SearchOptions, "present" | "literal">): ReadSearch {
    return readSearch(text, { words: this.words, present, literal });
  }

  private context({ user, present }: SearchOptions) {
    const { words, labels, shapes } = this;
    return { ...{ words, labels, shapes, user }, nowMs: present.nowMs, runs: this.runCount };
  }

  /** One page. Throws MlError `usage` for what cannot be read, and for a page after one that is not by arrival. */
  page(text: string, options: PageOptions): Found {
    const read = this.withSort(this.read(text, options), options);
    const context = this.context(options);
    const limit = Math.min(read.limit ?? options.limit, options.limit);
    const before = this.beforeOf(read, options.before ?? null);
    const hits = search(this.database, { query: read.query, sort: read.sort, limit: limit + 1, before }, context);
    const page = hits.slice(0, limit);
    const columns = this.columnsOf(read, options.columns ?? []);
    const values = columns.map((column) =>
      this.columnValues(
        column,
        page.map(({ doc }) => doc),
      ),
    );
    const sorted = read.sort === null ? -1 : columns.indexOf(sortColumn(read.sort));
    const runs = page.flatMap(({ doc, by }) => {
      const row = this.database.query("SELECT record FROM runs WHERE doc = ?").get(doc) as { record: string } | null;
      if (row === null) return [];
      const own = columns.map((column, at) => [
        column,
        at === sorted && by !== null ? by : (values[at]?.get(doc) ?? null),
      ]);
      return [
        { record: JSON.parse(row.record) as RunRecord, values: Object.fromEntries(own) as Record<string, Value> },
      ];
    });
    return {
      read,
      runs,
      columns,
      more: hits.length > limit && (read.limit === null || read.limit > limit),
      total: options.count ? countAll(this.database, read, context) : null,
      words: wordsOf(read.query),
    };
  }

  /** Ids of the runs that a search means, in its order. Throws `usage`, and `too_large` for more than `most`. */
  findRuns(text: string, options: SearchOptions & { most: number }): { read: ReadSearch; runIds: string[] } {
    const read = this.read(text, options);
    const limit = Math.min(read.limit ?? options.most + 1, options.most + 1);
    const hits = search(
      this.database,
      { query: read.query, sort: read.sort, limit, before: null },
      this.context(options),
    );
    if (hits.length > options.most)
      throw new MlError("too_large", `more than ${options.most} runs match \`${read.echo}\``, {
        hint: "narrow the search",
      });
    const id = this.database.query("SELECT run_id FROM runs WHERE doc = ?");
    const runIds = hits.flatMap(({ doc }) => (id.get(doc) as { run_id: string } | null)?.run_id ?? []);
    return { read, runIds };
  }

  private withSort(read: ReadSearch, { sort, present }: PageOptions): ReadSearch {
    if (sort === null || sort === undefined) return read;
    const wanted = this.read(`sort:${sort}`, { present, literal: true }).sort;
    const echo = [read.echo.replace(/(^| )sort:\S+/, "").trim(), wanted === null ? "" : sortText(wanted)];
    return { ...read, sort: wanted, echo: echo.filter((part) => part !== "").join(" ") };
  }

  private beforeOf({ sort }: ReadQuery, before: string | null): number | null {
    if (before === null) return null;
    if (sort !== null && sort.name !== "newest")
      throw new MlError("usage", "only a search by arrival has further pages", { hint: "ask for more with `-n`" });
    const row = this.database.query("SELECT doc FROM runs WHERE run_id = ?").get(before);
    return (row as { doc: number } | null)?.doc ?? 0;
  }

  /** What the query compares or sorts by, and what was asked for. Throws `usage` for a name that there is not. */
  private columnsOf(read: ReadSearch, asked: readonly string[]): string[] {
    const columns = new Set<string>();
    if (read.sort !== null && !["newest", "relevance"].includes(read.sort.name)) columns.add(sortColumn(read.sort));
    for (const leaf of leaves(read.query)) {
      if (leaf.kind === "number" || leaf.kind === "value" || leaf.kind === "exists")
        columns.add(nameIn(leaf.space, leaf.name));
    }
    for (const column of asked) {
      const field = fieldOf(column);
      if (field === null || fields[field].kind === "text") this.read(`${column}:*`, { present: noTime, literal: true });
      columns.add(field ?? column);
    }
    return [...columns];
  }

  private columnValues(column: string, docs: readonly number[]): Map<number, Value> {
    const spaced = /^(param|metric)\.(.+)$/.exec(column);
    const field = spaced === null ? fieldOf(column) : null;
    const values = new Map<number, Value>();
    if (field !== null && fields[field].kind === "word") return this.labelValues(field, docs);
    const space: Space = field !== null ? "field" : spaced === null ? "either" : (spaced[1] as Space);
    const query = this.database.query("SELECT num, word FROM facts WHERE name = ? AND doc = ?");
    for (const id of this.words.idsOf(space, field ?? spaced?.[2] ?? column)) {
      for (const doc of docs) {
        if (values.has(doc)) continue;
        const row = query.get(id, doc) as { num: number | null; word: string | null } | null;
        if (row !== null) values.set(doc, row.word ?? row.num);
      }
    }
    return values;
  }

  private labelValues(field: string, docs: readonly number[]): Map<number, Value> {
    const stored = { package: "environment", code: "snapshot", lineage: "kind" }[field] ?? field;
    const query = this.database.query(
      "SELECT group_concat(value, ', ') AS value FROM label_names WHERE field = ? AND id IN (SELECT value FROM searched, json_each(labels) WHERE doc = ?)",
    );
    return new Map(
      docs.map((doc) => [doc, (query.get(stored, doc) as { value: string | null } | null)?.value ?? null]),
    );
  }

  /** Sentences on how a search was understood, for `--explain`. */
  explain(read: ReadSearch): string[] {
    const sentences: string[] = [];
    for (const leaf of leaves(read.query)) sentences.push(...this.explainLeaf(leaf));
    return [...new Set(sentences)];
  }

  private explainLeaf(leaf: Query): string[] {
    if (leaf.kind === "number" || leaf.kind === "value" || leaf.kind === "exists") {
      if (leaf.space === "field") return [];
      const names = this.words.shownNames(this.words.idsOf(leaf.space, leaf.name));
      const kinds = [
        this.words.isMetric(leaf.name) && leaf.space !== "param" ? "metric" : "",
        this.words.isParameter(leaf.name) && leaf.space !== "metric" ? "parameter" : "",
      ];
      return [
        `\`${leaf.name}\` is the ${kinds.filter(Boolean).join(" or ")} ${names.map((name) => `\`${name}\``).join(", ")}`,
      ];
    }
    if (leaf.kind === "text") {
      const others = this.words.synonyms.of(leaf.words).slice(1);
      if (others.length > 0)
        return [`\`${leaf.words}\` is also ${others.map((word) => `\`${word.replaceAll("_", " ")}\``).join(", ")}`];
    }
    if (leaf.kind === "word" && leaf.field === "script") {
      const paths = leaf.values.flatMap((value) => this.labels.scripts(value));
      if (paths.length > 0)
        return [`\`script:${leaf.values.join(",")}\` is ${paths.map((path) => `\`${path}\``).join(", ")}`];
    }
    return [];
  }
}

const noTime: Present = { nowMs: 0, offsetAt: () => 0 };
const nameIn = (space: Space, name: string) => (space === "param" || space === "metric" ? `${space}.${name}` : name);
const sortColumn = ({ space, name }: { space: Space; name: string }) => nameIn(space, name);
