/** What goes to the terminal for a copied text, through tmux and screen. */
import { describe, expect, test } from "bun:test";
import { clipboardText, multiplexer } from "../../../src/tui/clipboard.ts";

const base64 = Buffer.from("k3f9ab").toString("base64");

describe("copying", () => {
  test("goes by the inner one of tmux and screen", () => {
    expect(multiplexer({ TERM: "xterm" })).toBeNull();
    expect(multiplexer({ TERM: "screen", TMUX: "/tmp/x" })).toBe("tmux");
    expect(multiplexer({ TERM: "screen.xterm-256color", TMUX: "/tmp/x", STY: "1.pts" })).toBe("screen");
    expect(multiplexer({ TERM: "tmux-256color", TMUX: "/tmp/x", STY: "1.pts" })).toBe("tmux");
  });
  test("through tmux is plain", () => expect(clipboardText("k3f9ab", "tmux")).toBe(`\x1b]52;c;${base64}\x07`));
  test("through screen goes in pieces that it passes on, and comes out whole", () => {
    const text = "x".repeat(1000);
    const sent = clipboardText(text, "screen") ?? "";
    const pieces = sent.split("\x1b\\").filter((piece) => piece !== "");
    expect(pieces.length).toBeGreaterThan(3);
    expect(pieces.every((piece) => piece.startsWith("\x1bP") && piece.length < 256)).toBe(true);
    const whole = pieces.map((piece) => piece.slice(2)).join("");
    expect(whole).toBe(`\x1b]52;c;${Buffer.from(text).toString("base64")}\x07`);
  });
  test("is refused where terminals would take nothing", () =>
    expect(clipboardText("x".repeat(100_000), "tmux")).toBeNull());
});
