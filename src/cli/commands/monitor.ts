/** `ml monitor`, and being called as `ml-tui`: the terminal UI, here or over ssh on the server's machine. */
import { MlError } from "../../core/error.ts";
import { type Context, defineCommand, type UiOptions } from "../command.ts";
import { flag } from "../flags.ts";
import { isUtf8, terminalHeight, terminalWidth, wantsColour } from "../terminal.ts";

const flags = {
  here: flag.on("open it in this process, over the server's own protocol, not by ssh"),
  once: flag.on("print one picture and end"),
  readonly: flag.on("without anything that changes something"),
  view: flag.choice(["runs", "queue", "machines", "data", "containers", "usage", "compare"], "the view to begin with"),
  tab: flag.choice(
    ["overview", "logs", "metrics", "narrative", "artifacts", "environment"],
    "the tab of the run to begin with",
  ),
  size: flag.text("COLUMNSxROWS", "the size of the picture of --once; the terminal's, or 80x24"),
};

export const command = defineCommand({
  name: "monitor",
  group: "watch",
  summary: "the terminal UI: everything at once, live, by keyboard",
  about: [
    "Runs, the waiting line, GPUs, logs, curves and narratives on one screen, with everything that can be done to a run a key away; `?` lists the keys, and docs/tui.md shows the screens.",
    "Where `worker_host` is set it is opened on that machine by `ssh -t -C worker_user@worker_host -p worker_port ml-tui`, so that only the screen travels. `ml-tui`, and --here, open it in this process.",
  ].join("\n\n"),
  positionals: [{ name: "RUN", about: "the run to begin with", optional: true, complete: "run" }],
  flags,
  examples: [
    ["ml monitor", "the runs, on the server where one is configured"],
    ["ml monitor @failed --tab logs", "straight to the log of what failed last"],
    ["ml monitor --once --size 120x40", "a picture for a mail or a bug report"],
  ],
  async run(context, args) {
    const { flags: given } = args;
    const { output, terminal, env, settings } = context;
    if (output.mode === "json" || output.mode === "plain")
      throw new MlError("usage", `the terminal UI has no \`--${output.mode}\``, { hint: `ml status --${output.mode}` });
    const isScreen = terminal.stdin && terminal.stdout && env.TERM !== "dumb";
    if (!given.once && !isScreen)
      throw new MlError("usage", "the terminal UI needs a terminal", {
        hint: "ml status --watch, or `ml monitor --once` for one picture",
      });
    if (settings.worker_host !== null && !given.here && !given.once) {
      const { overSsh } = await import("../over-ssh.ts");
      return overSsh(context, { words: args.words, flags: given });
    }
    const ui = await context.loadUi();
    if (!given.once) ui.checkBuild();
    const keysHeld = given.once ? null : ui.holdKeys();
    const connection = await context.connect().catch((cause) => {
      keysHeld?.letGo();
      throw cause;
    });
    const wish = { flag: null, setting: settings.color };
    const options: UiOptions = {
      connection,
      run: args.words[0] ?? null,
      view: given.view,
      tab: given.tab,
      readonly: given.readonly,
      keys: settings.tui_keys,
      unicode: isUtf8(env),
      colour: given.once ? output.colour : wantsColour(env, true, wish),
      env: spoken(context),
      cwd: context.cwd,
      commands: context.table.map(({ name }) => name),
    };
    if (keysHeld !== null) return ui.monitor({ ...options, keysHeld }).finally(() => keysHeld.letGo());
    output.write(await ui.pictureOnce({ ...options, ...sizeOf(context, given.size) }));
    return 0;
  },
});

/** The environment for commands of ours that the screen starts: what flags said here, variables say there. */
function spoken(context: Context): Record<string, string | undefined> {
  const { settings, origin } = context;
  const env: Record<string, string | undefined> = { ...context.env, ML_CONFIG: undefined };
  if (context.configNamed) env.ML_CONFIG = context.configPath;
  if (origin("server_url") === "flag") env.ML_SERVER_URL = settings.server_url ?? undefined;
  if (origin("api_key") === "flag") env.ML_API_KEY = settings.api_key ?? undefined;
  if (origin("worker_base") === "flag") env.ML_WORKER_BASE = settings.worker_base ?? undefined;
  return env;
}

function sizeOf(context: Context, given: string | null): { width: number; height: number } {
  if (given === null) {
    const onScreen = context.terminal.stdout;
    return { width: onScreen ? terminalWidth(1) : 80, height: onScreen ? terminalHeight(1) : 24 };
  }
  const [, width, height] = /^(\d{1,3})x(\d{1,3})$/.exec(given) ?? [];
  if (width === undefined || height === undefined)
    throw new MlError("usage", `\`${given}\` is no size of a screen`, { hint: "write it like `120x40`" });
  return { width: Number(width), height: Number(height) };
}
