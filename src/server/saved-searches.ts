/**
 * Searches that people saved under a name, in `searches.json` of the base, by user; and `synonyms.toml`, the words of the
 * people who use this base that mean the same. Both are small files that may be edited by hand and are read again when
 * they have changed; one that cannot be read is left alone and says so.
 */
import * as fs from "node:fs";
import { join } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { MlError, messageOf } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import { parseSynonyms, Synonyms } from "../query/synonyms.ts";

type Table = Record<string, Record<string, string>>;

const mostSaved = 200;
const mostBytes = 256 * 1024;

export class SavedSearches {
  private readonly path: string;
  private readonly synonymPath: string;
  private synonymStamp = "";

  constructor(base: string) {
    this.path = join(base, "searches.json");
    this.synonymPath = join(base, "synonyms.toml");
  }

  /** Throws MlError `bad_config` naming the file where it cannot be understood. */
  private read(): Table {
    let text: string;
    try {
      text = fs.readFileSync(this.path, "utf8");
    } catch {
      return {};
    }
    try {
      return JSON.parse(text) as Table;
    } catch (cause) {
      throw new MlError("bad_config", `the saved searches in \`${this.path}\` cannot be read`, {
        cause: messageOf(cause),
        hint: "mend the file, or move it away to begin anew",
      });
    }
  }

  of(user: string): Record<string, string> {
    const table = this.read();
    return Object.hasOwn(table, user) ? (table[user] ?? {}) : {};
  }

  /** `query` null forgets. Throws `not_found`, `too_large`, `bad_config` and system errors. */
  save(user: string, name: string, query: string | null): void {
    const table = this.read();
    const before = this.of(user);
    if (query === null && !Object.hasOwn(before, name)) throw unknown(name, before);
    // Made anew, since to assign `__proto__` keeps nothing.
    const others = Object.entries(before).filter(([known]) => known !== name);
    const own = Object.fromEntries(query === null ? others : [...others, [name, query]]);
    if (Object.keys(own).length > mostSaved)
      throw new MlError("too_large", `there are ${mostSaved} saved searches already`, {
        hint: "`ml find --forget NAME`",
      });
    writeDurable(this.path, `${JSON.stringify({ ...table, [user]: own }, null, 2)}\n`, { mode: 0o600 });
  }

  /** The text with each `@NAME` in it as the search saved under that name, in parentheses. Throws `not_found`. */
  expand(text: string, user: string): string {
    if (!text.includes("@")) return text;
    const own = this.of(user);
    return text.replaceAll(/(^|[\s(-])@([\w-]+)(?=$|[\s)])/g, (_, before: string, name: string) => {
      if (!Object.hasOwn(own, name)) throw unknown(name, own);
      return `${before}(${own[name]})`;
    });
  }

  /** The synonyms where their file has changed since the last call, else null. Throws `bad_config`. */
  changedSynonyms(): Synonyms | null {
    const stat = fs.statSync(this.synonymPath, { throwIfNoEntry: false });
    const stamp = stat === undefined ? "" : `${stat.mtimeMs}:${stat.size}:${stat.ino}`;
    if (stamp === this.synonymStamp) return null;
    if (stat === undefined) {
      this.synonymStamp = stamp;
      return new Synonyms();
    }
    try {
      if (stat.size > mostBytes) throw new Error(`it has more than ${mostBytes} bytes`);
      const synonyms = new Synonyms(parseSynonyms(fs.readFileSync(this.synonymPath, "utf8")));
      this.synonymStamp = stamp;
      return synonyms;
    } catch (cause) {
      throw new MlError("bad_config", `the synonyms in \`${this.synonymPath}\` cannot be read`, {
        cause: messageOf(cause),
        hint: 'write lines like `lr = ["eta", "step_size"]`',
      });
    }
  }
}

function unknown(name: string, own: Readonly<Record<string, string>>): MlError {
  const near = nearest(name, Object.keys(own));
  return new MlError("not_found", `there is no saved search \`@${name}\``, {
    hint: near === null ? "`ml find --saved` lists them" : `did you mean \`@${near}\`?`,
  });
}
