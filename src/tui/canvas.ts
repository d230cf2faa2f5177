/**
 * The one renderable of the terminal UI: paints the newest frame, layer by layer. The library compares with what the
 * terminal shows and sends what changed. No renderable per row: a list of 10,000 runs costs what its visible rows cost.
 */
import { type OptimizedBuffer, Renderable, type RenderContext, RGBA, TextAttributes } from "@opentui/core";
import { textWidth } from "../view/face.ts";
import type { Colour, Frame } from "./cells.ts";
import { type Looks, looksOf } from "./theme.ts";

const foreground = RGBA.defaultForeground();
const background = RGBA.defaultBackground();
const palette = new Map<number, RGBA>();

function colourOf(colour: Colour | null, fallback: RGBA): RGBA {
  if (colour === null) return fallback;
  if (typeof colour !== "number") return RGBA.fromInts(...colour);
  let known = palette.get(colour);
  if (known === undefined) {
    known = RGBA.fromIndex(colour);
    palette.set(colour, known);
  }
  return known;
}

function attributesOf(looks: Looks): number {
  let bits = 0;
  if (looks.bold) bits |= TextAttributes.BOLD;
  if (looks.dim) bits |= TextAttributes.DIM;
  if (looks.italic) bits |= TextAttributes.ITALIC;
  if (looks.underline) bits |= TextAttributes.UNDERLINE;
  if (looks.inverse) bits |= TextAttributes.INVERSE;
  return bits;
}

export class Canvas extends Renderable {
  private frame: Frame | null = null;
  private look = { colour: true, greyed: false };

  constructor(context: RenderContext) {
    super(context, { width: "100%", height: "100%", position: "absolute", left: 0, top: 0 });
  }

  show(frame: Frame, look: { colour: boolean; greyed: boolean }): void {
    this.frame = frame;
    this.look = look;
    this.requestRender();
  }

  protected override renderSelf(buffer: OptimizedBuffer): void {
    for (const layer of this.frame?.layers ?? []) {
      for (const [index, row] of layer.rows.entries()) {
        let x = layer.x;
        for (const part of row) {
          if (part.text === "") continue;
          const looks = looksOf(part, this.look);
          const fg = colourOf(looks.fg, foreground);
          buffer.drawText(part.text, x, layer.y + index, fg, colourOf(looks.bg, background), attributesOf(looks));
          x += textWidth(part.text);
        }
      }
    }
  }
}
