/**
 * What words mean in this base: which names of parameters and metrics there are, by synonym and by the last part of a
 * nested name (`lr` is also `optim.lr`), and which users, tags, groups and datasets. Read from the index as it stands.
 */
import type { Database } from "bun:sqlite";
import { betterDirection } from "../core/better-direction.ts";
import type { Space } from "../query/query.ts";
import type { SearchWords } from "../query/read-search.ts";
import { plainName, Synonyms } from "../query/synonyms.ts";
import type { SearchIndex } from "./search-index.ts";
import { globOf } from "./wildcard.ts";

/** Looking through them takes about 1 ms. */
const mostGroups = 500;

interface NameTable {
  /** Of the index's names when this was made. */
  version: string;
  /** `m` and a plain name → ids. */
  ids: Map<string, Set<number>>;
  shown: Map<number, string>;
}

export class IndexWords implements SearchWords {
  private table: NameTable | null = null;

  constructor(
    private readonly database: Database,
    private readonly index: SearchIndex,
    readonly synonyms: Synonyms = new Synonyms(),
  ) {}

  private names_(): NameTable {
    if (this.table?.version === this.index.namesVersion) return this.table;
    const table: NameTable = { version: this.index.namesVersion, ids: new Map(), shown: new Map() };
    const add = (key: string, id: number) => {
      const ids = table.ids.get(key);
      if (ids === undefined) table.ids.set(key, new Set([id]));
      else ids.add(id);
    };
    for (const { kind, name, id } of this.index.names()) {
      const plain = plainName(name);
      add(`${kind}\n${plain}`, id);
      const leaf = plain.slice(plain.lastIndexOf(".") + 1);
      if (kind === "p" && leaf !== plain) add(`p\n${leaf}`, id);
      table.shown.set(id, name);
    }
    this.table = table;
    return table;
  }

  /** Ids of the stored names that a name in a query means. */
  idsOf(space: Space, name: string): number[] {
    const { ids } = this.names_();
    if (space === "field") return [...(ids.get(`b\n${name}`) ?? [])];
    const kinds = space === "either" ? ["m", "p"] : space === "metric" ? ["m"] : ["p"];
    const words = this.synonyms.of(name);
    return [...new Set(kinds.flatMap((kind) => words.flatMap((word) => [...(ids.get(`${kind}\n${word}`) ?? [])])))];
  }

  /** The stored names behind ids. */
  shownNames(ids: readonly number[]): string[] {
    const { shown } = this.names_();
    return [...new Set(ids.map((id) => shown.get(id) ?? ""))];
  }

  isParameter = (name: string): boolean => this.idsOf("param", name).length > 0;
  isMetric = (name: string): boolean => this.idsOf("metric", name).length > 0;
  lessIsBetter = (name: string): boolean => betterDirection(name) === "min";

  *names(): Iterable<string> {
    for (const { kind, name } of this.index.names()) if (kind !== "b") yield name;
  }

  isLabel = (field: string, value: string): boolean => {
    const column = { user: "user", group: "grp" }[field];
    if (column !== undefined)
      return this.database.query(`SELECT 1 FROM runs WHERE ${column} = ? LIMIT 1`).get(value) !== null;
    if (field === "package")
      return this.database.query("SELECT 1 FROM sets WHERE field = ? AND item = ? LIMIT 1").get(field, value) !== null;
    if (field === "tag") return this.database.query("SELECT 1 FROM tags WHERE tag = ? LIMIT 1").get(value) !== null;
    return this.database.query("SELECT 1 FROM label_names WHERE field = ? AND value = ?").get(field, value) !== null;
  };

  /** The groups that a pattern means; null where there are too many groups to look through. */
  groupsLike(pattern: string): string[] | null {
    const rows = this.database
      .query(
        `WITH RECURSIVE known(grp) AS (SELECT min(grp) FROM runs UNION ALL
           SELECT (SELECT min(grp) FROM runs WHERE grp > known.grp) FROM known WHERE grp IS NOT NULL LIMIT ${mostGroups})
         SELECT grp, lower(grp) GLOB ? AS fits FROM known WHERE grp IS NOT NULL`,
      )
      .all(globOf(pattern.toLowerCase())) as { grp: string; fits: number }[];
    return rows.length === mostGroups ? null : rows.filter(({ fits }) => fits === 1).map(({ grp }) => grp);
  }

  isGpuModel = (part: string): boolean => {
    const query = "SELECT 1 FROM label_names WHERE field = 'gpu_model' AND instr(lower(value), ?) > 0 LIMIT 1";
    return (
      this.database.query(query).get(part.replaceAll(" ", "")) !== null || this.database.query(query).get(part) !== null
    );
  };

  isValue = (name: string, value: string): boolean => {
    const query = this.database.query(
      "SELECT 1 FROM facts INDEXED BY facts_by_word WHERE name = ? AND word = ? COLLATE NOCASE LIMIT 1",
    );
    return this.idsOf("param", name).some((id) => query.get(id, value) !== null);
  };
}
