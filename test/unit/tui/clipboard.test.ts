/** What goes to the terminal for a copied text, through tmux and screen. */
import { describe, expect, test } from "bun:test";
import { clipboardText } from "../../../src/tui/clipboard.ts";

const base64 = Buffer.from("k3f9ab").toString("base64");

describe("copying", () => {
  test("on a terminal itself is the library's alone", () => expect(clipboardText("k3f9ab", {})).toBeNull());
  test("through tmux is plain", () =>
    expect(clipboardText("k3f9ab", { TMUX: "/tmp/x" })).toBe(`\x1b]52;c;${base64}\x07`));
  test("through screen goes in pieces that it passes on, and comes out whole", () => {
    const text = "x".repeat(1000);
    const sent = clipboardText(text, { STY: "1.pts" }) ?? "";
    const pieces = sent.split("\x1b\\").filter((piece) => piece !== "");
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.every((piece) => piece.startsWith("\x1bP") && piece.length < 256)).toBe(true);
    const whole = pieces.map((piece) => piece.slice(2)).join("");
    expect(whole).toBe(`\x1b]52;c;${Buffer.from(text).toString("base64")}\x07`);
  });
  test("is refused where terminals would take nothing", () =>
    expect(clipboardText("x".repeat(100_000), { TMUX: "/tmp/x" })).toBe(""));
});
