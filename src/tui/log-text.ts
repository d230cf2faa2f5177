/**
 * One line of a log as a terminal would show it in the end: carriage returns overwrite (progress bars fold into their
 * last state), backspaces go back, colours (SGR) become styles, every other sequence and control character goes. Nothing
 * a script prints reaches the terminal as a control code [S6].
 */
import { textWidth } from "../view/face.ts";
import { safeText } from "../view/safe-text.ts";
import type { Piece, Row, Style } from "./cells.ts";

/** Characters of one line that are looked at; a longer line is cut there, and says so. */
export const longestLine = 16_384;
/** Of a line with many carriage returns only so many of the last are played. */
const playedReturns = 64;

/** CSI; OSC, DCS, SOS, PM, APC strings; charset and two-byte sequences (ECMA-48 5.4, 5.6). */
const sequence =
  /\x1b(?:\[([0-?]*)[ -/]*([@-~])|[\]PX^_][^\x07\x1b\u009c]*(?:\x07|\x1b\\|\u009c)?|[ -/]+[0-~]|[0-OQ-WYZ`-~\\]|\[[0-?]*[ -/]*$|$)/y;

const flags: Record<number, Style> = {
  1: { bold: true },
  2: { dim: true },
  3: { italic: true },
  4: { underline: true },
  7: { inverse: true },
};
const unflags: Record<number, (keyof Style)[]> = {
  22: ["bold", "dim"],
  23: ["italic"],
  24: ["underline"],
  27: ["inverse"],
  39: ["fg"],
  49: ["bg"],
};

function without(style: Style, keys: readonly (keyof Style)[]): Style {
  const left = { ...style };
  for (const key of keys) delete left[key];
  return left;
}

/** `38;5;n` and `38;2;r;g;b` from place `at`; how many numbers it took. */
function extended(codes: readonly number[], at: number): { colour: Style["fg"] | null; taken: number } {
  const byte = (value: number | undefined) => Math.max(0, Math.min(255, value ?? 0));
  if (codes[at + 1] === 5) return { colour: byte(codes[at + 2]), taken: 2 };
  if (codes[at + 1] === 2) return { colour: [byte(codes[at + 2]), byte(codes[at + 3]), byte(codes[at + 4])], taken: 4 };
  return { colour: null, taken: 0 };
}

function applySgr(style: Style, parameters: string): Style {
  const codes = parameters.split(/[;:]/).map((part) => Number(part === "" ? "0" : part));
  let current = style;
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0;
    if (code === 0) current = {};
    else if (flags[code] !== undefined) current = { ...current, ...flags[code] };
    else if (unflags[code] !== undefined) current = without(current, unflags[code]);
    else if (code === 38 || code === 48) {
      const { colour, taken } = extended(codes, at);
      if (colour !== null && colour !== undefined)
        current = code === 38 ? { ...current, fg: colour } : { ...current, bg: colour };
      at += taken;
    } else if (code >= 30 && code <= 37) current = { ...current, fg: code - 30 };
    else if (code >= 40 && code <= 47) current = { ...current, bg: code - 40 };
    else if (code >= 90 && code <= 97) current = { ...current, fg: code - 82 };
    else if (code >= 100 && code <= 107) current = { ...current, bg: code - 92 };
  }
  return current;
}

interface Glyph {
  text: string;
  style: Style;
}

/** Pieces of equal style joined. */
function joined(glyphs: readonly Glyph[]): Row {
  const row: Piece[] = [];
  let last: Style | null = null;
  for (const { text, style } of glyphs) {
    const before = row.at(-1);
    if (before !== undefined && last === style) before.text += text;
    else row.push(Object.keys(style).length === 0 ? { text, tone: "plain" } : { text, tone: "plain", style });
    last = style;
  }
  return row;
}

/** Unsafe characters that are no controls (bidi overrides) are spelled out; controls go. */
function harmless(text: string): string {
  return safeText(text.replace(/[\u0000-\u001f\u007f-\u009f]/g, ""));
}

/** Without carriage returns: text and colours as they come. */
function plainRow(text: string): Row {
  const glyphs: Glyph[] = [];
  let style: Style = {};
  for (let at = 0; at < text.length; ) {
    const next = text.indexOf("\x1b", at);
    const end = next < 0 ? text.length : next;
    if (end > at) glyphs.push({ text: harmless(text.slice(at, end)), style });
    if (next < 0) break;
    sequence.lastIndex = next;
    const found = sequence.exec(text);
    if (found?.[2] === "m") style = applySgr(style, found[1] ?? "");
    at = next + Math.max(1, found?.[0].length ?? 1);
  }
  return joined(glyphs);
}

/** Made for the first line that needs it: that takes milliseconds. */
let segmenter: Intl.Segmenter | undefined;

/** With carriage returns and backspaces, played on one row of cells. */
function playedRow(text: string): Row {
  const cells: Glyph[] = [];
  let style: Style = {};
  let column = 0;
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" });
  const graphemes = segmenter;
  const put = (part: string) => {
    for (const { segment } of graphemes.segment(part)) {
      const width = textWidth(segment);
      if (width === 0) continue;
      while (cells.length < column) cells.push({ text: " ", style: {} });
      cells[column] = { text: segment, style };
      if (width === 2) cells[column + 1] = { text: "", style };
      column += width;
    }
  };
  for (let at = 0; at < text.length; ) {
    const character = text[at];
    if (character === "\r") column = 0;
    else if (character === "\b") column = Math.max(0, column - 1);
    else if (character === "\x1b") {
      sequence.lastIndex = at;
      const found = sequence.exec(text);
      if (found?.[2] === "m") style = applySgr(style, found[1] ?? "");
      if (found?.[2] === "K") {
        if (found[1] === "2") cells.length = 0;
        else if (found[1] !== "1") cells.length = Math.min(cells.length, column);
      }
      at += Math.max(1, found?.[0].length ?? 1);
      continue;
    } else {
      const end = text.slice(at + 1).search(/[\r\b\x1b]/);
      const part = end < 0 ? text.slice(at) : text.slice(at, at + 1 + end);
      put(harmless(part));
      at += part.length;
      continue;
    }
    at += 1;
  }
  return joined(cells);
}

/** What stands after the last returns: earlier ones were overwritten long ago. */
function lastStates(text: string): string {
  let at = text.length;
  for (let count = 0; count < playedReturns; count++) {
    const before = text.lastIndexOf("\r", at - 1);
    if (before < 0) return text;
    at = before;
  }
  return text.slice(at + 1);
}

/** A raw line, without its line end, as a row. */
export function logRow(raw: string): Row {
  let text = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
  if (text.includes("\r")) text = lastStates(text);
  const cut = text.length > longestLine;
  if (cut) text = text.slice(0, longestLine);
  text = text.replaceAll("\t", "    ");
  const row = /[\r\b]/.test(text) ? playedRow(text) : plainRow(text);
  return cut ? [...row, { text: ` … ${raw.length - longestLine} characters more`, tone: "dim" }] : row;
}

export function rowText(row: Row): string {
  return row.map((part) => part.text).join("");
}

/** Columns `from` to `to` of a row. */
export function sliceRow(row: Row, from: number, to: number): Row {
  const out: Piece[] = [];
  let at = 0;
  for (const part of row) {
    const width = textWidth(part.text);
    const start = Math.max(0, from - at);
    const end = Math.min(width, to - at);
    if (end > start) {
      const text = start === 0 && end === width ? part.text : Bun.sliceAnsi(part.text, start, end);
      out.push({ ...part, text });
    }
    at += width;
    if (at >= to) break;
  }
  return out;
}

/** Marks every place of `needle`; lower case finds both cases. */
export function markHits(row: Row, needle: string): Row {
  if (needle === "") return row;
  const fold = needle === needle.toLowerCase();
  const text = rowText(row);
  const hay = fold ? text.toLowerCase() : text;
  if (hay.length !== text.length || !hay.includes(needle)) return row;
  const out: Piece[] = [];
  let at = 0;
  for (const part of row) {
    let done = 0;
    while (done < part.text.length) {
      const hit = hay.lastIndexOf(needle, at + done);
      const inHit = hit >= 0 && hit + needle.length > at + done;
      const next = inHit ? hit + needle.length : hay.indexOf(needle, at + done);
      const end = Math.min(part.text.length, next < 0 ? part.text.length : next - at);
      const text = part.text.slice(done, end);
      out.push(inHit ? { ...part, text, ground: "found" } : { ...part, text });
      done = end;
    }
    at += part.text.length;
  }
  return out;
}
