/**
 * What a picture is made of: rows of pieces of text, and frames of layers. A piece is a span of view/ with what only
 * the terminal UI has: a ground (the selected row), and the colours that a script gave its log. Pure values; canvas.ts
 * paints them on a terminal, raster.ts turns them into text and pictures.
 *
 * Invariant: a layer is as wide and as high as it says; what does not fit was cut before.
 */
import { cutLine, type Line, lineWidth, type Span, type Tone } from "../view/face.ts";

/** An entry of the terminal's palette (0 to 255), or red, green and blue. */
export type Colour = number | readonly [number, number, number];

/** As SGR has it; what is missing is the terminal's own. */
export interface Style {
  fg?: Colour;
  bg?: Colour;
  bold?: boolean;
  dim?: boolean;
  italic?: boolean;
  underline?: boolean;
  inverse?: boolean;
}

/** Grounds: the selected row of the panel with the keys, of another panel, a search hit, a bar across the screen. */
export type Ground = "selected" | "resting" | "found" | "bar";

export interface Piece extends Span {
  style?: Style;
  ground?: Ground;
}
export type Row = readonly Piece[];

export interface Area {
  x: number;
  y: number;
  width: number;
  height: number;
}

export interface Layer extends Area {
  rows: readonly Row[];
}

/** Where a text is being typed: the editor of that name is laid over the frame there. */
export interface EditorPlace extends Area {
  name: string;
  focused: boolean;
}

/** What a click or the wheel means in an area; later ones lie above earlier ones. */
export interface Spot extends Area {
  target: string;
  /** Which row of the area was meant is told to the target as well. */
}

export interface Frame {
  width: number;
  height: number;
  layers: readonly Layer[];
  editors: readonly EditorPlace[];
  spots: readonly Spot[];
}

export function piece(text: string, tone: Tone = "plain", more: Omit<Piece, "text" | "tone"> = {}): Piece {
  return { text, tone, ...more };
}

/** Exactly `width` columns: cut with an ellipsis, or filled with spaces. */
export function fitRow(row: Row, width: number, unicode: boolean): Row {
  const cut = cutLine(row as Line, width, unicode) as Row;
  const missing = width - lineWidth(cut);
  return missing > 0 ? [...cut, { text: " ".repeat(missing), tone: "plain" }] : cut;
}

/** The row on a ground; pieces that have one keep it. */
export function onGround(row: Row, ground: Ground): Row {
  return row.map((part) => (part.ground === undefined ? { ...part, ground } : part));
}

/** `left` and, at the end of the row, `right`; where both do not fit, `left` is cut. */
export function spread(left: Row, right: Row, width: number, unicode: boolean): Row {
  const rightWidth = lineWidth(right);
  if (rightWidth + 2 > width) return fitRow(left, width, unicode);
  return [...fitRow(left, width - rightWidth - 1, unicode), { text: " ", tone: "plain" }, ...right];
}

export interface BoxOptions extends Area {
  title: Row;
  /** Stands at the right end of the upper border. */
  corner?: Row;
  /** Stands at the right end of the lower border. */
  foot?: Row;
  rows: readonly Row[];
  focused: boolean;
  unicode: boolean;
}

const rounded = { tl: "╭", tr: "╮", bl: "╰", br: "╯", h: "─", v: "│" };
const plainLines = { tl: "+", tr: "+", bl: "+", br: "+", h: "-", v: "|" };

function edge(left: string, right: string, parts: { title: Row; end: Row }, options: BoxOptions): Row {
  const tone = options.focused ? "accent" : "dim";
  const h = (options.unicode ? rounded : plainLines).h;
  const inner = options.width - 2;
  // The title is worth more than what stands at the end, which is cut first.
  const room = Math.max(0, inner - Math.min(lineWidth(parts.title), Math.floor(inner / 2)) - 7);
  const cut = cutLine(parts.end as Line, room, options.unicode) as Row;
  const endWidth = cut.length === 0 ? 0 : lineWidth(cut) + 2;
  const titleRoom = inner - endWidth - (endWidth > 0 ? 3 : 2);
  const title =
    titleRoom > 3 && parts.title.length > 0 ? (cutLine(parts.title, titleRoom, options.unicode) as Row) : [];
  const end = endWidth > 0 && endWidth < inner - 2 ? [piece(" "), ...cut, piece(" ")] : [];
  const shown = title.length === 0 ? [] : [piece(" "), ...title, piece(" ")];
  const fill = Math.max(0, inner - lineWidth(shown) - lineWidth(end) - (end.length > 0 ? 1 : 0));
  return [
    piece(left, tone),
    ...shown,
    piece(h.repeat(fill), tone),
    ...end,
    ...(end.length > 0 ? [piece(h, tone)] : []),
    piece(right, tone),
  ];
}

/** A bordered panel; `rows` fill the inside, of which the area between the borders is all there is. */
export function box(options: BoxOptions): Layer {
  const { x, y, width, height, rows, focused, unicode } = options;
  const lines = unicode ? rounded : plainLines;
  const side = piece(lines.v, focused ? "accent" : "dim");
  const inside: Row[] = [];
  for (let index = 0; index < height - 2; index++)
    inside.push([side, ...fitRow(rows[index] ?? [], width - 2, unicode), side]);
  const top = edge(lines.tl, lines.tr, { title: options.title, end: options.corner ?? [] }, options);
  const bottom = edge(lines.bl, lines.br, { title: [], end: options.foot ?? [] }, options);
  return { x, y, width, height, rows: [top, ...inside, bottom].slice(0, Math.max(0, height)) };
}

/** The part of an area inside its border. */
export function inside(area: Area): Area {
  return {
    x: area.x + 1,
    y: area.y + 1,
    width: Math.max(0, area.width - 2),
    height: Math.max(0, area.height - 2),
  };
}
