/** Everything a picture is made from: what is known, what was chosen, for which screen. draw/ turns it into a frame. */
import type { RunSummary } from "../protocol/summary.ts";
import type { Face } from "../view/face.ts";
import type { Asides } from "./asides.ts";
import type { Comparer } from "./comparison.ts";
import type { Datasets } from "./datasets.ts";
import type { Known } from "./detail.ts";
import type { Act } from "./key-table.ts";
import type { Keymap } from "./keys.ts";
import type { LogWindow } from "./log-window.ts";
import type { LinkState, LiveModel } from "./model.ts";
import type { OpenPage, Pages } from "./page.ts";
import type { Search } from "./search.ts";
import type { UiState } from "./state.ts";

export interface Scene {
  width: number;
  height: number;
  unicode: boolean;
  /** The server's present. */
  nowMs: number;
  ui: UiState;
  model: Pick<LiveModel, "runs" | "version" | "server" | "workers" | "totals" | "complete" | "loading" | "samples">;
  link: LinkState;
  /** Runs of the current view, in order, filtered. */
  list: readonly RunSummary[];
  /** The run that is looked at, and what is known of it. */
  selected: RunSummary | null;
  known: Known | null;
  detailOf(runId: string): Known | null;
  /** What is known of each marked run, for comparing. */
  marked: readonly { run: RunSummary; known: Known | null }[];
  asides: Pick<Asides, "why" | "usage" | "problem">;
  compared: Pick<Comparer, "comparison" | "problem">;
  data: Pick<Datasets, "datasets" | "shown" | "stores" | "problem">;
  /** The page that lies over the body; null for none. */
  page: OpenPage | null;
  layOutPage: Pages["layOut"];
  search: Pick<Search, "found" | "problem">;
  log: LogWindow | null;
  keymap: Keymap;
  host: string;
  user: string;
  /** Why an act cannot be done now, in a few words; null where it can. */
  why(act: Act): string | null;
  /** False for what is not there at all: changes, with --readonly. */
  offers(act: Act): boolean;
}

export function faceFor(scene: Scene, width: number): Face {
  return { width, unicode: scene.unicode, nowMs: scene.nowMs };
}
