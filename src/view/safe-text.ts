/**
 * Text that somebody else wrote, made harmless for a terminal: names, notes, commands and logs may hold escape
 * sequences, control characters or bidi overrides (CVE-2021-42574). Shown text keeps what is readable and spells out
 * the rest; nothing here changes what is stored or what goes into a pipe.
 */

/** C0 and C1 controls, DEL, bidi controls, line and paragraph separators, BOM, lone surrogates. */
const unsafe =
  /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;
const named: Record<string, string> = { "\n": "\\n", "\r": "\\r", "\t": "\\t", "\x1b": "\\e" };

function spell(character: string): string {
  const known = named[character];
  if (known !== undefined) return known;
  const code = character.charCodeAt(0);
  if (code >= 0xd800 && code <= 0xdfff) return "\ufffd";
  return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16).padStart(4, "0")}`;
}

/** One line: every unsafe character is spelled out (`\n`, `\e`, `\x07`, `\u202e`). */
export function safeText(text: string): string {
  return text.replace(unsafe, spell);
}

/** For fields that a program reads: unsafe characters become U+FFFD; tabs and line ends are left to the printer. */
export function visible(text: string): string {
  return text.replace(unsafe, (character) => (/[\t\n\r]/.test(character) ? character : "\ufffd"));
}

/** Several lines: line ends are kept as such, tabs become spaces, everything else as in `safeText`. */
export function safeLines(text: string): string[] {
  return text
    .replaceAll("\r\n", "\n")
    .replace(/\n+$/, "")
    .split("\n")
    .map((line) => safeText(line.replaceAll("\t", "    ")));
}

/** An escape sequence by ECMA-48 5.4 and 5.6: CSI; OSC, DCS, SOS, PM, APC strings; charset and two-byte ones. */
const complete =
  /^(?:\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\u009c]*(?:\x07|\x1b\\|\u009c)|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ`-~\\])/;
const unfinished = /^\x1b(?:\[[0-?]*[ -/]*|[\]PX^_][^\x07\x1b\u009c]*\x1b?|[ -/]*)?$/;
/** Colours, and erasing to the end of the line: they touch nothing that the script has not printed itself. */
const harmless = /^\x1b\[(?:[0-9;:]*m|[012]?K)$/;
/** A string sequence longer than this is no title or link; its beginning is dropped and its rest shown. */
const longestSequence = 4096;

export interface LogFilter {
  /** The harmless form of what can be decided by now; an unfinished sequence is kept for the next call. */
  push(text: string): string;
  /** Text that puts the terminal back (colours off) where the log left it otherwise. */
  end(): string;
}

/** For log text on a terminal: CR, LF, TAB, BS and colours pass; other sequences and controls go. */
export function logFilter(): LogFilter {
  let held = "";
  let colored = false;
  return {
    push(text) {
      const all = held + text;
      held = "";
      let out = "";
      let at = 0;
      while (at < all.length) {
        const next = all.indexOf("\x1b", at);
        if (next < 0) return out + plainPart(all.slice(at));
        out += plainPart(all.slice(at, next));
        const rest = all.slice(next, next + longestSequence);
        const found = complete.exec(rest)?.[0];
        if (found !== undefined) {
          if (harmless.test(found)) {
            out += found;
            colored ||= found.endsWith("m");
          }
          at = next + found.length;
        } else if (rest.length < longestSequence && unfinished.test(rest)) {
          held = rest;
          return out;
        } else {
          at = next + 1;
        }
      }
      return out;
    },
    end() {
      held = "";
      return colored ? "\x1b[0m" : "";
    },
  };
}

const unsafeInLog =
  /[\u0000-\u0007\u000b\u000c\u000e-\u001f\u007f-\u009f]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

function plainPart(text: string): string {
  return text.replace(unsafeInLog, (character) => (character.charCodeAt(0) < 0x100 ? "" : spell(character)));
}
