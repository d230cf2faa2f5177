/** Looking: tabs, filters, searches, marks, orders; and what belongs to the screen itself. Nothing here changes a run. */

import { quoteCommand } from "../core/shell-quote.ts";
import { inList } from "./acts-move.ts";
import { usageRows } from "./asides.ts";
import type { ActEntry, Desk } from "./desk.ts";
import { followMention, noMention } from "./follow-mention.ts";
import type { Act } from "./key-table.ts";
import { sorts, type Tab, type View } from "./state.ts";
import { datasetOf, noRun } from "./targets.ts";

const isList = (desk: Desk) => desk.pages.current === null && (desk.ui.view === "runs" || desk.ui.view === "queue");
const noList = (desk: Desk) => (isList(desk) ? null : "only in lists of runs");
const inLog = (desk: Desk) => desk.ui.panel === "detail" && desk.ui.tab === "logs" && isList(desk);
const noLog = (desk: Desk) => (inLog(desk) && desk.log !== null ? null : "only in a log");

/** Chooses a tab and gives it the keys; the same key again goes back to the list. */
function openTab(desk: Desk, tab: Tab): void {
  const { ui } = desk;
  desk.pages.clear();
  if (ui.view !== "runs" && ui.view !== "queue") desk.setView("runs");
  ui.panel = "detail";
  if (ui.zoom === "list") ui.zoom = "detail";
  desk.setTab(tab);
}

const tabAct = (tab: Tab): ActEntry => ({
  why: (desk) => (desk.selected() === null ? "no run is selected" : null),
  run: (desk) => openTab(desk, tab),
});
const viewAct = (view: View): ActEntry => ({ run: (desk) => desk.setView(view) });

function back(desk: Desk): void {
  const { ui, log } = desk;
  if (desk.pages.back()) desk.changed();
  else if (log?.searching) log.searching.abort.abort();
  else if (inLog(desk) && log !== null && log.search !== "") {
    log.search = "";
    log.hit = null;
  } else if (ui.panel === "detail") {
    ui.panel = "list";
    if (ui.zoom === "detail") ui.zoom = "both";
  } else if (ui.filter !== "") ui.filter = "";
  else if (ui.view !== "runs") desk.setView("runs");
  else if (ui.marked.size > 0) ui.marked.clear();
  desk.changed();
}

function mark(desk: Desk): void {
  const run = desk.selected();
  if (run === null) return;
  const { marked } = desk.ui;
  if (!marked.delete(run.run_id)) marked.add(run.run_id);
  if (inList(desk)) desk.perform("down");
  desk.changed();
}

function find(desk: Desk, direction: "forward" | "backward"): void {
  const { log } = desk;
  if (log === null) return;
  desk.attempt(async () => {
    if ((await log.find(direction)) === "none")
      desk.tell(`\`${log.search}\` does not stand ${direction === "forward" ? "further down" : "further up"}`, "warn");
  });
}

function zoom(desk: Desk, by: 1 | -1): void {
  const { ui } = desk;
  const order = ui.panel === "list" ? (["detail", "both", "list"] as const) : (["list", "both", "detail"] as const);
  const at = order.indexOf(ui.zoom);
  ui.zoom = order[Math.max(1, Math.min(2, at + by))] ?? "both";
  desk.changed();
}

function copy(desk: Desk, what: "id" | "command"): void {
  const run = desk.selected();
  if (run === null) return;
  const argv = desk.details.get(run.run_id)?.detail?.manifest.argv;
  const text = what === "id" ? run.run_id : argv === undefined ? run.command : quoteCommand(argv);
  if (desk.screen.copy(text)) desk.tell(`copied ${text}`, "good");
  else desk.tell(`the terminal takes no clipboard text; here it is: ${text}`, "warn");
}

export const lookActs = {
  open: {
    why: (desk) => {
      if (desk.pages.current !== null) return noMention(desk);
      if (desk.ui.panel !== "list") return "nothing to open here";
      if (desk.ui.view === "data") return datasetOf(desk) === null ? "no dataset is selected" : null;
      return isList(desk) ? noRun(desk) : "nothing to open here";
    },
    run(desk) {
      if (desk.pages.current !== null) return followMention(desk);
      desk.ui.panel = "detail";
      if (desk.ui.zoom === "list") desk.ui.zoom = "detail";
      desk.changed();
    },
  },
  back: { run: back },
  logs: tabAct("logs"),
  metrics: tabAct("metrics"),
  narrative: tabAct("narrative"),
  files: tabAct("artifacts"),
  filter: {
    why: (desk) => (inLog(desk) || desk.pages.current?.wish.refine !== undefined ? null : noList(desk)),
    run(desk) {
      const refine = desk.pages.current?.wish.refine;
      if (refine !== undefined) return desk.openForm(refine());
      desk.ui.typing = inLog(desk) ? "search" : "filter";
      desk.changed();
    },
  },
  next_hit: {
    why: (desk) => noLog(desk) ?? (desk.log?.search ? null : "no search yet"),
    run: (desk) => find(desk, "forward"),
  },
  last_hit: {
    why: (desk) => noLog(desk) ?? (desk.log?.search ? null : "no search yet"),
    run: (desk) => find(desk, "backward"),
  },
  mark: { why: (desk) => noList(desk) ?? noRun(desk), run: mark },
  compare: {
    why: (desk) => (desk.ui.marked.size < 2 ? "mark two runs or more first" : null),
    run: (desk) => desk.setView("compare"),
  },
  sort: {
    why: (desk) =>
      desk.ui.view === "runs" || desk.ui.view === "usage" ? null : "only in the list of runs, and of usage",
    run(desk) {
      if (desk.ui.view === "usage") {
        desk.ui.usageRows = usageRows[(usageRows.indexOf(desk.ui.usageRows) + 1) % usageRows.length] ?? "user";
        desk.changed();
        return;
      }
      desk.ui.sort = sorts[(sorts.indexOf(desk.ui.sort) + 1) % sorts.length] ?? "newest";
      void desk.model.loadOlder();
      desk.tell(`ordered by ${desk.ui.sort}`);
    },
  },
  follow: {
    why: noLog,
    run(desk) {
      const { log } = desk;
      if (log === null) return;
      if (log.following) log.following = false;
      else void log.toEnd();
      desk.changed();
    },
  },
  wrap: {
    why: noLog,
    run(desk) {
      desk.ui.wrap = !desk.ui.wrap;
      if (desk.log !== null) desk.log.left = 0;
      desk.changed();
    },
  },
  subtitles: {
    why: noList,
    run(desk) {
      desk.ui.subtitles = !desk.ui.subtitles;
      desk.changed();
    },
  },
  view_runs: viewAct("runs"),
  view_queue: viewAct("queue"),
  view_machines: viewAct("machines"),
  view_data: viewAct("data"),
  view_containers: viewAct("containers"),
  view_usage: viewAct("usage"),
  view_compare: viewAct("compare"),
  zoom_in: { why: noList, run: (desk) => zoom(desk, 1) },
  zoom_out: { why: noList, run: (desk) => zoom(desk, -1) },
  copy_id: { why: noRun, run: (desk) => copy(desk, "id") },
  copy_command: { why: noRun, run: (desk) => copy(desk, "command") },
  palette: {
    run(desk) {
      desk.ui.overlay = { kind: "palette", text: "", at: 0 };
      desk.changed();
    },
  },
  help: {
    run(desk) {
      desk.ui.overlay = { kind: "help", text: "", at: 0 };
      desk.changed();
    },
  },
  redraw: {
    run(desk) {
      desk.details.forgetAll();
      desk.model.lookSoon(0);
      desk.screen.repaint();
    },
  },
  suspend: { run: (desk) => desk.screen.suspend() },
  quit: { run: (desk) => desk.screen.quit() },
} satisfies Partial<Record<Act, ActEntry>>;
