/**
 * The terminal: opened, painted, listened to, and left as it was found, on every way out. Keys become the words of
 * keys.ts here. One function ends it all and holds the wanted outcome: a quit, a signal, a lost terminal, our own bug.
 *
 * Invariant: whatever ends the screen, the terminal is restored before a word is printed, and nothing keeps the process.
 */
import {
  CliRenderEvents,
  type CliRenderer,
  createCliRenderer,
  type KeyEvent,
  type MouseEvent,
  NativeSession,
} from "@opentui/core";
import type { App } from "./app.ts";
import { Canvas } from "./canvas.ts";
import type { Spot } from "./cells.ts";
import { clipboardText, multiplexer } from "./clipboard.ts";
import { Editors } from "./editors.ts";
import { Pace } from "./pace.ts";
import { clicked, wheel } from "./pointing.ts";

/** Signal numbers for exit codes by POSIX convention, 128 + n. */
const signals = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;
/** What follows a key is shown at once, at most 60 times a second. */
const frameMs = 16;
const afterKeyMs = 400;
/** What happens by itself is shown a few times a second: a log that floods must not flood a slow link too. */
const newsMs = 200;
/** Clocks on the screen tick so often, where there are any. */
const tickMs = 500;
const idleTickMs = 10_000;
/** How long a terminal may take to say that it has read all, before it is given back. */
const settleMs = 1000;
/** A terminal that is gone may never take our last words. */
const lastWordsMs = 300;

const names: Record<string, string> = {
  return: "enter",
  linefeed: "enter",
  kpenter: "enter",
  escape: "esc",
};

/** The key as keys.ts writes it. */
export function keyName(event: Pick<KeyEvent, "name" | "ctrl" | "meta" | "shift" | "sequence">): string {
  const name = names[event.name] ?? event.name;
  if (event.ctrl) return `ctrl+${name}`;
  if (event.meta) return `alt+${name}`;
  if (name === "space" || event.sequence === " ") return "space";
  if ([...event.sequence].length === 1 && event.sequence > " " && event.sequence !== "\x7f") return event.sequence;
  return event.shift && name === "tab" ? "shift+tab" : name;
}

export type Outcome = { code: number } | { cause: unknown };

export class Screen {
  private readonly canvas: Canvas;
  private readonly editors: Editors;
  private spots: readonly Spot[] = [];
  private paintTimer: ReturnType<typeof setTimeout> | null = null;
  private tickTimer: ReturnType<typeof setTimeout> | null = null;
  private paintedAtMs = Number.NEGATIVE_INFINITY;
  private touchedAtMs = Number.NEGATIVE_INFINITY;
  /** Something changed that no frame was painted for, because the terminal was not free. */
  private unpainted = false;
  private readonly pace: Pace;
  private suspended = false;
  private lent = false;
  private leaving = false;
  private readonly end = Promise.withResolvers<Outcome>();
  private readonly undo: (() => void)[] = [];

  readonly renderer: CliRenderer;
  /** Between frames, past the library's own; false where it takes nothing now. */
  private readonly write: (text: string) => boolean;

  constructor(
    { renderer, session }: OpenTerminal,
    private readonly app: App,
    private readonly options: { colour: boolean; env: Readonly<Record<string, string | undefined>> },
  ) {
    this.renderer = renderer;
    this.write = (text) => session.open && session.write(Buffer.from(text));
    this.pace = new Pace({ ask: this.write, onFree: () => this.onFree() });
    renderer.on(CliRenderEvents.FRAME, () => this.pace.painted());
    renderer.prependInputHandler((sequence) => this.onAnswer(sequence));
    this.canvas = new Canvas(renderer);
    renderer.root.add(this.canvas);
    this.editors = new Editors(renderer, app);
    renderer.keyInput.on("keypress", (event) => this.onKey(event));
    renderer.on("resize", () => this.paint());
    this.canvas.onMouseDown = (event) => this.onClick(event);
    this.canvas.onMouseScroll = (event) => this.onWheel(event);
    this.tick();
  }

  /** Resolves when the terminal is as it was before. */
  get ended(): Promise<Outcome> {
    return this.end.promise;
  }

  private onKey(event: KeyEvent): void {
    this.editors.tell();
    if (this.app.key(keyName(event))) event.preventDefault();
    this.touched();
  }

  /** True where the sequence was the terminal's answer to us, and no key. */
  private onAnswer(sequence: string): boolean {
    const keys = this.pace.reads(sequence);
    if (keys === null) return false;
    if (keys === "\x1b") {
      this.editors.tell();
      this.app.key("esc");
      this.touched();
    }
    return true;
  }

  /** Somebody did something: the answer is painted now. */
  private touched(): void {
    this.touchedAtMs = performance.now();
    if (this.paintTimer !== null) clearTimeout(this.paintTimer);
    this.paintTimer = null;
    this.paintIfFree();
  }

  /** Now where the terminal has read what was sent; else as soon as it has. */
  private paintIfFree(): void {
    if (this.pace.free(this.isTouched())) this.paint();
    else this.unpainted = true;
  }

  private onFree(): void {
    if (!this.unpainted) return;
    this.unpainted = false;
    this.paintSoon();
  }

  private isTouched(): boolean {
    return performance.now() - this.touchedAtMs < afterKeyMs;
  }

  private spotAt(event: MouseEvent): string | null {
    const { x, y } = event;
    const hit = this.spots.findLast(
      (spot) => x >= spot.x && x < spot.x + spot.width && y >= spot.y && y < spot.y + spot.height,
    );
    return hit?.target ?? null;
  }

  private onClick(event: MouseEvent): void {
    this.editors.tell();
    const target = this.spotAt(event);
    if (target !== null) clicked(this.app, target);
    this.touched();
  }

  private onWheel(event: MouseEvent): void {
    const direction = event.scroll?.direction;
    if (direction === "up" || direction === "down")
      wheel(this.app, this.spotAt(event) ?? "list", direction === "up" ? -1 : 1);
    this.touched();
  }

  /** Soon: with the next frame where somebody is waiting for it, else with the next news. */
  paintSoon(): void {
    if (this.paintTimer !== null || this.suspended || this.leaving) return;
    const everyMs = this.isTouched() ? frameMs : newsMs;
    const waitMs = Math.max(0, this.paintedAtMs + everyMs - performance.now());
    this.paintTimer = setTimeout(() => {
      this.paintTimer = null;
      this.paintIfFree();
    }, waitMs);
  }

  paint(): void {
    if (this.suspended || this.leaving) return;
    this.paintedAtMs = performance.now();
    this.unpainted = false;
    const frame = this.app.frame(this.renderer.width, this.renderer.height);
    this.spots = frame.spots;
    this.editors.place(frame.editors);
    this.canvas.show(frame, { colour: this.options.colour, greyed: this.app.greyed });
  }

  private tick(): void {
    this.tickTimer = setTimeout(
      () => {
        this.paintIfFree();
        this.tick();
      },
      this.app.ticks ? tickMs : idleTickMs,
    );
  }

  /** Everything again, for a screen that something else has written on: the library paints all after a rest. */
  repaint(): void {
    if (!this.suspended) void this.lend(async () => {});
  }

  copy(text: string): boolean {
    const inside = multiplexer(this.options.env);
    // The library knows tmux with `allow-passthrough` alone; what it sends then is a stray text in screen.
    const byLibrary = inside !== "screen" && this.renderer.copyToClipboardOSC52(text);
    const ours = inside === null ? null : clipboardText(text, inside);
    return ours === null ? byLibrary : this.write(ours);
  }

  async suspend(): Promise<void> {
    if (this.suspended) return;
    this.suspended = true;
    await this.pace.settle(settleMs);
    await this.renderer.suspend();
    const resume = async () => {
      await this.renderer.resume();
      this.suspended = false;
      this.paint();
    };
    process.once("SIGCONT", () => void resume());
    process.kill(process.pid, "SIGTSTP");
  }

  /** The terminal is somebody else's while `use` lasts; then everything is painted again. */
  async lend<T>(use: () => Promise<T>): Promise<T> {
    this.suspended = true;
    await this.renderer.suspend();
    this.lent = true;
    try {
      return await use();
    } finally {
      this.lent = false;
      if (!this.leaving) {
        await this.renderer.resume();
        this.suspended = false;
        this.paint();
      }
    }
  }

  /** The only way out. The first outcome counts. */
  async leave(outcome: Outcome): Promise<void> {
    if (this.leaving) return;
    this.leaving = true;
    for (const timer of [this.paintTimer, this.tickTimer]) if (timer !== null) clearTimeout(timer);
    this.app.close();
    // Where somebody is still there: what the terminal has yet to answer would be typed into the shell.
    if ("cause" in outcome || outcome.code !== 128 + signals.SIGHUP) await this.pace.settle(settleMs);
    // A bug while leaving must not hide the terminal's restoration either.
    try {
      this.renderer.destroy();
      await Promise.race([this.renderer.closed, Bun.sleep(lastWordsMs)]);
    } catch (cause) {
      if ("code" in outcome && outcome.code === 0) return this.end.resolve({ cause });
    } finally {
      for (const undo of this.undo) undo();
    }
    this.end.resolve(outcome);
  }

  /** Signals, a terminal that goes away, and our own bugs lead to `leave`, and to nothing else while we are open. */
  guard(): void {
    for (const [signal, number] of Object.entries(signals)) {
      const onSignal = () => {
        // ctrl+c is meant for whoever has the terminal.
        if (this.lent && signal === "SIGINT") return;
        void this.leave({ code: 128 + number });
      };
      process.on(signal, onSignal);
      this.undo.push(() => process.off(signal, onSignal));
    }
    const gone = () => void this.leave({ code: 128 + signals.SIGHUP });
    process.stdin.once("end", gone);
    process.stdin.once("close", gone);
    for (const event of ["uncaughtException", "unhandledRejection"] as const) {
      const before = process.listeners(event as "uncaughtException");
      const onBug = (cause: unknown) => void this.leave({ cause });
      process.removeAllListeners(event);
      process.on(event, onBug);
      this.undo.push(() => {
        process.off(event, onBug);
        for (const listener of before) process.on(event, listener as () => void);
      });
    }
  }
}

export interface OpenTerminal {
  renderer: CliRenderer;
  /** What is written here goes out behind the frames before it. */
  session: NativeSession;
}

/** `truecolour`: the terminal said so itself; else only the palette is used. */
export async function openRenderer(
  env: Readonly<Record<string, string | undefined>>,
  beforeKeys: (sequence: string) => boolean,
): Promise<OpenTerminal> {
  const truecolour = /truecolor|24bit/i.test(env.COLORTERM ?? "");
  const given = Object.fromEntries(
    Object.entries(env).filter((pair): pair is [string, string] => pair[1] !== undefined),
  );
  const session = new NativeSession(process.stdout);
  const renderer = await createCliRenderer({
    nativeSession: session,
    prependInputHandlers: [beforeKeys],
    exitOnCtrlC: false,
    exitSignals: [],
    consoleMode: "disabled",
    openConsoleOnError: false,
    useKittyKeyboard: null,
    enableMouseMovement: false,
    // screen holds an escape key back while the mouse is on (4.9), and esc is worth more.
    useMouse: multiplexer(env) !== "screen",
    targetFps: 60,
    maxFps: 60,
    // Without a word on true colours the library would send them to terminals that cannot show them.
    environment: truecolour ? given : { ...given, TERM: "xterm-256color" },
  });
  return { renderer, session };
}
