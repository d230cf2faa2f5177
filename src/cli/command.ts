/**
 * What a command is: a name, its words and flags declared once (parsing, help, completion and docs/cli.md come from
 * that), and `run`. A command prints through `context.output` and throws MlError; it neither exits nor touches
 * process.stdout. `commands.ts` lists all commands and loads each lazily; `main.ts` is the only caller.
 *
 *     export const command = defineCommand({
 *       name: "cancel", group: "queue", summary: "stop runs", startsServer: false,
 *       positionals: [{ name: "RUN", about: "which runs", many: true, complete: "live_run" }],
 *       flags: { now: flag.on("skip the grace period"), reason: flag.text("TEXT", "why", { short: "m" }) },
 *       examples: [["ml cancel @last", "the newest run"]],
 *       async run(context, args) { args.flags.now; args.flags.reason; args.words; },
 *     });
 */
import type { Connection } from "../client/connection.ts";
import type { Reach } from "../client/direct.ts";
import type { Origin, SettingKey, Settings } from "../config/settings.ts";
import type { Ask } from "../protocol/requests.ts";
import { type Flag, type FlagTable, type FlagValues, flag } from "./flags.ts";
import type { Output } from "./output.ts";

export type CommandGroup = "set up" | "queue" | "watch" | "think" | "data" | "keep" | "code";

export interface Positional {
  /** In capitals, as help shows it: `RUN`. */
  name: string;
  about: string;
  /** May be left out. Only the last ones may. */
  optional?: boolean;
  /** Takes all that is left, at least one unless optional. Only the last one. */
  many?: boolean;
  complete?: Flag["complete"];
  choices?: readonly string[];
}

export interface Arguments<Flags extends FlagTable = FlagTable> {
  flags: FlagValues<Flags>;
  /** Positional words in order, counted and checked against `positionals`. */
  words: string[];
  /** For `script: true`: the script and its own arguments, exactly as typed; empty where none was given. */
  script: string[];
  /** Names of flags that stood on the command line, for telling a default from a wish. */
  given: ReadonlySet<string>;
}

export interface Command<Flags extends FlagTable = FlagTable> {
  name: string;
  group: CommandGroup;
  /** One line, lower case, no full stop. */
  summary: string;
  /** More for `ml help NAME`: paragraphs. */
  about?: string;
  positionals: readonly Positional[];
  flags: Flags;
  /** Pairs of a command line and what it does. */
  examples: readonly (readonly [string, string])[];
  /** `context.connect()` starts an embedded local server where none is configured and none runs. */
  startsServer?: boolean;
  /** The first positional begins a script: see parse.ts. `positionals` then only serve help. */
  script?: boolean;
  /** Runs with default settings where the config file is broken, because it mends or explains it. */
  brokenConfig?: boolean;
  /** Commands one level down (`ml key add`). With these, `run` is what the bare command does. */
  actions?: Readonly<Record<string, Command>>;
  /** Names of the documented JSON values that it prints with --json, such as `ml.status/1`, and a line on each. */
  schemas?: Readonly<Record<string, string>>;
  /** The exit code; nothing means 0. Throws MlError. */
  run(context: Context, args: Arguments<Flags>): Promise<number | undefined>;
}

/** Understood by every command that takes the names of runs. */
const groupFlag = flag.text("GROUP", "where a run is named best:METRIC or min:METRIC: among the runs of this group", {
  complete: "group",
});

export function namesRun(positional: Positional | undefined): boolean {
  return positional?.complete === "run" || positional?.complete === "live_run";
}

/** Gives `args.flags` their types from the declared flags; the result fits the untyped table of commands. */
export function defineCommand<Flags extends FlagTable>(command: Command<Flags>): Command {
  const flags = command.positionals.some(namesRun) ? { group: groupFlag, ...command.flags } : command.flags;
  return { ...command, flags } as unknown as Command;
}

/** The words of a command with `--group` folded into the names of runs: `best:val_acc` becomes `best:val_acc@GROUP`. */
export function wordsWithGroup(command: Command, args: Arguments): string[] {
  const { group } = args.flags;
  if (typeof group !== "string" || command.script) return args.words;
  const last = command.positionals.length - 1;
  return args.words.map((word, index) =>
    namesRun(command.positionals[Math.min(index, last)]) && /^(best|min):[^@]+$/.test(word) ? `${word}@${group}` : word,
  );
}

/** A line of the table of commands: enough for `ml help` and completion without loading the command. */
export interface CommandEntry {
  name: string;
  group: CommandGroup;
  summary: string;
  /** Not listed: for our own use. */
  hidden?: boolean;
  load(): Promise<{ command: Command }>;
}

export interface ConnectOptions {
  /** Overrides the command's `startsServer`. */
  start?: boolean;
  /** Stop trying after this long; default 10 s. */
  timeoutMs?: number;
  /** The first ask, if it may be repeated: it travels with the greeting. `connection.ask` with the same body takes the reply. */
  ahead?: { name: Ask; body: object };
}

/** What is typed before there is a screen. */
export interface KeysHeld {
  handOver(): (sequence: string) => boolean;
  replay(): void;
  /** No screen will come: the terminal is as it was. */
  letGo(): void;
}

/** What `ml monitor` asks of the terminal UI, which is a layer beside ours: main.ts hands it in. */
export interface TerminalUi {
  /** Throws \`refused\` where this build cannot open a screen. */
  checkBuild(): void;
  /** From now on what is typed is kept for the screen. */
  holdKeys(): KeysHeld;
  monitor(options: UiOptions & { keysHeld: KeysHeld }): Promise<number>;
  pictureOnce(options: UiOptions & { width: number; height: number }): Promise<string>;
}
export type LoadTerminalUi = () => Promise<TerminalUi>;

export interface UiOptions {
  connection: Connection;
  /** Where to begin: a run by any of its names, a view, a tab. */
  run: string | null;
  view: string | null;
  tab: string | null;
  readonly: boolean;
  keys: string | null;
  unicode: boolean;
  colour: boolean;
  /** The environment, with what our own command line said as variables. */
  env: Readonly<Record<string, string | undefined>>;
  cwd: string;
  /** What our command line can do, by name. */
  commands: readonly string[];
}

export interface Context {
  readonly settings: Settings;
  origin(key: SettingKey): Origin;
  readonly output: Output;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The folder in which the command was typed. */
  readonly cwd: string;
  /** `ML_HOME` or `~/.ml`, and the config file in use, whether or not they exist. */
  readonly home: string;
  readonly configPath: string;
  /** Another config file than the usual one was named, by flag or variable. */
  readonly configNamed: boolean;
  /** Which of the three are terminals. */
  readonly terminal: { stdin: boolean; stdout: boolean; stderr: boolean };
  readonly table: readonly CommandEntry[];
  readonly loadUi: LoadTerminalUi;
  /** One connection a command; later calls give the same. Closed after the command. Throws `unreachable` and others. */
  connect(options?: ConnectOptions): Promise<Connection>;
  /** The same server by single requests, without a connection; null where none is known yet. Throws `bad_config`. */
  direct(): Promise<Reach | null>;
  /**
   * Runs what follows or watches. Ctrl-C aborts `signal`, prints `detached` (say that the run goes on) and makes the
   * command end with 130. `act` may simply reject or return when aborted.
   */
  detachable(detached: string, act: (signal: AbortSignal) => Promise<number | undefined>): Promise<number>;
  /** Asks on the terminal; false where there is none to ask. `question` without `[y/N]`. */
  confirm(question: string): Promise<boolean>;
}
