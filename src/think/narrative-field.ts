/**
 * The fields of a narrative, declared once: the word that people type, the key of the record, what kind of value it has.
 * `ml narrative`, the editor's template, `ml queue -e` and the pages take their order and their words from here.
 */

export type FieldKind = "text" | "list" | "words" | "choice";

/** Keys of a narrative as a request, a group's file and (below `narrative` or `metadata`) a manifest have them. */
export const narrativeKeys = [
  "note",
  "hypothesis",
  "context",
  "intent",
  "expected_outcome",
  "parent_run",
  "experiment_group",
  "tags",
  "outcome",
  "validation_status",
  "learnings",
  "next_steps",
] as const;
export type NarrativeKey = (typeof narrativeKeys)[number];

export const verdicts = ["validates", "refutes", "inconclusive", "partial"] as const;
export type Verdict = (typeof verdicts)[number];

export interface NarrativeField {
  key: NarrativeKey;
  /** As people type it: `learned`. */
  word: string;
  /** text: one value; list: several texts; words: labels by commas; choice: one of `verdicts`. */
  kind: FieldKind;
  about: string;
  /** Known when a run is queued; the others come after. */
  before: boolean;
  /** Only a run has it, a group has not. */
  runOnly?: boolean;
}

export const narrativeFields: readonly NarrativeField[] = [
  { key: "hypothesis", word: "hypothesis", kind: "text", about: "what you think is true", before: true },
  { key: "context", word: "context", kind: "text", about: "what led here", before: true },
  { key: "intent", word: "intent", kind: "text", about: "what this is to find out", before: true },
  {
    key: "expected_outcome",
    word: "expect",
    kind: "text",
    about: "what you expect to see; `val_acc>=0.85 in <4h` is checked at the end",
    before: true,
  },
  { key: "note", word: "note", kind: "text", about: "anything else", before: true },
  { key: "tags", word: "tags", kind: "words", about: "labels, by commas", before: true },
  {
    key: "experiment_group",
    word: "group",
    kind: "text",
    about: "the experiment that it belongs to",
    before: true,
    runOnly: true,
  },
  {
    key: "parent_run",
    word: "parent",
    kind: "text",
    about: "the run that this one follows from",
    before: true,
    runOnly: true,
  },
  { key: "outcome", word: "outcome", kind: "text", about: "what came out", before: false },
  { key: "validation_status", word: "verdict", kind: "choice", about: verdicts.join(", "), before: false },
  { key: "learnings", word: "learned", kind: "list", about: "what was learned", before: false },
  { key: "next_steps", word: "next", kind: "list", about: "what to do next", before: false },
];

/** By the typed word, or by the key of the record; null where there is no such field. */
export function fieldNamed(text: string): NarrativeField | null {
  const wanted = text.toLowerCase().replaceAll("-", "_");
  const same = (field: NarrativeField) =>
    field.word === wanted || field.key === wanted || `${field.word}s` === wanted || field.word === `${wanted}s`;
  return narrativeFields.find(same) ?? null;
}

export const isList = (kind: FieldKind): kind is "list" | "words" => kind === "list" || kind === "words";
