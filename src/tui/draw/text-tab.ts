/** A page of lines in a panel: scrolled, with its place in the lower border. */
import type { Line } from "../../view/face.ts";
import { type Area, type Piece, piece, type Row } from "../cells.ts";
import type { Scene } from "../scene.ts";
import type { Tab } from "../state.ts";

export interface Page {
  rows: readonly Row[];
  /** For the lower border; empty where all is on the screen. */
  foot: Row;
}

/** `1–18 of 33`. */
export function placeOf(
  { unicode }: Pick<Scene, "unicode">,
  { top, last, count }: { top: number; last: number; count: number },
): Piece {
  return piece(`${top + 1}${unicode ? "–" : "-"}${last} of ${count}`, "dim");
}

/** The lines that fit, from the tab's place on, which is kept within the page. */
export function scrolledPage(scene: Scene, tab: Tab, page: { lines: readonly Line[]; area: Area }): Page {
  const { lines, area } = page;
  const most = Math.max(0, lines.length - area.height);
  const top = Math.min(scene.ui.scroll[tab], most);
  scene.ui.scroll[tab] = top;
  const shown = { top, last: Math.min(lines.length, top + area.height), count: lines.length };
  const foot = most === 0 ? [] : [placeOf(scene, shown)];
  return { rows: lines.slice(top, top + area.height), foot };
}
