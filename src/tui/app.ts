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
import type { CommandResult, ScreenPowers } from "./desk.ts";
import { Details } from "./detail.ts";
import { drawFrame, layoutFor } from "./draw/frame.ts";
import { Drafts, type FormState, type Values, valuesOf } from "./form.ts";
import { type Act, entryOf, type Keymap } from "./keys.ts";
import { LogWindow } from "./log-window.ts";
import { LiveModel } from "./model.ts";
import { byPlace, RunList } from "./run-list.ts";
import type { Scene } from "./scene.ts";
import { Search } from "./search.ts";
import { type Confirmation, firstState, type Tab, type Toast, type UiState, type View } from "./state.ts";
import { type TypingDesk, typingKey } from "./typing.ts";

export interface AppOptions {
  connection: Connection;
  keymap: Keymap;
  unicode: boolean;
  readonly: boolean;
  screen: ScreenPowers;
  /** A new picture is wanted. */
  onChange(): void;
  runCommand(words: readonly string[]): Promise<CommandResult>;
}

const toastMs = 4000;
/** A selection that goes on moving asks for nothing before it has rested so long. */
const restMs = 80;

export class App implements TypingDesk {
  readonly ui: UiState = firstState();
  readonly model: LiveModel;
  readonly details: Details;
  readonly drafts = new Drafts();
  readonly comparer: Comparer;
  readonly asides: Asides;
  readonly search: Search;
  firstValues: Values = {};
  log: LogWindow | null = null;
  size = { width: 80, height: 24 };
  private readonly runList = new RunList();
  private readonly queueList = new RunList();
  private shownList: readonly RunSummary[] = [];
  private lastIndex = 0;
  private selectedAtMs = 0;
  private restTimer: ReturnType<typeof setTimeout> | null = null;
  private toastTimer: ReturnType<typeof setTimeout> | null = null;
  private closed = false;

  constructor(private readonly options: AppOptions) {
    this.model = new LiveModel({
      connection: options.connection,
      onChange: () => this.changed(),
      onEvent: (event) => this.onEvent(event),
      onSnapshot: () => this.onSnapshot(),
    });
    this.details = new Details(options.connection, () => this.changed());
    this.asides = new Asides(options.connection, () => this.changed());
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
    const { ui, model } = this;
    const wish = { version: model.version, filter: ui.filter, sort: ui.sort, found: this.search.found?.ids ?? null };
    if (ui.view !== "queue") {
      const list = this.runList.of(model.runs, wish, model.nowMs());
      // A query may mean more than its words: until the answer is there the list stays as it was.
      if (list.length > 0 || !this.search.pending) this.shownList = list;
      return this.shownList;
    }
    const all = this.queueList.of(model.runs, { ...wish, sort: "newest" }, model.nowMs());
    return all.filter((run) => run.status === "queued").sort(byPlace);
  }

  /** Keeps the selection on a run that is there: the same one, or its neighbour where it went. */
  private settleSelection(list: readonly RunSummary[]): void {
    const place = this.ui.lists[this.ui.view];
    const at = list.findIndex((run) => run.run_id === place.selected);
    if (at >= 0) {
      this.lastIndex = at;
      return;
    }
    // A run that was just queued may not be known yet.
    if (place.selected !== null && this.awaited === place.selected) return;
    place.selected = list[Math.min(this.lastIndex, list.length - 1)]?.run_id ?? null;
  }

  private awaited: string | null = null;

  selected(): RunSummary | null {
    const { view } = this.ui;
    const place = this.ui.lists[view === "queue" ? "queue" : "runs"];
    return place.selected === null ? null : (this.model.runs.get(place.selected) ?? null);
  }

  targets(): RunSummary[] {
    const marked = [...this.ui.marked].flatMap((runId) => this.model.runs.get(runId) ?? []);
    const selected = this.selected();
    return marked.length > 0 ? marked : selected === null ? [] : [selected];
  }

  select(runId: string | null): void {
    const { view } = this.ui;
    const place = this.ui.lists[view === "queue" ? "queue" : "runs"];
    this.awaited = runId !== null && !this.model.runs.has(runId) ? runId : null;
    if (place.selected !== runId) {
      this.selectedAtMs = performance.now();
      for (const tab of Object.keys(this.ui.scroll) as Tab[]) this.ui.scroll[tab] = 0;
    }
    place.selected = runId;
    this.changed();
  }

  setView(view: View): void {
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

  confirm(question: Confirmation): void {
    this.ui.overlay = { kind: "confirm", question };
    this.changed();
  }

  openForm(form: FormState): void {
    this.firstValues = valuesOf(form);
    if (this.drafts.restore(form)) this.tell("what you typed before is still here");
    this.ui.overlay = { kind: "form", form };
    this.changed();
  }

  runCommand(words: readonly string[]): Promise<CommandResult> {
    return this.options.runCommand(words);
  }

  offers(act: Act): boolean {
    return !(this.options.readonly && entryOf(act).changes === true);
  }

  why(act: Act): string | null {
    return actTable[act].why?.(this) ?? null;
  }

  perform(act: Act): void {
    const why = this.offers(act) ? this.why(act) : "opened with --readonly";
    if (why === null) {
      this.ui.toast = null;
      actTable[act].run(this);
    } else this.tell(`${entryOf(act).short ?? act.replaceAll("_", " ")}: ${why}`, "warn");
  }

  /** False where the key belongs to the editor with the cursor. */
  key(key: string): boolean {
    if (this.ui.overlay !== null || this.ui.typing !== null) return typingKey(this, key);
    const act = this.options.keymap.actOf(key);
    if (act !== undefined) this.perform(act);
    return true;
  }

  /** The present text of an editor of the frame. */
  textOf(name: string): string {
    const { overlay } = this.ui;
    if (name === "filter") return this.ui.filter;
    if (name === "search") return this.log?.search ?? "";
    if (overlay?.kind === "help" || overlay?.kind === "palette") return overlay.text;
    return this.fieldOf(name)?.text ?? "";
  }

  private fieldOf(name: string) {
    const { overlay } = this.ui;
    if (overlay?.kind !== "form") return null;
    return overlay.form.fields.find((field) => `${overlay.form.id}/${field.name}` === name) ?? null;
  }

  edited(name: string, text: string): void {
    const { overlay } = this.ui;
    const field = this.fieldOf(name);
    if (this.textOf(name) === text) return;
    if (field !== null) field.text = text;
    else if (name === "filter") {
      this.ui.filter = text;
      if (text !== "") void this.model.loadOlder();
    } else if (name === "search" && this.log !== null) this.log.search = text;
    else if (overlay?.kind === "help" || overlay?.kind === "palette") Object.assign(overlay, { text, at: 0 });
    this.changed();
  }

  /** Sees to it that what is on the screen is known, or soon will be. */
  private wantShown(): void {
    const { ui } = this;
    this.search.want(ui.filter);
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
    const leftMs = this.selectedAtMs + restMs - performance.now();
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
      marked: [...ui.marked].flatMap((runId) => {
        const run = model.runs.get(runId);
        return run === undefined ? [] : [{ run, known: this.details.get(runId) }];
      }),
      asides: this.asides,
      compared: this.comparer,
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
    if (this.ui.view === "runs" || this.ui.view === "queue") this.settleSelection(this.list());
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

  /** True while what is shown is an old picture. */
  get greyed(): boolean {
    return this.model.link.sinceMs !== null;
  }

  /** Whether something on the screen changes by the second. */
  get ticks(): boolean {
    if (this.greyed) return true;
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
