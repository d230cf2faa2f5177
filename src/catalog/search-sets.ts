/**
 * What many runs have in common, kept once for all of them: the file names of a snapshot (`code`), the packages of an
 * environment (`package`), the versions of a script, the keys of a project. A run points to its sets by labels (`snapshot`,
 * `environment`). They are never taken back: one that no run points to any more is found by nobody.
 */
import type { Database } from "bun:sqlite";
import type { CodeFiles } from "./code-files.ts";
import type { SearchFacts } from "./search-facts.ts";

interface SetItem {
  item: string;
  /** Of a package; else empty. */
  version: string;
}

/** What a run has in common with others. */
export type Shared = Pick<SearchFacts, "shared" | "script">;

/** The same for runs that add nothing to what the other has added. */
export const sharedKey = ({ shared: { snapshot, environment, project }, script }: Shared) =>
  `${snapshot}\n${environment?.id}\n${project.join("\n")}\n${script?.path}\n${script?.blob}`;

const mostItems = 5000;
const scriptBytes = 256 * 1024;
const mostLines = 2000;
/** Runs in a row share nearly all of it; asking the tables each time would cost more than writing the run. */
const keptKeys = 10_000;

export class SharedSets {
  private readonly written = new Set<string>();

  constructor(
    private readonly database: Database,
    private readonly code: CodeFiles,
  ) {}

  /** What was written may have been undone. */
  doubt(): void {
    this.written.clear();
  }

  /** Writes what is new of what the run shares with others. */
  add({ shared: { snapshot, environment, project }, script }: Shared): void {
    if (snapshot !== null) {
      const files = () => [...this.code.tree(snapshot).files.keys()].map((item) => ({ item, version: "" }));
      this.addSet("code", snapshot, files);
    }
    if (environment !== null) this.addSet("package", environment.id, () => packageItems(environment.freeze));
    const keys = JSON.stringify(project);
    if (project.length > 0 && this.isNew(`project ${keys}`))
      this.database.query("INSERT OR IGNORE INTO project_keys VALUES (?)").run(keys);
    if (script !== null && snapshot !== null) this.addScript(script, snapshot);
  }

  private isNew(key: string): boolean {
    if (this.written.has(key)) return false;
    if (this.written.size >= keptKeys) this.written.clear();
    this.written.add(key);
    return true;
  }

  /** `items` is asked only where the set is new. */
  private addSet(field: "code" | "package", owner: string, items: () => SetItem[]): void {
    if (!this.isNew(`${field} ${owner}`)) return;
    const made = this.database.query("INSERT OR IGNORE INTO set_owners VALUES (?, ?)").run(field, owner);
    if (made.changes === 0) return;
    const add = this.database.query("INSERT OR IGNORE INTO sets VALUES (?, ?, ?, ?)");
    for (const { item, version } of items().slice(0, mostItems)) add.run(field, item, version, owner);
  }

  private addScript({ path, blob, project }: NonNullable<SearchFacts["script"]>, snapshot: string): void {
    if (!this.isNew(`script ${path} ${blob} ${project}`)) return;
    const known = "SELECT 1 FROM scripts WHERE path = ? AND blob = ? AND project = ?";
    if (this.database.query(known).get(path, blob, project) !== null) return;
    const lines = scriptLines(this.code.text(snapshot, path, scriptBytes) ?? "");
    this.database
      .query("INSERT INTO scripts VALUES (?, ?, ?, ?, ?)")
      .run(path, blob, project, snapshot, JSON.stringify(lines));
  }

  hasFile(snapshot: string, path: string): boolean {
    const query = "SELECT 1 FROM sets WHERE field = 'code' AND item = ? AND owner = ? LIMIT 1";
    return this.database.query(query).get(path, snapshot) !== null;
  }
}

/** `torch==2.1.0` a line, as `pip freeze` prints it; names in their normal form (PEP 503). */
function packageItems(freeze: string): SetItem[] {
  return freeze.split("\n").flatMap((line) => {
    const match = /^\s*([A-Za-z0-9][\w.-]*)\s*(?:==|===|@)\s*(\S+)/.exec(line);
    if (match === null) return [];
    return [{ item: (match[1] ?? "").toLowerCase().replaceAll(/[-_.]+/g, "-"), version: match[2] ?? "" }];
  });
}

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
