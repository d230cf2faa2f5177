/** The error of every search that cannot be read: one sentence, the text with a caret under the place, and a hint. */
import { MlError } from "../core/error.ts";

export interface BadPlace {
  /** Index in the text. */
  at: number;
  /** How many characters are wrong; default 1. */
  length?: number;
  hint?: string | undefined;
}

const shownBefore = 60;
const shownLength = 100;

/** `sentence` says what is wrong and does not name the place; that is added. */
export function badSearch(text: string, sentence: string, { at, length = 1, hint }: BadPlace): MlError {
  const from = Math.max(0, at - shownBefore);
  const line = text.replaceAll(/[\u0000-\u001f\u007f]/g, " ").slice(from, from + shownLength);
  const before = " ".repeat(Bun.stringWidth(line.slice(0, at - from)));
  const carets = "^".repeat(Math.max(1, Math.min(length, line.length - (at - from))));
  return new MlError("usage", `bad search: ${sentence}, at column ${at + 1}`, {
    cause: `\n  ${line}\n  ${before}${carets}`,
    hint: hint ?? "`ml help find` explains how to ask",
    data: { at, length },
  });
}
