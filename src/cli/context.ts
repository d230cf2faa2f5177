/**
 * Makes the Context of one command: settings, output, and a connection that is opened when first asked for, to the
 * configured server, or the local one, started where the command may start it.
 */
import { connect } from "../client/connect.ts";
import type { Connection } from "../client/connection.ts";
import { directTo } from "../client/direct.ts";
import { parseTarget, type Target } from "../client/target.ts";
import { type HomePaths, localPlaces, requireHome } from "../config/home.ts";
import type { Resolved } from "../config/resolve.ts";
import { MlError, messageOf } from "../core/error.ts";
import type { Command, CommandEntry, ConnectOptions, Context, LoadTerminalUi } from "./command.ts";
import { isGone, isLate, noServer, readServerRecord, recordTarget } from "./local-server.ts";
import type { Output } from "./output.ts";
import type { Environment } from "./terminal.ts";

export interface ContextParts {
  command: Command;
  table: readonly CommandEntry[];
  resolved: Resolved;
  paths: HomePaths;
  output: Output;
  env: Environment;
  terminal: Context["terminal"];
  loadUi: LoadTerminalUi;
}

/** A key reaches a local socket only where it was given on purpose: there the file's owner needs none. */
function localKey(resolved: Resolved): string | null {
  return resolved.origin("api_key") === "flag" || resolved.origin("api_key") === "environment"
    ? resolved.values.api_key
    : null;
}

/** The configured server, or null where the local one is meant. Throws `bad_config`. */
export async function configuredTarget({ values }: Resolved): Promise<Target | null> {
  const { worker_host: host } = values;
  const url = values.server_url ?? (host === null ? null : `ws://${host.includes(":") ? `[${host}]` : host}:9100`);
  if (url === null) return null;
  let ca: string | null = null;
  if (values.tls_ca !== null) {
    ca = await Bun.file(values.tls_ca)
      .text()
      .catch((cause) => {
        throw new MlError("bad_config", `the certificate \`${values.tls_ca}\` (\`tls_ca\`) cannot be read`, {
          hint: "ml config set tls_ca FILE",
          cause: messageOf(cause),
        });
      });
  }
  return parseTarget(url, { key: values.api_key, ca });
}

async function openConnection(parts: ContextParts, options: ConnectOptions): Promise<Connection> {
  const { resolved, paths, output } = parts;
  const settings = {
    transport: resolved.values.transport,
    warn: (sentence: string) => output.warn(sentence),
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    ...(options.ahead === undefined ? {} : { ahead: options.ahead }),
  };
  const remote = await configuredTarget(resolved);
  if (remote !== null) return connect(async () => remote, settings);
  const places = localPlaces(resolved.values, paths, process.cwd());
  const locate = async () => {
    const record = await readServerRecord(places.serverRecord);
    if (record === null) throw noServer(places.base);
    return recordTarget(record, localKey(resolved));
  };
  const whyLate = async (error: MlError) => (await import("./silent-place.ts")).withSilentPlace(error, places);
  try {
    return await connect(locate, { ...settings, whyLate });
  } catch (cause) {
    if (isLate(cause)) throw await whyLate(cause);
    if (!isGone(cause)) throw cause;
    if (!(options.start ?? parts.command.startsServer ?? false)) throw noServer(places.base);
  }
  const { startServer } = await import("./start-server.ts");
  const { record, started } = await startServer({
    places,
    env: parts.env,
    home: paths.home,
    configPath: paths.configPath,
    onSlow: settings.warn,
  });
  if (started) {
    output.say(
      `started a local server (pid ${record.pid}), its data is in ${places.base}; stop it with \`ml server stop\``,
    );
  }
  return connect(locate, settings);
}

export interface LiveContext extends Context {
  /** Ends the connection, if there is one. */
  dispose(): void;
}

export function makeContext(parts: ContextParts): LiveContext {
  const { resolved, paths, output } = parts;
  let opened: Promise<Connection> | null = null;
  let connection: Connection | null = null;
  return {
    settings: resolved.values,
    origin: resolved.origin,
    output,
    env: parts.env,
    cwd: process.cwd(),
    get home() {
      return requireHome(paths);
    },
    configNamed: paths.configNamed,
    get configPath() {
      return paths.configPath ?? `${requireHome(paths)}/config.toml`;
    },
    terminal: parts.terminal,
    table: parts.table,
    loadUi: parts.loadUi,
    connect(options = {}) {
      opened ??= openConnection(parts, options).then((made) => {
        connection = made;
        return made;
      });
      return opened;
    },
    async direct() {
      const remote = await configuredTarget(resolved);
      if (remote !== null) return directTo(remote);
      const record = await readServerRecord(localPlaces(resolved.values, paths, process.cwd()).serverRecord);
      return record === null ? null : directTo(recordTarget(record, localKey(resolved)));
    },
    detachable: (detached, act) => detachable(output, { detached, act }),
    confirm: (question) => confirmOnTerminal(question, parts),
    dispose: () => connection?.close(),
  };
}

/** The first Ctrl-C detaches; a second, while the first is being dealt with, ends the process at once. */
async function detachable(
  output: Output,
  options: { detached: string; act: (signal: AbortSignal) => Promise<number | undefined> },
): Promise<number> {
  const abort = new AbortController();
  const interrupted = Promise.withResolvers<"interrupted">();
  const onInterrupt = () => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort(new DOMException("interrupted", "AbortError"));
    interrupted.resolve("interrupted");
  };
  process.on("SIGINT", onInterrupt);
  try {
    const result = await Promise.race([options.act(abort.signal), interrupted.promise]);
    if (result !== "interrupted" && !abort.signal.aborted) return result ?? 0;
  } catch (cause) {
    if (!abort.signal.aborted) throw cause;
  } finally {
    process.off("SIGINT", onInterrupt);
  }
  output.say(`${output.live ? "\n" : ""}${options.detached}`);
  return 130;
}

async function confirmOnTerminal(question: string, parts: ContextParts): Promise<boolean> {
  if (!parts.terminal.stdin || !parts.terminal.stderr) return false;
  const { askLine } = await import("./ask-line.ts");
  return /^y(es)?$/i.test((await askLine(`${question} [y/N] `)).trim());
}
