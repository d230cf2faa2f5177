/**
 * A line of words as a shell would split it (POSIX Shell Command Language, 2.2 Quoting), and nothing else that a shell
 * does: no variables, no globs, no substitution, because nothing here is ever run by a shell.
 */
import { MlError } from "./error.ts";

/** Words of one line; a `#` at the start of a word begins a comment. Throws `usage` for an open quote. */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  let word: string | null = null;
  let at = 0;
  const take = (text: string) => {
    word = (word ?? "") + text;
  };
  while (at < line.length) {
    const character = line[at] ?? "";
    if (character === " " || character === "\t") {
      if (word !== null) words.push(word);
      word = null;
      at += 1;
    } else if (character === "#" && word === null) {
      break;
    } else if (character === "'") {
      const end = line.indexOf("'", at + 1);
      if (end < 0) throw openQuote("'");
      take(line.slice(at + 1, end));
      at = end + 1;
    } else if (character === '"') {
      const { text, end } = doubleQuoted(line, at + 1);
      take(text);
      at = end;
    } else if (character === "\\") {
      if (at + 1 >= line.length) throw new MlError("usage", "the line ends with a lone backslash");
      take(line[at + 1] ?? "");
      at += 2;
    } else {
      take(character);
      at += 1;
    }
  }
  if (word !== null) words.push(word);
  return words;
}

function doubleQuoted(line: string, from: number): { text: string; end: number } {
  let text = "";
  for (let at = from; at < line.length; at++) {
    const character = line[at] ?? "";
    if (character === '"') return { text, end: at + 1 };
    const next = line[at + 1] ?? "";
    if (character === "\\" && next !== "" && '"\\$`'.includes(next)) {
      text += next;
      at += 1;
    } else text += character;
  }
  throw openQuote('"');
}

function openQuote(quote: string): MlError {
  return new MlError("usage", `a quote \`${quote}\` is not closed`, {
    hint: `write \`\\${quote}\` for the character itself`,
  });
}
