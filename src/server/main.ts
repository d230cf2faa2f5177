/**
 * `ml server`: serves a base directory in the foreground until SIGTERM, SIGINT, or somebody asks it to stop. Runs go on
 * whatever happens to it. A bug in a request ends that request; one outside of any is traced, and the server lives.
 */
import { homePaths, localPlaces } from "../config/home.ts";
import { loadSettings } from "../config/load.ts";
import { asMlError } from "../core/error.ts";
import { traceBug } from "./dispatch.ts";
import { type Log, openLog } from "./log.ts";
import { type OpenServer, openServer } from "./open-server.ts";
import { parseServerArguments, type ServerArguments, serverHelp } from "./options.ts";
import { replaceSelf } from "./replace-self.ts";

/** A stop that hangs is cut short; nothing is lost by that. */
const stopMs = 8000;

interface Wish {
  reason: string;
  again: boolean;
}

async function serve(args: ServerArguments, log: Log): Promise<void> {
  const { values: settings, origin } = loadSettings({ flags: args.flags, env: process.env, configFlag: args.config });
  const places = localPlaces(settings, homePaths(process.env, { configFlag: args.config }));
  const limitMb = Number(process.env.ML_SERVER_MEMORY_MB ?? "");
  let stop: (wish: Wish) => void = () => {};
  const stopped = new Promise<Wish>((resolve) => {
    stop = resolve;
  });
  process.chdir("/");
  const server = await openServer({
    settings,
    base: places.base,
    log,
    worker: args.worker,
    listenGiven: origin("listen") !== "default",
    socket: args.socket,
    ...(limitMb > 0 ? { memoryLimitBytes: limitMb * 1e6 } : {}),
    onStop: (reason, again) => stop({ reason, again }),
  });
  watchForBugs(server);
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.on(signal, () => stop({ reason: signal, again: false }));
  }
  const wish = await stopped;
  log.say("info", "stopping, runs go on", { why: wish.reason });
  const late = setTimeout(() => {
    log.say("warn", "the stop took too long and is cut short");
    process.exit(0);
  }, stopMs);
  await server.close();
  clearTimeout(late);
  if (wish.again) replaceSelf();
}

function watchForBugs(server: OpenServer): void {
  const note = (what: string) => (cause: unknown) => {
    traceBug(server.services, what, cause);
  };
  process.on("uncaughtException", note("uncaught exception"));
  process.on("unhandledRejection", note("unhandled rejection"));
}

/** Exits by itself: 0 after a clean stop, else by the code of what went wrong. */
export async function serverMain(args: string[]): Promise<void> {
  let log: Log | null = null;
  let logged = false;
  try {
    const parsed = parseServerArguments(args);
    if (parsed.help) {
      process.stdout.write(serverHelp);
      return;
    }
    process.umask(0o077);
    log = openLog(parsed.logFile);
    logged = parsed.logFile !== null;
    await serve(parsed, log);
    process.exit(0);
  } catch (cause) {
    const error = asMlError(cause, "starting the server");
    // Without a file of its own the log goes where the words below go.
    if (logged) log?.say("error", "the server ends", { why: error.message });
    const lines = [`ml: ${error.message}`];
    if (error.detail.cause) lines.push(`cause: ${error.detail.cause}`);
    if (error.detail.hint) lines.push(`hint: ${error.detail.hint}`);
    process.stderr.write(`${lines.join("\n")}\n`);
    process.exit(error.exitCode);
  }
}
