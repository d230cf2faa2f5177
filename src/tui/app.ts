/**
 * The terminal UI without a terminal: takes keys, clicks and typed text, gives frames. It holds the state of the screen
 * and what the server has told, and knows what to fetch for what is shown. screen.ts puts it on a real terminal; tests
 * and `--once` use it as it is.
 */

import type { Connection } from "../client/connection.ts";
import { asMlError } from "../core/error.ts";
import type { ServerEvent } from "../protocol/frames.ts";
import type { RunSummary } from "../protocol/summary.ts";
import { actTable } from "./acts.ts";
import { Asides } from "./asides.ts";
import { type Frame, inside } from "./cells.ts";
import { Comparer } from "./comparison.ts";
import { Datasets } from "./datasets.ts";
import type { CommandResult, Desk, ScreenPowers } from "./desk.ts";
import { Details } from "./detail.ts";
import { containerRuns } from "./draw/containers.ts";
import { drawFrame, layoutFor } from "./draw/frame.ts";
import type { Confirmation } from "./form.ts";
import { Drafts, type FormState } from "./form.ts";
import { type Act, entryOf } from "./key-table.ts";
import type { Keymap } from "./keys.ts";
import { Lists } from "./lists.ts";
import { LogWindow } from "./log-window.ts";
import { LiveModel } from "./model.ts";
import { Pages } from "./page.ts";
import type { Scene } from "./scene.ts";
import { Search } from "./search.ts";
import { firstState, type Tab, type Toast, type UiState, type View } from "./state.ts";
import { takeText, textOf } from "./typed-text.ts";
import { replay, type TypingDesk, typingKey } from "./typing.ts";

export interface AppOptions {
  connection: Connection;
  keymap: Keymap;
  unicode: boolean;
  readonly: boolean;
  screen: ScreenPowers;
  /** A new picture is wanted. */
  onChange(): void;
  runCommand: Desk["runCommand"];
  /** Names of the commands that our command line has. */
  commands: ReadonlySet<string>;
}

const toastMs = 4000;
/** A selection that goes on moving asks for nothing before it has rested so long. */
const restMs = 80;
/** Whoever does not want to wait for what is being opened. */
const leavingKeys = new Set(["esc", "ctrl+c", "ctrl+z"]);

export class App implements TypingDesk {
  readonly ui: UiState = firstState();
  readonly model: LiveModel;
  readonly details: Details;
  readonly drafts = new Drafts();
  readonly comparer: Comparer;
  readonly asides: Asides;
  readonly search: Search;
  readonly pages: Pages;
  readonly data: Datasets;
  log: LogWindow | null = null;
  size = { width: 80, height: 24 };
  private readonly lists: Lists;
  private restTimer: ReturnType<typeof setTimeout> | null = null;
  private toastTimer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;
  /** Keys that wait for what is being opened; null while nothing is. */
  private held: string[] | null = null;

  constructor(private readonly options: AppOptions) {
    this.model = new LiveModel({
      connection: options.connection,
      onChange: () => this.changed(),
      onEvent: (event) => this.onEvent(event),
      onSnapshot: () => this.onSnapshot(),
    });
    this.details = new Details(options.connection, () => this.changed());
    this.asides = new Asides(options.connection, () => this.changed());
    this.lists = new Lists(this);
    this.pages = new Pages(() => this.changed());
    this.data = new Datasets(options.connection, () => this.changed());
    this.comparer = new Comparer(options.connection, () => this.changed());
    this.search = new Search(options.connection, (found) => {
      this.model.learn(found.map(({ run }) => run));
      this.changed();
    });
  }

  get connection(): Connection {
    return this.options.connection;
  }
  get keymap(): Keymap {
    return this.options.keymap;
  }
  get screen(): ScreenPowers {
    return this.options.screen;
  }
  get readonly(): boolean {
    return this.options.readonly;
  }

  /** Throws what the server refuses. */
  async start(): Promise<void> {
    await this.model.start();
    void this.model.loadOlder();
  }

  private onEvent(event: ServerEvent): void {
    this.log?.onEvent(event);
    if (event.kind === "run") this.details.forgetIfShown(event.run);
    if (event.kind === "removed") this.ui.marked.delete(event.run_id);
    if (event.kind === "run" && event.run.ended_at !== null) this.search.again();
  }

  private onSnapshot(): void {
    this.details.forgetAll();
    this.log?.resume();
  }

  list(): readonly RunSummary[] {
    return this.lists.runs();
  }

  selected(): RunSummary | null {
    return this.lists.selected();
  }

  targets(): RunSummary[] {
    const marked = [...this.ui.marked].flatMap((runId) => this.model.runs.get(runId) ?? []);
    const selected = this.selected();
    return marked.length > 0 ? marked : selected === null ? [] : [selected];
  }

  select(runId: string | null): void {
    this.lists.select(runId);
    this.changed();
  }

  setView(view: View): void {
    this.pages.clear();
    this.ui.view = view;
    this.ui.panel = "list";
    this.ui.scroll.overview = 0;
    this.changed();
  }

  setTab(tab: Tab): void {
    this.ui.tab = tab;
    this.changed();
  }

  pageHeight(): number {
    const layout = layoutFor(this.scene());
    const area = this.ui.panel === "detail" ? layout?.detail : layout?.list;
    return area ? inside(area).height : 10;
  }

  changed(): void {
    if (!this.closed) this.options.onChange();
  }

  tell(text: string, tone: Toast["tone"] = "plain"): void {
    const lastsMs = tone === "bad" ? 2 * toastMs : toastMs;
    const toast: Toast = { text, tone, untilMs: performance.now() + lastsMs };
    this.ui.toast = toast;
    if (this.toastTimer !== null) clearTimeout(this.toastTimer);
    this.toastTimer = setTimeout(() => {
      if (this.ui.toast === toast) this.ui.toast = null;
      this.changed();
    }, lastsMs);
    this.changed();
  }

  attempt(act: () => Promise<void>): void {
    act().then(
      () => this.changed(),
      (cause) => {
        const { message, detail } = asMlError(cause, "that");
        this.tell(detail.hint === undefined ? message : `${message}; ${detail.hint}`, "bad");
      },
    );
  }

  opening(act: () => Promise<void>): void {
    const held: string[] = [];
    this.held = held;
    this.attempt(() =>
      act().finally(() => {
        if (this.held !== held) return;
        this.held = null;
        replay(this, held);
      }),
    );
  }

  confirm(question: Confirmation): void {
    this.ui.overlay = { kind: "confirm", question };
    this.changed();
  }

  openForm(form: FormState): void {
    if (this.drafts.restore(form)) this.tell("what you typed before is still here");
    this.ui.overlay = { kind: "form", form };
    this.changed();
  }

  runCommand(words: readonly string[], onTalk?: (text: string) => void): Promise<CommandResult> {
    return this.options.runCommand(words, onTalk);
  }

  offers(act: Act): boolean {
    const { changes = false, commands = [] } = entryOf(act);
    const [command] = commands[0]?.split(" ") ?? [];
    return !(this.readonly && changes) && (command === undefined || this.options.commands.has(command));
  }

  why(act: Act): string | null {
    return actTable[act].why?.(this) ?? null;
  }

  perform(act: Act): void {
    const why = this.offers(act) ? this.why(act) : this.readonly ? "opened with --readonly" : "not in this build";
    if (why === null) {
      this.ui.toast = null;
      actTable[act].run(this);
    } else this.tell(`${entryOf(act).short ?? act.replaceAll("_", " ")}: ${why}`, "warn");
  }

  /** False where the key belongs to the editor with the cursor. */
  key(key: string): boolean {
    if (this.held !== null && !leavingKeys.has(key)) {
      this.held.push(key);
      return true;
    }
    this.held = null;
    if (this.ui.overlay !== null || this.ui.typing !== null) return typingKey(this, key);
    const act = this.options.keymap.actOf(key);
    if (act !== undefined) this.perform(act);
    else if (this.options.keymap.after(key).length > 0) {
      this.ui.overlay = { kind: "chord", first: key };
      this.changed();
    }
    return true;
  }

  /** The present text of an editor of the frame. */
  textOf(name: string): string {
    return textOf(this, name);
  }

  edited(name: string, text: string): void {
    if (!takeText(this, name, text)) return;
    if (name === "filter" && text !== "") void this.model.loadOlder();
    this.changed();
  }

  /** Sees to it that what is on the screen is known, or soon will be. */
  private wantShown(): void {
    const { ui } = this;
    this.search.want(ui.filter);
    this.pages.want();
    if (ui.view === "data") void this.data.want(this.ui.lists.data.selected);
    if (ui.view === "containers")
      for (const run of containerRuns(this.model.runs.values())) void this.details.want(run, "environment");
    if (ui.view === "compare") {
      const marked = this.targets();
      void this.comparer.want(marked);
      for (const run of marked) void this.details.want(run, "overview");
    }
    const run = this.selected();
    if (ui.view === "usage") this.asides.wantUsage(ui.usageRows);
    if (run?.status === "queued" && ui.tab === "overview") this.asides.wantWhy(run.run_id);
    this.wantLog(run);
    if (run === null || (ui.view !== "runs" && ui.view !== "queue")) return;
    const leftMs = this.lists.selectedAtMs + restMs - performance.now();
    if (leftMs <= 0 || this.details.get(run.run_id) !== null) void this.details.want(run, ui.tab);
    else {
      if (this.restTimer !== null) clearTimeout(this.restTimer);
      this.restTimer = setTimeout(() => this.wantShown(), leftMs);
    }
  }

  private wantLog(run: RunSummary | null): void {
    const { ui } = this;
    const shows = run !== null && ui.tab === "logs" && (ui.view === "runs" || ui.view === "queue");
    if (!shows) {
      if (this.log !== null && run?.run_id !== this.log.place.run) this.closeLog();
      return;
    }
    const known = this.details.get(run.run_id)?.detail;
    if (this.log?.place.run === run.run_id || !known) return;
    this.closeLog();
    const stream = known.manifest.launch.split_output ? "stdout" : "output";
    this.log = new LogWindow({ run: run.run_id, stream }, this.options.connection, () => this.changed());
    const live = run.ended_at === null;
    void this.model.followLog(live ? { run: run.run_id, stream } : null).catch(() => {});
  }

  private closeLog(): void {
    this.log?.close();
    this.log = null;
  }

  private scene(): Scene {
    const { ui, model } = this;
    const list = this.list();
    const selected = this.selected();
    return {
      ...this.size,
      unicode: this.options.unicode,
      nowMs: model.nowMs(),
      ui,
      model,
      link: model.link,
      list,
      selected,
      known: selected === null ? null : this.details.get(selected.run_id),
      detailOf: (runId) => this.details.get(runId),
      marked: [...ui.marked].flatMap((runId) => {
        const run = model.runs.get(runId);
        return run === undefined ? [] : [{ run, known: this.details.get(runId) }];
      }),
      asides: this.asides,
      compared: this.comparer,
      data: this.data,
      page: this.pages.current,
      layOutPage: (page, face) => this.pages.layOut(page, face),
      search: this.search,
      log: this.log,
      keymap: this.options.keymap,
      host: this.options.connection.hello.host,
      user: this.options.connection.hello.user,
      why: (act) => this.why(act),
      offers: (act) => this.offers(act),
    };
  }

  /** The picture for a screen of this size. */
  frame(width: number, height: number): Frame {
    this.size = { width, height };
    this.lists.settle();
    this.wantShown();
    return drawFrame(this.scene());
  }

  /** True where everything that the present picture shows is there. */
  get settled(): boolean {
    const run = this.selected();
    if (run === null || (this.ui.view !== "runs" && this.ui.view !== "queue")) return !this.model.loading;
    const known = this.details.get(run.run_id);
    const logThere = this.ui.tab !== "logs" || this.log?.loaded === true;
    return known !== null && !known.busy && known.detail !== null && logThere && !this.model.loading;
  }

  /** True while something that was asked for is under way: loaded, sent, waited for. */
  get busy(): boolean {
    const { overlay } = this.ui;
    return this.held !== null || this.pages.current?.busy === true || (overlay?.kind === "form" && overlay.form.busy);
  }

  /** True while what is shown is an old picture. */
  get greyed(): boolean {
    return this.model.link.sinceMs !== null;
  }

  /** Whether something on the screen changes by the second. */
  get ticks(): boolean {
    if (this.greyed || this.pages.current?.wish.everyMs !== undefined || (this.ui.view === "data" && this.data.copying))
      return true;
    for (const run of this.model.runs.values())
      if (run.status === "running" || run.status === "starting" || run.stopping !== null) return true;
    return false;
  }

  close(): void {
    this.closed = true;
    this.closeLog();
    this.model.close();
    this.search.close();
    for (const timer of [this.restTimer, this.toastTimer]) if (timer !== null) clearTimeout(timer);
  }
}
