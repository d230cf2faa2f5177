/**
 * The way into the terminal UI: opened by `ml monitor` and `ml-tui` through main.ts, which loads this file, and with it
 * the library and its native part, only then. `--once` needs no terminal and loads neither.
 */
import type { Connection } from "../client/connection.ts";
import { MlError, messageOf } from "../core/error.ts";
import { App } from "./app.ts";
import { EarlyKeys } from "./early-keys.ts";
import { makeKeymap } from "./keys.ts";
import { libraryFolder } from "./native-library.ts";
import { lendTerminal, runOwnCommand } from "./own-command.ts";
import { gridAnsi, gridText, rasterise } from "./raster.ts";
import { type Tab, tabs, type View, views } from "./state.ts";

/** The build replaces this by false where the library is not installed. */
declare const TUI_COMPILED: boolean | undefined;
const compiled = typeof TUI_COMPILED === "undefined" ? true : TUI_COMPILED;

export interface MonitorOptions {
  connection: Connection;
  /** Where to begin. */
  run: string | null;
  view: string | null;
  tab: string | null;
  readonly: boolean;
  /** The setting of the same name. */
  keys: string | null;
  unicode: boolean;
  colour: boolean;
  /** What was said on our own command line, as variables, for commands of ours that are started. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** Names of the commands that our command line has. */
  commands: readonly string[];
}

function oneOf<Word extends string>(word: string | null, words: readonly Word[], what: string): Word | null {
  if (word === null) return null;
  const found = words.find((one) => one === word);
  if (found !== undefined) return found;
  throw new MlError("usage", `there is no ${what} \`${word}\``, { hint: `one of ${words.join(", ")}` });
}

async function openApp(options: MonitorOptions, parts: { onChange(): void; screen: App["screen"] }): Promise<App> {
  const view = oneOf<View>(options.view, views, "view");
  const tab = oneOf<Tab>(options.tab, tabs, "tab");
  const { connection, readonly, unicode, cwd, env } = options;
  const app = new App({
    connection,
    readonly,
    unicode,
    keymap: makeKeymap(options.keys),
    runCommand: (words, onTalk) => runOwnCommand(words, { cwd, env, onTalk }),
    commands: new Set(options.commands),
    ...parts,
  });
  await app.start();
  if (view !== null) app.setView(view);
  if (options.run !== null) {
    const { run_ids: runIds } = await connection.ask("run.resolve", { runs: [options.run] });
    const [runId] = runIds;
    if (runId !== undefined && !app.model.runs.has(runId)) {
      const { summary } = await connection.ask("run.get", { run: runId });
      app.model.runs.set(runId, summary);
      app.model.version += 1;
    }
    app.select(runId ?? null);
    if (tab === null) app.ui.panel = "detail";
  }
  if (tab !== null) {
    app.setTab(tab);
    app.ui.panel = "detail";
  }
  return app;
}

const noScreen = { copy: () => false, suspend: () => {}, lend: async () => 1, repaint: () => {}, quit: () => {} };
/** `--once` waits for what its picture needs, not longer than this. */
const onceMs = 5000;

/** One frame as text, with colours where they are wanted. */
export async function pictureOnce(options: MonitorOptions & { width: number; height: number }): Promise<string> {
  let bell = Promise.withResolvers<void>();
  const app = await openApp(options, { onChange: () => bell.resolve(), screen: noScreen });
  try {
    const { width, height } = options;
    const deadline = performance.now() + onceMs;
    let frame = app.frame(width, height);
    while (!app.settled && performance.now() < deadline) {
      await Promise.race([bell.promise, Bun.sleep(100)]);
      bell = Promise.withResolvers();
      frame = app.frame(width, height);
    }
    const grid = rasterise(frame, { colour: options.colour, greyed: app.greyed });
    return options.colour ? gridAnsi(grid) : gridText(grid);
  } finally {
    app.close();
  }
}

/** Throws where this build can print pictures, but has no library to put them on a terminal. */
export function checkBuild(): void {
  if (!compiled) throw new MlError("refused", "the terminal UI is not in this build", { hint: "ml status --watch" });
}

/** Throws MlError where the library cannot be unpacked, or not be loaded from where it lies. */
async function loadScreen(env: MonitorOptions["env"]): Promise<typeof import("./screen.ts")> {
  try {
    return await import("./screen.ts");
  } catch (cause) {
    if (cause instanceof MlError) throw cause;
    throw new MlError("refused", `the terminal UI's library cannot be loaded from \`${libraryFolder(env)}\``, {
      cause: messageOf(cause),
      hint: "set ML_LIB_DIR to a folder of yours on a disk that programs may run from",
    });
  }
}

/** To be called before the server is asked anything: what is typed meanwhile is for the screen. */
export function holdKeys(): EarlyKeys {
  return new EarlyKeys();
}

/** Opens the screen; resolves with the exit code when it was left. Throws what ended it otherwise. */
export async function monitor(
  options: MonitorOptions & { keysHeld: Pick<EarlyKeys, "handOver" | "replay"> },
): Promise<number> {
  const { keysHeld } = options;
  const { openRenderer, Screen } = await loadScreen(options.env);
  let screen: InstanceType<typeof Screen> | null = null;
  const powers = {
    copy: (text: string) => screen?.copy(text) ?? false,
    suspend: () => void screen?.suspend(),
    async lend(words: readonly string[], { pause }: { pause: "always" | "on failure" }) {
      const { cwd, env } = options;
      return (await screen?.lend(() => lendTerminal(words, { cwd, env, pause }))) ?? 1;
    },
    repaint: () => screen?.repaint(),
    quit: () => void screen?.leave({ code: 0 }),
  };
  // The renderer is set up while the first answers are on their way.
  const opening = openApp(options, { onChange: () => screen?.paintSoon(), screen: powers });
  opening.catch(() => {});
  const app = await opening;
  screen = new Screen(await openRenderer(options.env, keysHeld.handOver()), app, options);
  screen.guard();
  screen.paint();
  keysHeld.replay();
  const outcome = await screen.ended;
  if ("cause" in outcome) throw outcome.cause;
  return outcome.code;
}
