/**
 * What the person at the screen has chosen: view, panel, tab, selection, filter, marks, what is open on top. Plain
 * data that acts change and draw/ reads; what the server said is in model.ts and detail.ts. Selections are names (a run
 * id), never row numbers, so that they stay with their run when the list moves.
 */
import type { UsageRows } from "./asides.ts";
import type { Confirmation, FormState } from "./form.ts";
import type { Act } from "./key-table.ts";

export const views = ["runs", "queue", "machines", "data", "containers", "usage", "compare"] as const;
export type View = (typeof views)[number];
/** Views with a list and, beside or behind it, what is selected there. */
export const hasPanels = (view: View): boolean => view === "runs" || view === "queue" || view === "data";
export const viewTitles: Record<View, string> = {
  runs: "Runs",
  queue: "Queue",
  machines: "GPUs",
  data: "Data",
  containers: "Containers",
  usage: "Usage",
  compare: "Compare",
};

export const tabs = ["overview", "logs", "metrics", "narrative", "artifacts", "environment"] as const;
export type Tab = (typeof tabs)[number];

export const sorts = ["newest", "name", "longest", "metric"] as const;
export type Sort = (typeof sorts)[number];

export type Overlay =
  | { kind: "help"; text: string; at: number }
  | { kind: "palette"; text: string; at: number }
  /** A key was typed that is the first of several. */
  | { kind: "chord"; first: string }
  | { kind: "confirm"; question: Confirmation }
  | { kind: "form"; form: FormState };

export interface Toast {
  text: string;
  tone: "good" | "bad" | "warn" | "plain";
  /** performance.now() at which it goes. */
  untilMs: number;
}

/** A list's place: what is selected, and which row is the first on the screen. */
export interface ListPlace {
  selected: string | null;
  top: number;
}

export interface UiState {
  view: View;
  panel: "list" | "detail";
  tab: Tab;
  lists: Record<View, ListPlace>;
  /** First line shown of each tab but the log, which has its own place. */
  scroll: Record<Tab, number>;
  /** Which curve of the metrics tab is the large one. */
  metric: string | null;
  zoom: "both" | "list" | "detail";
  filter: string;
  sort: Sort;
  marked: Set<string>;
  subtitles: boolean;
  usageRows: UsageRows;
  wrap: boolean;
  /** Which one-line text is being typed outside of overlays. */
  typing: "filter" | "search" | null;
  overlay: Overlay | null;
  toast: Toast | null;
  lastAct: Act | null;
}

export function firstState(): UiState {
  const place = () => ({ selected: null, top: 0 });
  return {
    view: "runs",
    panel: "list",
    tab: "overview",
    lists: Object.fromEntries(views.map((view) => [view, place()])) as Record<View, ListPlace>,
    scroll: Object.fromEntries(tabs.map((tab) => [tab, 0])) as Record<Tab, number>,
    metric: null,
    zoom: "both",
    filter: "",
    sort: "newest",
    marked: new Set(),
    subtitles: true,
    usageRows: "user",
    wrap: false,
    typing: null,
    overlay: null,
    toast: null,
    lastAct: null,
  };
}
