/**
 * Text conditions as expressions of SQLite's full text (FTS5, "Full-text Query Syntax"). Every word is a quoted string
 * there, so nothing that is typed can be an operator of it.
 */
import type { Query } from "../query/query.ts";
import type { Synonyms } from "../query/synonyms.ts";

function quoted(words: string): string {
  return `"${words.replaceAll('"', '""').replaceAll("\0", " ")}"`;
}

function leaf({ column, words, prefix }: Extract<Query, { kind: "text" }>, synonyms: Synonyms): string {
  const [, ...others] = prefix ? [words] : synonyms.of(words);
  const spellings = [
    `${quoted(words)}${prefix ? " *" : ""}`,
    ...others.map((word) => quoted(word.replaceAll("_", " "))),
  ];
  const any = spellings.length === 1 ? (spellings[0] ?? "") : `(${spellings.join(" OR ")})`;
  return column === null ? any : `{${column}} : ${any}`;
}

/** The whole query as one expression, or null where there is something in it that is not text. */
export function textMatch(query: Query, synonyms: Synonyms): string | null {
  if (query.kind === "text") return leaf(query, synonyms);
  if (query.kind !== "and" && query.kind !== "or") return null;
  const parts = query.parts.map((part) => textMatch(part, synonyms));
  if (parts.length === 0 || parts.includes(null)) return null;
  return `(${parts.map((part) => `(${part})`).join(query.kind === "and" ? " AND " : " OR ")})`;
}
