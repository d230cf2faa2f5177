/** The log of a run: the rows of the window that are on the screen, wrapped or cut, with the hits of a search marked. */
import { formatSize } from "../../core/size.ts";
import { lineWidth } from "../../view/face.ts";
import { type Area, piece, type Row } from "../cells.ts";
import { markHits, sliceRow } from "../log-text.ts";
import type { LogLine, LogWindow } from "../log-window.ts";
import type { Scene } from "../scene.ts";
import type { Page } from "./text-tab.ts";

/** Rows of one line; never none. */
function rowsOfLine(log: LogWindow, line: LogLine, look: { width: number; wrap: boolean }): Row[] {
  const row = markHits(log.rowOf(line), log.search);
  if (!look.wrap) return [log.left === 0 ? row : sliceRow(row, log.left, log.left + look.width)];
  const width = lineWidth(row);
  if (width <= look.width) return [row];
  const rows: Row[] = [];
  for (let at = 0; at < width; at += look.width) rows.push(sliceRow(row, at, at + look.width));
  return rows;
}

/** While following: the first line from which the rest fills the screen. */
function followTop(log: LogWindow, lines: readonly LogLine[], look: { width: number; height: number; wrap: boolean }) {
  let room = look.height;
  let at = lines.length;
  while (at > 0 && room > 0) {
    at -= 1;
    const line = lines[at];
    room -= line === undefined ? 1 : rowsOfLine(log, line, look).length;
  }
  log.top = Math.max(0, at);
  log.topRow = Math.max(0, -room);
}

function placeText(scene: Scene, log: LogWindow, lines: readonly LogLine[]): Row {
  if (log.searching !== null)
    return [piece(`searching ${Math.round(log.searching.fraction * 100)}%, esc stops`, "warn")];
  const facts: Row[number][] = [];
  if (log.search !== "") facts.push(piece(`/${log.search} `, "accent"));
  const offset = lines[log.top]?.offset ?? 0;
  const percent = log.size === 0 ? 100 : Math.floor((100 * offset) / log.size);
  if (log.following) facts.push(piece(log.ended ? "end" : "following", log.ended ? "dim" : "live"));
  else facts.push(piece(`${percent}%`, "dim"));
  facts.push(piece(scene.unicode ? " · " : " | ", "dim"), piece(formatSize(log.size), "dim"));
  if (scene.ui.wrap) facts.push(piece(" wrapped", "dim"));
  if (log.left > 0) facts.push(piece(` from column ${log.left + 1}`, "dim"));
  return facts;
}

export function logPage(scene: Scene, area: Area): Page {
  const { log, selected } = scene;
  if (log === null || selected === null) return { rows: [], foot: [] };
  if (log.problem !== null && log.size === 0) return { rows: [[piece(` ${log.problem}`, "warn")]], foot: [] };
  if (!log.loaded) return { rows: [[piece(" reading …", "dim")]], foot: [] };
  const lines = log.shown;
  if (lines.length === 0) {
    const text =
      selected.status === "queued" ? " It has not started, so it has printed nothing." : " It has printed nothing.";
    return { rows: [[piece(text, "dim")]], foot: [] };
  }
  const look = { width: area.width, height: area.height, wrap: scene.ui.wrap };
  if (log.following) followTop(log, lines, look);
  log.top = Math.max(0, Math.min(log.top, lines.length - 1));
  const rows: Row[] = [];
  for (let index = log.top; index < lines.length && rows.length < area.height; index++) {
    const line = lines[index];
    if (line === undefined) break;
    const made = rowsOfLine(log, line, look);
    const from = index === log.top ? Math.min(log.topRow, made.length - 1) : 0;
    for (const row of made.slice(from)) rows.push(row);
  }
  return { rows: rows.slice(0, area.height), foot: placeText(scene, log, lines) };
}
