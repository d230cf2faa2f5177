/** Lines of logs: folded as a terminal would, coloured, and harmless. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { logRow, longestLine, markHits, rowText, sliceRow } from "../../../src/tui/log-text.ts";
import { lineWidth } from "../../../src/view/face.ts";

const text = (raw: string) => rowText(logRow(raw));

describe("a line of a log", () => {
  test("[P12] a progress bar folds into its last state", () => {
    expect(text("\r  0%|   | 0/3\r 33%|#  | 1/3\r100%|###| 3/3")).toBe("100%|###| 3/3");
    expect(text("long text here\rshort")).toBe("shorttext here");
    expect(text("long text here\rshort\x1b[K")).toBe("short");
    expect(text("abc\b\bX")).toBe("aXc");
    expect(text("windows line\r")).toBe("windows line");
  });

  test("ten thousand states of a bar cost as much as the last few", () => {
    const bar = Array.from({ length: 10_000 }, (_, step) => `\rstep ${step}/10000`).join("");
    expect(text(bar)).toBe("step 9999/10000");
  });

  test("colours become styles, in 16, 256 and true colours", () => {
    const row = logRow("plain \x1b[1;31mbold red\x1b[0m \x1b[38;5;208morange\x1b[39m \x1b[48;2;1;2;3mrgb\x1b[m");
    expect(row.map((part) => [part.text, part.style])).toEqual([
      ["plain ", undefined],
      ["bold red", { bold: true, fg: 1 }],
      [" ", undefined],
      ["orange", { fg: 208 }],
      [" ", undefined],
      ["rgb", { bg: [1, 2, 3] }],
    ]);
  });

  test("[S6] no control character and no sequence but colours is left", () => {
    const evil = "a\x1b]0;title\x07b\x1b[2Jc\x1b]52;c;ZXZpbA==\x1b\\d\x1b[31me\x9b5mf\u202eg\x00h\x1b";
    const shown = text(evil);
    expect(shown.startsWith("abcde")).toBe(true);
    expect(shown).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202e]/);
    const raws = fc.array(
      fc.constantFrom("a", "ö", "\x1b", "[", "]", "31", "m", "\r", "\b", "\x07", "\x9b", "\u202e", "练", "\0"),
    );
    fc.assert(
      fc.property(raws, (parts) => {
        expect(text(parts.join(""))).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e]/);
      }),
      { numRuns: 200 },
    );
  });

  test("a line without end is cut, and says how much is missing", () => {
    expect(text("x".repeat(longestLine + 5))).toEndWith("5 characters more");
  });

  test("a slice has the columns that were asked for, also of wide characters", () => {
    const row = logRow("ab预训练cd");
    expect(rowText(sliceRow(row, 1, 4))).toBe("b预");
    expect(lineWidth(sliceRow(logRow("\x1b[31mred\x1b[0m and plain"), 2, 9))).toBe(7);
  });

  test("hits of a search are marked across colours, either case for lower case", () => {
    const row = markHits(logRow("CUDA out of \x1b[31mMem\x1b[0mory"), "memory");
    expect(row.filter((part) => part.ground === "found").map((part) => part.text)).toEqual(["Mem", "ory"]);
    expect(markHits(logRow("memory"), "Memory").some((part) => part.ground === "found")).toBe(false);
  });
});
