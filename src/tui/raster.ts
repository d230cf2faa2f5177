/**
 * A frame as one grid of cells, without a terminal: what `--once` prints, and what tests and pictures in the docs are
 * made from. The same layers in the same order as canvas.ts paints them.
 */
import { textWidth } from "../view/face.ts";
import type { Frame, Piece } from "./cells.ts";
import { type Looks, looksOf } from "./theme.ts";

/** One column of the screen; the second column of a wide character has the empty text. */
export interface Cell {
  text: string;
  looks: Looks;
}

const segmenter = new Intl.Segmenter(undefined, { granularity: "grapheme" });

function lay(row: Cell[], at: number, part: Piece, look: { colour: boolean; greyed: boolean }): number {
  const looks = looksOf(part, look);
  let x = at;
  for (const { segment } of segmenter.segment(part.text)) {
    const columns = textWidth(segment);
    if (columns === 0) continue;
    if (x >= 0 && x + columns <= row.length) {
      row[x] = { text: segment, looks };
      for (let more = 1; more < columns; more++) row[x + more] = { text: "", looks };
    }
    x += columns;
  }
  return x;
}

/** Rows from top to bottom, each of exactly the frame's width. */
export function rasterise(frame: Frame, look: { colour: boolean; greyed: boolean }): Cell[][] {
  const blank: Cell = { text: " ", looks: looksOf({ text: " ", tone: "plain" }, { ...look, greyed: false }) };
  const grid = Array.from({ length: frame.height }, () => new Array<Cell>(frame.width).fill(blank));
  for (const layer of frame.layers) {
    for (const [index, parts] of layer.rows.entries()) {
      const row = grid[layer.y + index];
      if (row === undefined) continue;
      let x = layer.x;
      for (const part of parts) x = lay(row, x, part, look);
    }
  }
  return grid;
}

export function gridText(grid: readonly (readonly Cell[])[]): string {
  return grid
    .map(
      (row) =>
        `${row
          .map((cell) => cell.text)
          .join("")
          .trimEnd()}\n`,
    )
    .join("");
}

function colourCode(colour: Looks["fg"], base: 38 | 48): string[] {
  if (colour === null) return [];
  if (typeof colour !== "number") return [`${base};2;${colour.join(";")}`];
  if (colour < 8) return [String(base - 8 + colour)];
  return colour < 16 ? [String(base + 52 + colour - 8)] : [`${base};5;${colour}`];
}

function looksCode(looks: Looks): string {
  const flags: [boolean, string][] = [
    [looks.bold, "1"],
    [looks.dim, "2"],
    [looks.italic, "3"],
    [looks.underline, "4"],
    [looks.inverse, "7"],
  ];
  const codes = flags.filter(([on]) => on).map(([, code]) => code);
  return [...codes, ...colourCode(looks.fg, 38), ...colourCode(looks.bg, 48)].join(";");
}

/** With SGR codes (ECMA-48 8.3.117; 38;5 and 38;2 as xterm has them), each row ended by a newline. */
export function gridAnsi(grid: readonly (readonly Cell[])[]): string {
  let out = "";
  for (const row of grid) {
    let current = "";
    for (const cell of row) {
      const code = looksCode(cell.looks);
      if (code !== current) {
        out += `${current === "" ? "" : "\x1b[0m"}${code === "" ? "" : `\x1b[${code}m`}`;
        current = code;
      }
      out += cell.text;
    }
    out += `${current === "" ? "" : "\x1b[0m"}\n`;
  }
  return out;
}
