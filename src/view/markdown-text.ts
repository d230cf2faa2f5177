/**
 * A text of somebody's as words in Markdown (CommonMark with the tables of GitHub): on one line, and nothing of it becomes markup,
 * a tag, a formula or the end of a cell. Texts that people wrote as Markdown are not for this (notebook-text.ts).
 */
import { safeText } from "./safe-text.ts";

export function markdownText(text: string): string {
  const plain = safeText(text)
    .replace(/[\\`*[\]<|$~]/g, "\\$&")
    .replace(/&(?=#?\w+;)/g, "\\&");
  // Within a word, `val_acc`, an underscore is a letter.
  return plain.replace(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, "\\_");
}
