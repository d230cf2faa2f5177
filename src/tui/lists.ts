/**
 * Which runs the list shows, and what is selected in each view: by name, so that a selection stays with its run while the list
 * moves, and goes to a neighbour where its run goes.
 */
import type { RunSummary } from "../protocol/summary.ts";
import type { Datasets } from "./datasets.ts";
import type { LiveModel } from "./model.ts";
import { byPlace, RunList } from "./run-list.ts";
import type { Search } from "./search.ts";
import { type ListPlace, tabs, type UiState } from "./state.ts";

interface Source {
  readonly ui: UiState;
  readonly model: LiveModel;
  readonly search: Search;
  readonly data: Datasets;
}

export class Lists {
  /** performance.now() when another run was selected. */
  selectedAtMs = 0;
  private readonly runList = new RunList();
  private readonly queueList = new RunList();
  private shown: readonly RunSummary[] = [];
  private lastIndex = 0;
  /** A run that was just queued may not be known yet. */
  private awaited: string | null = null;

  constructor(private readonly source: Source) {}

  /** Runs of the current view. */
  runs(): readonly RunSummary[] {
    const { ui, model, search } = this.source;
    const wish = { version: model.version, filter: ui.filter, sort: ui.sort, found: search.found?.ids ?? null };
    if (ui.view !== "queue") {
      const list = this.runList.of(model.runs, wish, model.nowMs());
      // A query may mean more than its words: until the answer is there the list stays as it was.
      if (list.length > 0 || !search.pending) this.shown = list;
      return this.shown;
    }
    const all = this.queueList.of(model.runs, { ...wish, sort: "newest" }, model.nowMs());
    return all.filter((run) => run.status === "queued").sort(byPlace);
  }

  private get place(): ListPlace {
    const { ui } = this.source;
    return ui.lists[ui.view === "queue" ? "queue" : "runs"];
  }

  selected(): RunSummary | null {
    const { selected } = this.place;
    return selected === null ? null : (this.source.model.runs.get(selected) ?? null);
  }

  select(runId: string | null): void {
    const { ui, model } = this.source;
    this.awaited = runId !== null && !model.runs.has(runId) ? runId : null;
    if (this.place.selected !== runId) {
      this.selectedAtMs = performance.now();
      for (const tab of tabs) ui.scroll[tab] = 0;
    }
    this.place.selected = runId;
  }

  /** Before a picture is made: what is selected is there. */
  settle(): void {
    const { ui } = this.source;
    if (ui.view === "runs" || ui.view === "queue") this.settleRun(this.runs());
    if (ui.view === "data") this.settleDataset();
  }

  private settleRun(list: readonly RunSummary[]): void {
    const { place } = this;
    const at = list.findIndex((run) => run.run_id === place.selected);
    if (at >= 0) {
      this.lastIndex = at;
      return;
    }
    if (place.selected !== null && this.awaited === place.selected) return;
    place.selected = list[Math.min(this.lastIndex, list.length - 1)]?.run_id ?? null;
  }

  private settleDataset(): void {
    const { ui, data } = this.source;
    const place = ui.lists.data;
    if (data.datasets?.every(({ name }) => name !== place.selected)) place.selected = data.datasets[0]?.name ?? null;
  }
}
