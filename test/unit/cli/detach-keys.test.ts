/** Which keys leave the terminal of a run, and what of the log is its last screen. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { makeDetachKeys } from "../../../src/cli/detach-keys.ts";
import { screenTail } from "../../../src/cli/screen-tail.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (given: Uint8Array) => new TextDecoder().decode(given);

/** Feeds the pieces; what the script gets in all, and whether one of them left. */
function typed(pieces: readonly string[]): [string, boolean] {
  const keys = makeDetachKeys();
  let sent = "";
  for (const piece of pieces) {
    const { send, leaves } = keys.feed(bytes(piece));
    sent += text(send);
    if (leaves) return [sent, true];
  }
  return [sent + text(keys.release()), false];
}

describe("leaving a terminal", () => {
  test("ctrl-\\ and ctrl-p ctrl-q leave, also in two pieces, and what came before them arrives", () => {
    expect(typed(["ab\u001ccd"])).toEqual(["ab", true]);
    expect(typed(["ab\u0010\u0011cd"])).toEqual(["ab", true]);
    expect(typed(["ab\u0010", "\u0011"])).toEqual(["ab", true]);
  });

  test("ctrl-p and ctrl-q by themselves are the script's", () => {
    expect(typed(["\u0010\u0010", "\u0010x\u0011"])).toEqual(["\u0010\u0010\u0010x\u0011", false]);
    expect(typed(["x\u0010"])).toEqual(["x\u0010", false]);
  });

  test("without a leaving key every byte arrives, however it is cut", () => {
    const others = fc.string({ unit: fc.constantFrom("a", "\u0010", "\r", "\u0003", "é") });
    fc.assert(fc.property(fc.array(others), (pieces) => expect(typed(pieces)).toEqual([pieces.join(""), false])));
  });
});

describe("the last screen", () => {
  test("is so many lines, the last one included where it has no end", () => {
    const log = "one\r\ntwo\r\nthree\r\n(Pdb) ";
    expect(text(screenTail(bytes(log), 2))).toBe("three\r\n(Pdb) ");
    expect(text(screenTail(bytes(log), 4))).toBe(log);
    expect(text(screenTail(bytes(log), 40))).toBe(log);
    expect(text(screenTail(bytes("\n\nx"), 2))).toBe("\nx");
    expect(text(screenTail(bytes(""), 24))).toBe("");
  });

  test("asks the terminal nothing: its answers would be typed into the script", () => {
    expect(text(screenTail(bytes("\u001b[6n\u001b[c\u001b[>0c\u001b[31mé\u001b[0m"), 24))).toBe("\u001b[31mé\u001b[0m");
  });
});
