/**
 * The command line from words to exit code: finds the command, loads it alone, parses by its tables, runs it, and
 * reports what went wrong. The only place of the thin client that ends the process.
 */
import { type HomePaths, homePaths } from "../config/home.ts";
import type { Resolved } from "../config/resolve.ts";
import { MlError } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import { version } from "../core/version.ts";
import { type Command, type LoadTerminalUi, wordsWithGroup } from "./command.ts";
import { commands, findCommand } from "./commands.ts";
import { makeContext } from "./context.ts";
import type { Mode, Output } from "./output.ts";
import { parseCommand, parseLeading } from "./parse.ts";
import { makeOutput } from "./printer.ts";
import { askEarly } from "./read-early.ts";
import { reportError } from "./report-error.ts";
import { loadCommandSettings } from "./settings.ts";
import { emit, flushStreams } from "./streams.ts";
import { isTerminal, isUtf8, terminalWidth, wantsColour } from "./terminal.ts";

/** `calledAs` is the last part of the name by which we were started; `loadUi` loads the terminal UI, which is not our layer's. */
export async function cliMain(words: readonly string[], calledAs: string, loadUi: LoadTerminalUi): Promise<never> {
  const code = await runWords(calledAs === "ml-tui" ? ["monitor", "--here", ...words] : words, loadUi);
  await flushStreams();
  process.exit(code);
}

async function runWords(words: readonly string[], loadUi: LoadTerminalUi): Promise<number> {
  const { env } = process;
  const own = words.includes("--") ? words.slice(0, words.indexOf("--")) : words;
  const report = {
    json: own.includes("--json"),
    colour: wantsColour(env, isTerminal(2), { flag: null, setting: "auto" }),
    home: homePaths(env).home,
    commandLine: words,
  };
  const onBug = async (cause: unknown) => {
    const code = await reportError(cause, report);
    await flushStreams();
    process.exit(code);
  };
  process.on("uncaughtException", onBug);
  process.on("unhandledRejection", onBug);
  try {
    return await dispatch(words, loadUi);
  } catch (cause) {
    return reportError(cause, report);
  }
}

async function dispatch(words: readonly string[], loadUi: LoadTerminalUi): Promise<number> {
  const leading = parseLeading(words);
  if (leading.values.version === true) return sayVersion(leading.values, loadUi);
  const name = words[leading.at];
  if (name === undefined || name === "--")
    return runCommand(await load("help"), { title: "ml help", words: [], leading, loadUi });
  const { home, configPath } = homePaths(process.env);
  if (configPath !== null) askEarly(configPath);
  if (home !== null) askEarly(`${home}/data/server.json`);
  let command = await load(name);
  let title = `ml ${name}`;
  let at = leading.at + 1;
  const action = command.actions?.[words[at] ?? ""];
  if (action !== undefined) {
    command = action;
    title += ` ${words[at]}`;
    at += 1;
  } else checkAction(command, words[at], title);
  return runCommand(command, { title, words: words.slice(at), leading, loadUi });
}

function checkAction(command: Command, word: string | undefined, title: string): void {
  // A command that takes a script as well takes every other word for one.
  if (command.actions === undefined || command.script || word === undefined || word.startsWith("-")) return;
  const names = Object.keys(command.actions);
  const near = nearest(word, names);
  throw new MlError("usage", `\`${title}\` has no \`${word}\``, {
    hint: near === null ? `it has ${names.join(", ")}` : `did you mean \`${title} ${near}\`?`,
  });
}

async function load(name: string): Promise<Command> {
  const entry = findCommand(name);
  if (entry !== null) return (await entry.load()).command;
  const near = nearest(
    name,
    commands.filter((one) => !one.hidden).map((one) => one.name),
  );
  throw new MlError("usage", `there is no command \`${name}\``, {
    hint: near === null ? "`ml help` lists them" : `did you mean \`ml ${near}\`?`,
  });
}

interface Call {
  title: string;
  words: readonly string[];
  leading: ReturnType<typeof parseLeading>;
  loadUi: LoadTerminalUi;
}

/** `--version`: without loading anything where only a line is wanted. */
async function sayVersion(flags: Readonly<Record<string, unknown>>, loadUi: LoadTerminalUi): Promise<number> {
  const mode = modeOf(flags);
  if (mode === "human") {
    emit(1, `ml ${version}\n`);
    return 0;
  }
  const leading = parseLeading([`--${mode}`]);
  return runCommand(await load("version"), { title: "ml version", words: [], leading, loadUi });
}

function modeOf(flags: Readonly<Record<string, unknown>>): Mode {
  const chosen = (["json", "plain", "quiet"] as const).filter((name) => flags[name] === true);
  if (chosen.length > 1 && !(chosen.length === 2 && chosen.includes("quiet"))) {
    throw new MlError("usage", `\`--${chosen[0]}\` and \`--${chosen[1]}\` exclude each other`, { hint: "choose one" });
  }
  return chosen[0] ?? "human";
}

function outputFor(flags: Readonly<Record<string, unknown>>, colourSetting: string): Output {
  const { env } = process;
  const flag = typeof flags.color === "string" ? flags.color : null;
  const terminal = isTerminal(1);
  return makeOutput({
    mode: modeOf(flags),
    colour: wantsColour(env, terminal, { flag, setting: colourSetting }),
    unicode: isUtf8(env),
    columns: terminal ? terminalWidth(1) : null,
    talkColumns: isTerminal(2) && env.TERM !== "dumb" ? terminalWidth(2) : null,
  });
}

async function runCommand(command: Command, call: Call): Promise<number> {
  const { title, words, leading } = call;
  const args = parseCommand(command, words, { title, leading });
  const flags = args.flags as Readonly<Record<string, unknown>>;
  const { env } = process;
  if (flags.version === true) return sayVersion(flags, call.loadUi);
  const paths = homePaths(env, { configFlag: (flags.config as string | null) ?? null });
  if (flags.help === true) {
    const { commandText } = await import("./help-text.ts");
    const output = outputFor(flags, "auto");
    const paint = {
      strong: (text: string) => output.paint("strong", text),
      dim: (text: string) => output.paint("dim", text),
    };
    emit(1, commandText(command, title, paint));
    return 0;
  }
  const resolved = await settingsFor(command, { flags, paths });
  const output = outputFor(flags, resolved.values.color);
  const context = makeContext({
    command,
    table: commands,
    resolved,
    paths,
    output,
    env,
    terminal: { stdin: isTerminal(0), stdout: isTerminal(1), stderr: isTerminal(2) },
    loadUi: call.loadUi,
  });
  try {
    return (await command.run(context, { ...args, words: wordsWithGroup(command, args) })) ?? 0;
  } finally {
    context.dispose();
  }
}

/** A command that mends or explains the config goes on without it where it is broken. */
async function settingsFor(
  command: Command,
  options: { flags: Readonly<Record<string, unknown>>; paths: HomePaths },
): Promise<Resolved> {
  try {
    return await loadCommandSettings(options.flags, process.env);
  } catch (cause) {
    if (!command.brokenConfig) throw cause;
    const { resolveSettings } = await import("../config/resolve.ts");
    return resolveSettings({ flags: {}, env: {}, file: null });
  }
}
