/** From a page to a run that it names: choosing one of them, and going to it in the list of runs. */
import type { Desk } from "./desk.ts";

/** Why none can be gone to; null where one can. */
export function noMention(desk: Desk): string | null {
  const page = desk.pages.current;
  if (page === null) return "no page is open";
  return page.mentions.length === 0 ? "this page names no run" : null;
}

/** The next one, or the one before; from nowhere the first that is on the screen. */
export function chooseMention(desk: Desk, by: 1 | -1): void {
  const page = desk.pages.current;
  if (page === null || page.mentions.length === 0) return;
  const { length } = page.mentions;
  if (page.chosen === null) {
    const first = page.mentions.findIndex(({ line }) => line >= page.top);
    page.chosen = first < 0 ? 0 : first;
  } else page.chosen = (page.chosen + by + length) % length;
  const line = page.mentions[page.chosen]?.line ?? 0;
  if (line < page.top || line >= page.top + page.height) page.top = Math.max(0, line - Math.floor(page.height / 2));
  desk.changed();
}

/** Leaves the page for the chosen run in the list of runs; where none is chosen, chooses first. */
export function followMention(desk: Desk): void {
  const page = desk.pages.current;
  if (page === null) return;
  const only = new Set(page.mentions.map(({ runId }) => runId)).size === 1 ? page.mentions[0] : undefined;
  const mention = page.chosen === null ? only : page.mentions[page.chosen];
  if (mention === undefined) {
    chooseMention(desk, 1);
    return;
  }
  const { runId } = mention;
  desk.attempt(async () => {
    if (!desk.model.runs.has(runId)) {
      const { summary } = await desk.connection.ask("run.get", { run: runId });
      desk.model.learn([summary]);
    }
    desk.setView("runs");
    desk.ui.filter = "";
    desk.ui.panel = "list";
    if (desk.ui.zoom === "detail") desk.ui.zoom = "both";
    desk.select(runId);
  });
}
