/**
 * What a page is made of, before anybody knows how it is drawn: lines of spans, each with a tone. The command line
 * paints tones with SGR codes, the terminal UI with cells. Tones never carry meaning alone: a mark or a word goes along.
 *
 * Loops here and in table.ts are spelled out: small functions that are called for every cell are compiled while a thin
 * command draws its one page, which took it 4 ms for 20 rows (measured, Bun 1.4.5).
 */

export type Tone = "plain" | "strong" | "dim" | "good" | "bad" | "warn" | "live" | "accent";

export interface Span {
  text: string;
  tone: Tone;
}
export type Line = readonly Span[];

/** For whom a page is made. */
export interface Face {
  /** Columns; Infinity where nothing is to be cut (not a terminal). */
  width: number;
  /** False: ASCII only. */
  unicode: boolean;
  /** The server's present, milliseconds since 1970. */
  nowMs: number;
}

export function span(text: string, tone: Tone = "plain"): Span {
  return { text, tone };
}

/** Columns of a text on a terminal, wide characters counting two. */
export function textWidth(text: string): number {
  return Bun.stringWidth(text);
}

export function lineWidth(line: Line): number {
  let width = 0;
  for (const part of line) width += Bun.stringWidth(part.text);
  return width;
}

/** The text alone, without tones and trailing space. */
export function lineText(line: Line): string {
  let text = "";
  for (const part of line) text += part.text;
  return text.trimEnd();
}

let graphemes: Intl.Segmenter | undefined;

/** The longest beginning of `text` that fits `width` columns; never splits a grapheme. */
function fitting(text: string, width: number): string {
  if (textWidth(text) <= width) return text;
  // Almost always; the segmenter takes 2.5 ms to make.
  if (/^[ -~]*$/.test(text)) return text.slice(0, Math.max(0, width));
  let used = 0;
  let end = 0;
  graphemes ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  for (const { segment, index } of graphemes.segment(text)) {
    const columns = textWidth(segment);
    if (used + columns > width) break;
    used += columns;
    end = index + segment.length;
  }
  return text.slice(0, end);
}

/** Cuts to `width` columns, the last being an ellipsis (`…`, or `~` in ASCII) where something is missing. */
export function cutText(text: string, width: number, unicode: boolean): string {
  if (textWidth(text) <= width) return text;
  if (width <= 0) return "";
  return `${fitting(text, width - 1)}${unicode ? "…" : "~"}`;
}

export function cutLine(line: Line, width: number, unicode: boolean): Line {
  if (width === Infinity || lineWidth(line) <= width) return line;
  const kept: Span[] = [];
  let left = width;
  for (const [index, part] of line.entries()) {
    const columns = textWidth(part.text);
    const more = line.slice(index + 1).some((later) => later.text !== "");
    if (columns < left || (columns === left && !more)) {
      kept.push(part);
      left -= columns;
      continue;
    }
    if (left > 0) kept.push({ ...part, text: cutText(`${part.text}${more ? "  " : ""}`, left, unicode) });
    break;
  }
  return kept;
}

/** Words of `text` in lines of at most `width` columns; a longer word stands alone and is split. */
export function wrapText(text: string, width: number): string[] {
  if (textWidth(text) <= width) return [text];
  const lines: string[] = [];
  let current = "";
  for (let word of text.split(/ +/)) {
    const joined = current === "" ? word : `${current} ${word}`;
    if (textWidth(joined) <= width) {
      current = joined;
      continue;
    }
    if (current !== "") lines.push(current);
    while (textWidth(word) > width && width > 1) {
      const piece = fitting(word, width);
      if (piece === "") break;
      lines.push(piece);
      word = word.slice(piece.length);
    }
    current = word;
  }
  return [...lines, current];
}

const codes: Record<Tone, string> = {
  plain: "",
  strong: "1",
  dim: "2",
  good: "32",
  bad: "31",
  warn: "33",
  live: "36",
  accent: "36",
};

/** One line for a terminal (SGR, ECMA-48 8.3.117), or its bare text. Trailing space is dropped. */
export function paint(line: Line, color: boolean): string {
  if (!color) return lineText(line);
  let text = "";
  for (const { tone, text: words } of line) {
    text += tone === "plain" || words.trim() === "" ? words : `\x1b[${codes[tone]}m${words}\x1b[0m`;
  }
  return text.trimEnd();
}
