/**
 * Where the words of a search stand in a text: the line around the first hit, with the places to mark. Finds words as full
 * text does, by their stem and without regard to case; it only decides what is shown, never what matches.
 */
import { leaves, type Query } from "../query/query.ts";

export interface Snippet {
  field: string;
  text: string;
  /** Start and end of each hit in `text`. */
  marks: [number, number][];
}

/** The words that a query looks for, not those that it denies. */
export function wordsOf(query: Query): string[] {
  if (query.kind === "not") return [];
  if (query.kind === "and" || query.kind === "or") return query.parts.flatMap(wordsOf);
  return leaves(query).flatMap((leaf) => (leaf.kind === "text" ? [leaf.words] : []));
}

/** A rough stem: enough to see `warming` in `warmed`. */
function stem(word: string): string {
  const plain = word.normalize("NFD").replaceAll(/\p{M}/gu, "").toLowerCase();
  return plain.length <= 4 ? plain.replace(/s$/, "") : plain.replace(/(ations?|ings?|edly|ed|es|s|ly|e)$/, "");
}

const wordPattern = /[\p{L}\p{N}]+/gu;
const shownLength = 120;

/** Null where none of the words stands in the text. */
export function snippetOf(field: string, text: string, words: readonly string[]): Snippet | null {
  const stems = new Set(words.flatMap((phrase) => [...phrase.matchAll(wordPattern)].map(([word]) => stem(word))));
  if (stems.size === 0) return null;
  const hits = [...text.matchAll(wordPattern)]
    .filter(([word]) => stems.has(stem(word)))
    .map((match): [number, number] => [match.index, match.index + match[0].length]);
  const first = hits[0];
  if (first === undefined) return null;
  const lineFrom = text.lastIndexOf("\n", first[0]) + 1;
  const lineEnd = text.indexOf("\n", first[0]);
  const to = lineEnd < 0 ? text.length : lineEnd;
  const from = first[0] - lineFrom > shownLength / 2 ? first[0] - shownLength / 3 : lineFrom;
  const start = Math.max(lineFrom, Math.floor(from));
  const end = Math.min(to, start + shownLength);
  const [left, right] = [start > lineFrom ? "… " : "", end < to ? " …" : ""];
  const shift = left.length - start;
  return {
    field,
    text: `${left}${text.slice(start, end)}${right}`,
    marks: hits.filter(([at, until]) => at >= start && until <= end).map(([at, until]) => [at + shift, until + shift]),
  };
}
