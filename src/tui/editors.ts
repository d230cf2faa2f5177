/**
 * The text fields that lie over a frame, by name: each a text area of the library (cursor, words, undo, paste, wide
 * characters), made when the frame first shows it and gone with it. The texts themselves belong to the application; an
 * editor tells it of every change.
 */
import { type CliRenderer, RGBA, TextareaRenderable } from "@opentui/core";
import type { EditorPlace } from "./cells.ts";

export interface EditorTexts {
  textOf(name: string): string;
  edited(name: string, text: string): void;
}

export class Editors {
  private readonly areas = new Map<string, TextareaRenderable>();

  constructor(
    private readonly renderer: CliRenderer,
    private readonly texts: EditorTexts,
  ) {}

  private make(place: EditorPlace): TextareaRenderable {
    const area = new TextareaRenderable(this.renderer, {
      position: "absolute",
      zIndex: 10,
      initialValue: this.texts.textOf(place.name),
      wrapMode: place.height > 1 ? "word" : "none",
      textColor: RGBA.defaultForeground(),
      focusedTextColor: RGBA.defaultForeground(),
      backgroundColor: RGBA.defaultBackground(),
      focusedBackgroundColor: RGBA.defaultBackground(),
      cursorStyle: { style: "block", blinking: false },
      onContentChange: () => this.texts.edited(place.name, area.plainText),
    });
    area.gotoBufferEnd();
    this.renderer.root.add(area);
    this.areas.set(place.name, area);
    return area;
  }

  /** Tells what stands in each now. An editor tells of a change a moment after it; a key that sends a form comes sooner. */
  tell(): void {
    for (const [name, area] of this.areas) this.texts.edited(name, area.plainText);
  }

  /** Puts the editors of a frame where it wants them, and the cursor where it is typed. */
  place(places: readonly EditorPlace[]): void {
    const wanted = new Set(places.map((one) => one.name));
    for (const [name, area] of this.areas) {
      if (wanted.has(name)) continue;
      this.areas.delete(name);
      area.destroy();
    }
    for (const place of places) {
      const area = this.areas.get(place.name) ?? this.make(place);
      Object.assign(area, { left: place.x, top: place.y, width: place.width, height: place.height });
      if (place.focused !== area.focused) place.focused ? area.focus() : area.blur();
    }
  }
}
