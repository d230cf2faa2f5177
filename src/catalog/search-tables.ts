/**
 * The tables that `ml find` reads, all keyed by `runs.doc`, filled in batches after the fact by search-index.ts:
 *
 * - `names` and `facts`: numbers and texts with a name: parameters (`p`), metrics (`m`) and our own measures (`b`)
 * - `label_names` and `labels`: one-word properties, such as host, verdict, failure kind, GPU, script, dataset
 * - `sets`: what many runs share, kept once: the file names of a snapshot, the packages of an environment
 * - `texts`: full text with stemming; holds no copy of the texts, the run folders do
 * - `lessons`: what people learned from a run and meant to do next, as they said it
 * - `searched`: what was written for a run, so that it can be taken back
 *
 * The index over a table is made apart from it: one that is filled from nothing gets it at the end, which costs half.
 */

export const searchTables = `
  CREATE TABLE names(id INTEGER PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, UNIQUE(kind, name)) STRICT;
  CREATE TABLE facts(name INTEGER NOT NULL, doc INTEGER NOT NULL, num REAL, word TEXT,
    PRIMARY KEY(name, doc)) STRICT, WITHOUT ROWID;
  CREATE TABLE label_names(id INTEGER PRIMARY KEY, field TEXT NOT NULL, value TEXT NOT NULL, UNIQUE(field, value)) STRICT;
  CREATE TABLE labels(label INTEGER NOT NULL, doc INTEGER NOT NULL, PRIMARY KEY(label, doc)) STRICT, WITHOUT ROWID;
  CREATE TABLE sets(field TEXT NOT NULL, item TEXT NOT NULL, version TEXT NOT NULL, owner TEXT NOT NULL,
    PRIMARY KEY(field, item, version, owner)) STRICT, WITHOUT ROWID;
  CREATE TABLE set_owners(field TEXT NOT NULL, owner TEXT NOT NULL, PRIMARY KEY(field, owner)) STRICT, WITHOUT ROWID;
  CREATE TABLE scripts(path TEXT NOT NULL, blob TEXT NOT NULL, project TEXT NOT NULL, snapshot TEXT NOT NULL,
    lines TEXT NOT NULL, PRIMARY KEY(path, blob, project)) STRICT, WITHOUT ROWID;
  CREATE TABLE project_keys(keys TEXT PRIMARY KEY) STRICT, WITHOUT ROWID;
  CREATE TABLE lessons(kind TEXT NOT NULL, doc INTEGER NOT NULL, said TEXT NOT NULL, PRIMARY KEY(kind, doc)) STRICT, WITHOUT ROWID;
  CREATE TABLE searched(doc INTEGER PRIMARY KEY, facts TEXT NOT NULL, labels TEXT NOT NULL) STRICT;
  CREATE VIRTUAL TABLE texts USING fts5(name, note, hypothesis, context, intent, expected, outcome, learned, next,
    annotation, tag, grp, command, error, log, content='', contentless_delete=1, tokenize='porter unicode61 remove_diacritics 2');
`;

export const searchIndexes = `
  CREATE INDEX facts_by_number ON facts(name, num, doc) WHERE num IS NOT NULL;
  CREATE INDEX facts_by_word ON facts(name, word COLLATE NOCASE, doc) WHERE word IS NOT NULL;
`;

/** Columns of `texts`, in order. */
export const textColumns = [
  "name",
  "note",
  "hypothesis",
  "context",
  "intent",
  "expected",
  "outcome",
  "learned",
  "next",
  "annotation",
  "tag",
  "grp",
  "command",
  "error",
  "log",
] as const;

export type TextColumn = (typeof textColumns)[number];

export const insertTexts = `INSERT INTO texts(rowid, ${textColumns.join(", ")}) VALUES (?, ${textColumns.map(() => "?").join(", ")})`;
