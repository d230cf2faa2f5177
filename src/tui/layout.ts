/**
 * Where the panels of a screen are: one pane from 60 by 15, two side by side from 110 columns, a strip of machines
 * where there are rows to spare. Pure; every picture asks anew, so a resize needs nothing else.
 */
import type { Area } from "./cells.ts";
import { hasPanels, type UiState } from "./state.ts";

export const leastWidth = 60;
export const leastHeight = 15;
const twoPanesFrom = 110;

export interface Layout {
  header: Area;
  views: Area;
  /** The panel with the list, or the whole view where it is no list. */
  list: Area | null;
  detail: Area | null;
  strip: Area | null;
  footer: Area;
}

/**
 * Null where the terminal is too small to show anything useful. `machineRows`: lines that the strip would like; `whole`: a page
 * lies over the panels.
 */
export function layoutOf(
  size: { width: number; height: number },
  ui: UiState,
  { machineRows, whole }: { machineRows: number; whole: boolean },
): Layout | null {
  const { width, height } = size;
  if (width < leastWidth || height < leastHeight) return null;
  const header = { x: 0, y: 0, width, height: 1 };
  const views = { x: 0, y: 1, width, height: 1 };
  const footer = { x: 0, y: height - 1, width, height: 1 };
  const hasStrip = (ui.view === "runs" || ui.view === "queue") && machineRows > 0 && height >= 20;
  const stripHeight = hasStrip ? Math.min(machineRows, Math.max(1, Math.floor(height / 8))) : 0;
  const strip = hasStrip ? { x: 0, y: height - 1 - stripHeight, width, height: stripHeight } : null;
  const body = { x: 0, y: 2, width, height: height - 3 - stripHeight };
  const frame = { header, views, strip, footer };
  if (whole || !hasPanels(ui.view)) return { ...frame, list: body, detail: null };
  if (width < twoPanesFrom || ui.zoom !== "both") {
    const showsDetail = ui.zoom === "both" || width < twoPanesFrom ? ui.panel === "detail" : ui.zoom === "detail";
    return { ...frame, list: showsDetail ? null : body, detail: showsDetail ? body : null };
  }
  const share = ui.view === "queue" ? 0.5 : 0.45;
  const listWidth = Math.max(50, Math.min(100, Math.floor(width * share)));
  return {
    ...frame,
    list: { ...body, width: listWidth },
    detail: { ...body, x: listWidth, width: width - listWidth },
  };
}

/**
 * The first row to show, so that row `selected` is on the screen and moves as little as it can. `heightOf` is asked only
 * for rows near the screen.
 */
export function topFor(list: {
  count: number;
  selected: number;
  top: number;
  height: number;
  heightOf(index: number): number;
}): number {
  const { count, selected, height, heightOf } = list;
  let top = Math.max(0, Math.min(list.top, count - 1));
  if (selected < 0 || count === 0) return 0;
  if (selected <= top) return selected;
  // Upwards from the selected row, as many as fit.
  let room = height - heightOf(selected);
  let first = selected;
  while (first > 0 && room >= heightOf(first - 1)) {
    first -= 1;
    room -= heightOf(first);
  }
  top = Math.max(top, first);
  // No empty rows below the last one while there are rows above.
  let below = 0;
  for (let index = top; index < count && below < height; index++) below += heightOf(index);
  while (top > 0 && below + heightOf(top - 1) <= height) {
    top -= 1;
    below += heightOf(top);
  }
  return top;
}
