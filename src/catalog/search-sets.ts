/**
 * What many runs have in common, kept once for all of them: the file names of a snapshot (`code`), the packages of an
 * environment (`package`). A run points to its set by a label (`snapshot`, `environment`). Sets are never taken back:
 * one that no run points to any more is found by nobody.
 */
import type { Database } from "bun:sqlite";

export interface SetItem {
  item: string;
  /** Of a package; else empty. */
  version: string;
}

const mostItems = 5000;

export class SetIndex {
  constructor(private readonly database: Database) {}

  /** `items` is asked only where the set is new. */
  add(field: "code" | "package", owner: string, items: () => SetItem[]): void {
    const made = this.database.query("INSERT OR IGNORE INTO set_owners VALUES (?, ?)").run(field, owner);
    if (made.changes === 0) return;
    const add = this.database.query("INSERT OR IGNORE INTO sets VALUES (?, ?, ?, ?)");
    for (const { item, version } of items().slice(0, mostItems)) add.run(field, item, version, owner);
  }

  has(field: "code" | "package", owner: string, item: string): boolean {
    const query = "SELECT 1 FROM sets WHERE field = ? AND item = ? AND owner = ? LIMIT 1";
    return this.database.query(query).get(field, item, owner) !== null;
  }
}

/** `torch==2.1.0` a line, as `pip freeze` prints it; names in their normal form (PEP 503). */
export function packageItems(freeze: string): SetItem[] {
  return freeze.split("\n").flatMap((line) => {
    const match = /^\s*([A-Za-z0-9][\w.-]*)\s*(?:==|===|@)\s*(\S+)/.exec(line);
    if (match === null) return [];
    return [{ item: (match[1] ?? "").toLowerCase().replaceAll(/[-_.]+/g, "-"), version: match[2] ?? "" }];
  });
}
