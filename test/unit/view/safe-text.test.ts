import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { logFilter, safeLines, safeText } from "../../../src/view/safe-text.ts";

const dangerous = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/;

function filtered(...pieces: string[]): string {
  const filter = logFilter();
  return pieces.map((piece) => filter.push(piece)).join("") + filter.end();
}

describe("text from outside", () => {
  test("[S6 I2] escape sequences, controls and bidi overrides in names and notes are spelled out", () => {
    expect(safeText("\x1b]0;pwned\x07")).toBe("\\e]0;pwned\\x07");
    expect(safeText("a\u202eb\nc\td\r")).toBe("a\\u202eb\\nc\\td\\r");
    expect(safeText("\x9b31m\x7f\u2066")).toBe("\\x9b31m\\x7f\\u2066");
    expect(safeText("lone \ud800 half")).toBe("lone \ufffd half");
  });

  test("[I2] emoji, accents and right-to-left words stay as they are", () => {
    for (const text of ["👩‍🔬 naïve", "שלום", "预训练", "é"]) expect(safeText(text)).toBe(text);
  });

  test("[S6] whatever the text, nothing that moves a terminal is left", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(safeText(text)).not.toMatch(dangerous);
        for (const line of safeLines(text)) expect(line).not.toMatch(dangerous);
      }),
    );
  });
});

describe("log text on a terminal", () => {
  test("[S6] colours and carriage returns pass, and colours are turned off at the end", () => {
    expect(filtered("\x1b[31mred\x1b[0m 10%\r20%\n")).toBe("\x1b[31mred\x1b[0m 10%\r20%\n\x1b[0m");
    expect(filtered("plain\n")).toBe("plain\n");
  });

  test("[S6] titles, cursor moves, screen clears and device strings are left out", () => {
    expect(filtered("a\x1b]0;title\x07b\x1b[2Jc\x1b[10;10Hd\x1bP1$r\x1b\\e\x1b(0f\x1bcg")).toBe("abcdefg");
    expect(filtered("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\")).toBe("link");
    expect(filtered("\x9b2J\x07x")).toBe("2Jx");
  });

  test("[S6] a sequence that is cut between two pieces is judged as a whole", () => {
    expect(filtered("a\x1b", "]0;ti", "tle\x07b\x1b[3", "1mc")).toBe("ab\x1b[31mc\x1b[0m");
  });

  test("[S6] an endless sequence neither holds the log back for ever nor grows the memory", () => {
    const long = "x".repeat(10_000);
    const filter = logFilter();
    expect(filter.push(`\x1b]0;${long}`)).toContain("x".repeat(5000));
  });

  test("[S6] however the pieces are cut, the same comes out", () => {
    const words = fc.constantFrom(
      "\x1b[31m",
      "\x1b[2J",
      "\x1b]0;t\x07",
      "text",
      "\r",
      "\n",
      "\x1b",
      "\x1bP",
      "\u202e",
      "é",
    );
    fc.assert(
      fc.property(fc.array(words), fc.nat(40), (parts, at) => {
        const whole = parts.join("");
        expect(filtered(whole.slice(0, at), whole.slice(at))).toBe(filtered(whole));
      }),
    );
  });
});
