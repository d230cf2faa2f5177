/** The mouse: what a click, or a turn of the wheel, on a spot of the frame means. Each does what a key does too. */
import type { Act } from "./key-table.ts";
import type { Tab, View } from "./state.ts";
import { type TypingDesk, typingKey } from "./typing.ts";

/** Rows that one turn of the wheel moves. */
const wheelRows = 3;

/** `target` is the spot's: `run:2026-11-23_k3f9ab`, `tab:logs`, `confirm:yes`. */
export function clicked(desk: TypingDesk, target: string): void {
  const [kind = "", ...rest] = target.split(":");
  const name = rest.join(":");
  const { ui } = desk;
  if (kind === "view") desk.setView(name as View);
  else if (kind === "tab") {
    ui.panel = "detail";
    desk.setTab(name as Tab);
  } else if (kind === "run") {
    // The second click on a run opens it.
    const opens = desk.selected()?.run_id === name && ui.panel === "list";
    ui.panel = "list";
    if (opens) desk.perform("open");
    else desk.select(name);
  } else if (kind === "dataset") {
    const opens = ui.lists.data.selected === name && ui.panel === "list";
    ui.panel = "list";
    ui.lists.data.selected = name;
    ui.scroll.overview = 0;
    if (opens) desk.perform("open");
  } else if (kind === "detail") ui.panel = "detail";
  else if (kind === "act") {
    ui.overlay = null;
    desk.perform(name as Act);
  } else if (kind === "field" && ui.overlay?.kind === "form") ui.overlay.form.at = Number(name);
  else if (kind === "confirm") typingKey(desk, name === "yes" ? "y" : "n");
  desk.changed();
}

export function wheel(desk: TypingDesk, target: string, by: 1 | -1): void {
  const act = by > 0 ? "down" : "up";
  if (desk.ui.overlay !== null) {
    typingKey(desk, act);
    return;
  }
  const before = desk.ui.panel;
  desk.ui.panel = target === "detail" || target.startsWith("tab") ? "detail" : "list";
  for (let step = 0; step < wheelRows; step++) desk.perform(act);
  desk.ui.panel = before;
}
