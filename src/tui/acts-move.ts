/** Moving: in lists by run, in pages by line, in logs by line of the window. */
import type { ActEntry, Desk } from "./desk.ts";
import { chosenCurve } from "./draw/metrics.ts";
import { chooseMention } from "./follow-mention.ts";
import type { Act } from "./key-table.ts";
import { hasPanels, type Tab, tabs, type UiState } from "./state.ts";
import { noRun } from "./targets.ts";

/** Runs left below the selection at which older ones are fetched. */
const fetchAhead = 100;

function moveInList(desk: Desk, to: (at: number, count: number) => number): void {
  const list = desk.list();
  if (list.length === 0) return;
  const { selected } = desk.ui.lists[desk.ui.view];
  const at = list.findIndex((run) => run.run_id === selected);
  const next = Math.max(0, Math.min(list.length - 1, to(Math.max(0, at), list.length)));
  desk.select(list[next]?.run_id ?? null);
  if (next > list.length - fetchAhead) void desk.model.loadOlder();
}

function moveInLog(desk: Desk, by: number): void {
  const { log } = desk;
  if (log === null) return;
  if (by < 0 && log.following) {
    log.following = false;
    // A page that is not full has nothing above it.
  }
  const last = Math.max(0, log.shown.length - Math.floor(desk.pageHeight() / 2));
  log.topRow = 0;
  log.top = Math.max(0, Math.min(last, log.top + by));
  void log.reach(desk.pageHeight());
  desk.changed();
}

/** On the metrics tab up and down choose the curve that is drawn large. */
function moveCurve(desk: Desk, by: number): void {
  const run = desk.selected();
  const known = run === null ? null : desk.details.get(run.run_id);
  if (!known || known.curves.length === 0) return;
  const now = chosenCurve({ known, ui: desk.ui });
  const at = now === null ? -1 : known.curves.indexOf(now);
  const next = known.curves[Math.max(0, Math.min(known.curves.length - 1, at + by))];
  desk.ui.metric = next?.name ?? null;
  desk.changed();
}

/** Where the page that is on the screen keeps its place: views that are no list of runs share one. */
function pageOf(ui: UiState): Tab {
  return ui.view === "runs" || ui.view === "queue" ? ui.tab : "overview";
}

function movePage(desk: Desk, by: number): void {
  const { ui } = desk;
  const page = pageOf(ui);
  if (page === "logs") moveInLog(desk, by);
  else {
    ui.scroll[page] = Math.max(0, ui.scroll[page] + by);
    desk.changed();
  }
}

/** Whether the keys move a list of runs, rather than a page. */
export function inList(desk: Desk): boolean {
  const { view, panel } = desk.ui;
  return desk.pages.current === null && (view === "runs" || view === "queue") && panel === "list";
}

const inDatasets = (desk: Desk) => desk.ui.view === "data" && desk.ui.panel === "list";

function moveInDatasets(desk: Desk, to: (at: number, count: number) => number): void {
  const names = desk.data.datasets?.map((one) => one.name) ?? [];
  const place = desk.ui.lists.data;
  const at = Math.max(0, names.indexOf(place.selected ?? ""));
  place.selected = names[Math.max(0, Math.min(names.length - 1, to(at, names.length)))] ?? null;
  desk.ui.scroll.overview = 0;
  desk.changed();
}

function move(desk: Desk, by: number): void {
  const page = desk.pages.current;
  if (page !== null) {
    page.top += by;
    desk.changed();
  } else if (inList(desk)) moveInList(desk, (at) => at + by);
  else if (inDatasets(desk)) moveInDatasets(desk, (at) => at + by);
  else if (pageOf(desk.ui) === "metrics" && Math.abs(by) === 1) moveCurve(desk, by);
  else movePage(desk, by);
}

function toEdge(desk: Desk, edge: "top" | "bottom"): void {
  const page = desk.pages.current;
  const to = (_: number, count: number) => (edge === "top" ? 0 : count - 1);
  if (page !== null) page.top = edge === "top" ? 0 : Number.MAX_SAFE_INTEGER;
  else if (inList(desk)) moveInList(desk, to);
  else if (inDatasets(desk)) moveInDatasets(desk, to);
  else if (pageOf(desk.ui) === "logs" && desk.log !== null)
    void (edge === "top" ? desk.log.toStart() : desk.log.toEnd());
  else desk.ui.scroll[pageOf(desk.ui)] = edge === "top" ? 0 : Number.MAX_SAFE_INTEGER;
  desk.changed();
}

const inWrappedOrNoLog = (desk: Desk) =>
  desk.log === null || pageOf(desk.ui) !== "logs" || desk.ui.panel !== "detail" || desk.pages.current !== null
    ? "only in a log"
    : desk.ui.wrap
      ? "lines are wrapped"
      : null;

function slide(desk: Desk, by: number): void {
  if (desk.log === null) return;
  desk.log.left = Math.max(0, desk.log.left + by);
  desk.changed();
}

function turnTab(desk: Desk, by: 1 | -1): void {
  const at = tabs.indexOf(desk.ui.tab);
  desk.setTab(tabs[(at + by + tabs.length) % tabs.length] ?? "overview");
}

function turnPanel(desk: Desk, by: 1 | -1): void {
  const { ui } = desk;
  if (desk.pages.current !== null) {
    chooseMention(desk, by);
    return;
  }
  if (!hasPanels(ui.view)) return;
  ui.panel = ui.panel === "list" ? "detail" : "list";
  if (ui.zoom !== "both") ui.zoom = ui.panel;
  desk.changed();
}

const half = (desk: Desk) => Math.max(1, Math.floor(desk.pageHeight() / 2));

export const moveActs = {
  down: { run: (desk) => move(desk, 1) },
  up: { run: (desk) => move(desk, -1) },
  half_down: { run: (desk) => move(desk, Math.max(2, half(desk))) },
  half_up: { run: (desk) => move(desk, -Math.max(2, half(desk))) },
  top: { run: (desk) => toEdge(desk, "top") },
  bottom: { run: (desk) => toEdge(desk, "bottom") },
  left: { why: inWrappedOrNoLog, run: (desk) => slide(desk, -10) },
  right: { why: inWrappedOrNoLog, run: (desk) => slide(desk, 10) },
  next_panel: { run: (desk) => turnPanel(desk, 1) },
  last_panel: { run: (desk) => turnPanel(desk, -1) },
  tab_left: { why: noRun, run: (desk) => turnTab(desk, -1) },
  tab_right: { why: noRun, run: (desk) => turnTab(desk, 1) },
} satisfies Partial<Record<Act, ActEntry>>;
