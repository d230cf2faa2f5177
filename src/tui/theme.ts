/**
 * From meaning to looks: what a tone, a ground and a script's own style become in the terminal's sixteen colours, or
 * without any. Only the terminal's own palette and its own fore- and background are used, so that every theme of every
 * terminal stays readable; without colours, bold, dim and inverse carry what they can, and marks and words the rest.
 */
import type { Tone } from "../view/face.ts";
import type { Colour, Ground, Piece } from "./cells.ts";

/** How one piece looks; null is the terminal's own colour. */
export interface Looks {
  fg: Colour | null;
  bg: Colour | null;
  bold: boolean;
  dim: boolean;
  italic: boolean;
  underline: boolean;
  inverse: boolean;
}

const red = 1;
const green = 2;
const yellow = 3;
const blue = 4;
const cyan = 6;
const white = 15;

const toneColours: Record<Tone, Colour | null> = {
  plain: null,
  strong: null,
  dim: null,
  good: green,
  bad: red,
  warn: yellow,
  live: cyan,
  accent: cyan,
};

const none: Looks = {
  fg: null,
  bg: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false,
};

function onGround(looks: Looks, ground: Ground, colour: boolean): Looks {
  if (ground === "resting") return { ...looks, bold: true };
  if (!colour) return { ...looks, dim: false, inverse: true, bold: looks.bold || ground === "found" };
  if (ground === "found") return { ...none, fg: 0, bg: yellow };
  if (ground === "bar") return looks;
  // Colours of their own could vanish on the ground, so all is white on it; what was dim is merely not bold.
  return { ...none, fg: white, bg: blue, bold: !looks.dim };
}

/** `greyed`: the picture is an old one, kept while there is no newer. */
export function looksOf(part: Piece, options: { colour: boolean; greyed: boolean }): Looks {
  const { style, tone } = part;
  let looks: Looks = { ...none, bold: tone === "strong", dim: tone === "dim" };
  if (options.colour) looks.fg = toneColours[tone];
  else if (tone === "bad" || tone === "warn") looks.bold = true;
  if (style !== undefined) {
    looks = { ...looks, ...style, fg: style.fg ?? looks.fg, bg: style.bg ?? null };
    if (!options.colour) looks = { ...looks, fg: null, bg: null };
  }
  if (options.greyed) looks = { ...none, dim: true, inverse: looks.inverse };
  return part.ground === undefined ? looks : onGround(looks, part.ground, options.colour && !options.greyed);
}
