/**
 * Which labels a word of a query means. Most are compared as they are; some reach further: a script is known under every
 * name that it has had, a project under its name, remote and root commit, packages and code through the sets that runs share.
 */
import type { Database } from "bun:sqlite";
import { projectsNamed, scriptsNamed } from "./names-that-moved.ts";
import type { SearchIndex } from "./search-index.ts";
import { globOf } from "./wildcard.ts";

export class LabelFinder {
  constructor(
    private readonly database: Database,
    private readonly index: SearchIndex,
  ) {}

  /** Ids of the labels of a field that one of the values means. */
  find(field: string, values: readonly string[]): number[] {
    return [...new Set(values.flatMap((value) => this.one(field, value)))];
  }

  private one(field: string, value: string): number[] {
    switch (field) {
      case "script":
        return this.exactly("script", this.scripts(value));
      case "project":
        return this.exactly("project", projectsNamed(this.database, value));
      case "package":
        return this.exactly("environment", this.owners("package", value));
      case "code":
        return this.exactly("snapshot", this.owners("code", value));
      case "commit":
        return this.like("commit", `${value}*`);
      default:
        return this.like(field === "lineage" ? "kind" : field, value);
    }
  }

  /** Every path that the script goes or went by. */
  scripts(value: string): string[] {
    return scriptsNamed(this.database, this.index, value);
  }

  private exactly(field: string, values: readonly string[]): number[] {
    const rows = this.database
      .query("SELECT id FROM label_names WHERE field = ? AND value IN (SELECT value FROM json_each(?))")
      .all(field, JSON.stringify(values)) as { id: number }[];
    return rows.map(({ id }) => id);
  }

  /** As it is; else without regard to case, and with what `*` stands for. */
  private like(field: string, value: string): number[] {
    const exact = value.includes("*") ? [] : this.exactly(field, [value]);
    if (exact.length > 0) return exact;
    const rows = this.database
      .query("SELECT id FROM label_names WHERE field = ? AND lower(value) GLOB ?")
      .all(field, globOf(value.toLowerCase())) as { id: number }[];
    return rows.map(({ id }) => id);
  }

  /** Sets that hold an item: `torch`, `torch==2.1*`, `src/model.py`, `model.py`. */
  private owners(field: "package" | "code", value: string): string[] {
    const [item = "", version = "*"] = field === "package" ? value.toLowerCase().split("==") : [value];
    const patterns =
      field === "package" ? [globOf(item.replaceAll(/[-_.]+/g, "-"))] : [globOf(value), `*/${globOf(value)}`];
    const rows = patterns.flatMap((pattern) =>
      this.database
        .query("SELECT DISTINCT owner FROM sets WHERE field = ? AND item GLOB ? AND version GLOB ?")
        .all(field, pattern, globOf(version)),
    ) as { owner: string }[];
    return rows.map(({ owner }) => owner);
  }
}
