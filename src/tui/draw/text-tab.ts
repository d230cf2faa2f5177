/** A page of lines in a panel: scrolled, with its place in the lower border. */
import type { Line } from "../../view/face.ts";
import { type Area, piece, type Row } from "../cells.ts";
import type { Scene } from "../scene.ts";
import type { Tab } from "../state.ts";

export interface Page {
  rows: readonly Row[];
  /** For the lower border; empty where all is on the screen. */
  foot: Row;
}

/** The lines that fit, from the tab's place on, which is kept within the page. */
export function scrolledPage(scene: Scene, tab: Tab, page: { lines: readonly Line[]; area: Area }): Page {
  const { lines, area } = page;
  const most = Math.max(0, lines.length - area.height);
  const top = Math.min(scene.ui.scroll[tab], most);
  scene.ui.scroll[tab] = top;
  const foot =
    most === 0 ? [] : [piece(`${top + 1}–${Math.min(lines.length, top + area.height)} of ${lines.length}`, "dim")];
  return { rows: lines.slice(top, top + area.height), foot };
}
