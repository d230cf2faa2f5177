/**
 * What somebody typed, as a query: by the grammar, and bare words by the rules of English unless they are to be taken
 * literally. The echo is the query in its one spelling; typed again, literally, it is the same query.
 */
import { MlError } from "../core/error.ts";
import { readEnglish } from "./english.ts";
import type { EnglishContext } from "./english-rule.ts";
import { parseQuery } from "./parse-query.ts";
import type { ReadQuery } from "./query.ts";
import type { TermContext, Vocabulary } from "./terms.ts";
import type { Present } from "./times.ts";
import { writeQuery } from "./write-query.ts";

export interface SearchWords
  extends Vocabulary,
    Omit<EnglishContext, "present" | "isName" | "isMetric" | "lessIsBetter"> {}

export interface ReadSearch extends ReadQuery {
  /** The query as it is echoed. */
  echo: string;
  /** English was read: the echo says something that was not typed. */
  interpreted: boolean;
}

/** Throws MlError `usage` with the place in what was typed. */
export function readSearch(
  text: string,
  { words, present, literal }: { words: SearchWords; present: Present; literal: boolean },
): ReadSearch {
  const context: TermContext = { text, vocabulary: words, present };
  const asTyped = parseQuery(context);
  const plain = { ...asTyped, echo: writeQuery(asTyped, present), interpreted: false };
  if (literal) return plain;
  const english = readEnglish(text, {
    ...{ present, isMetric: words.isMetric, lessIsBetter: words.lessIsBetter, isLabel: words.isLabel },
    ...{ isGpuModel: words.isGpuModel, isValue: words.isValue },
    isName: (name) => words.isMetric(name) || words.isParameter(name),
  });
  if (english === text) return plain;
  try {
    const read = parseQuery({ ...context, text: english });
    return { ...read, echo: writeQuery(read, present), interpreted: true };
  } catch (cause) {
    // The typed text is a good query, so what a rule made of it must not be the reason for an error.
    if (cause instanceof MlError) return plain;
    throw cause;
  }
}
