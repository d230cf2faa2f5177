/**
 * What acts work with: the state of the screen, what is known, and ways to ask, question and tell. app.ts is the one
 * implementation; acts know nothing of terminals and drawing.
 */
import type { Connection } from "../client/connection.ts";
import type { RunSummary } from "../protocol/summary.ts";
import type { Datasets } from "./datasets.ts";
import type { Details } from "./detail.ts";
import type { Confirmation, FormState } from "./form.ts";
import type { Act } from "./key-table.ts";
import type { Keymap } from "./keys.ts";
import type { LogWindow } from "./log-window.ts";
import type { LiveModel } from "./model.ts";
import type { Pages } from "./page.ts";
import type { Tab, Toast, UiState, View } from "./state.ts";

/** What only the terminal can do. */
export interface ScreenPowers {
  /** By OSC 52; false where the terminal is known not to take it. */
  copy(text: string): boolean;
  suspend(): void;
  /** One of our own commands on this terminal, to its end; then the screen is back. Resolves with its exit code. */
  lend(words: readonly string[], options: { pause: "always" | "on failure" }): Promise<number>;
  /** Everything is painted again. */
  repaint(): void;
  quit(): void;
}

/** How one of our own commands ended. */
export interface CommandResult {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Desk {
  readonly ui: UiState;
  readonly model: LiveModel;
  readonly details: Details;
  readonly keymap: Keymap;
  readonly connection: Connection;
  readonly screen: ScreenPowers;
  readonly log: LogWindow | null;
  readonly readonly: boolean;
  readonly pages: Pages;
  readonly data: Datasets;
  /** Runs of the current view. */
  list(): readonly RunSummary[];
  selected(): RunSummary | null;
  /** The marked runs, or the selected one. */
  targets(): RunSummary[];
  select(runId: string | null): void;
  setView(view: View): void;
  setTab(tab: Tab): void;
  /** Rows inside the panel with the keys. */
  pageHeight(): number;
  /** A new picture is wanted. */
  changed(): void;
  tell(text: string, tone?: Toast["tone"]): void;
  /** Does something that may fail; what it throws is told. */
  attempt(act: () => Promise<void>): void;
  /** The same for what will open something to type into: keys that come before that are kept for it. */
  opening(act: () => Promise<void>): void;
  confirm(question: Confirmation): void;
  openForm(form: FormState): void;
  /** One of our own commands, with the same server and key, in the folder in which the screen was opened. */
  runCommand(words: readonly string[], onTalk?: (text: string) => void): Promise<CommandResult>;
  perform(act: Act): void;
}

export interface ActEntry {
  /** Why it cannot be done now, in a few words; null where it can. Left out: it always can. */
  why?(desk: Desk): string | null;
  run(desk: Desk): void;
}
