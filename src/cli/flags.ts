/** Flags, declared as values: each says its type, its one line of help and what completes it. Nothing parses here. */

/** What completes a value: words the server knows, files, or nothing. */
export type Completes =
  | "run"
  | "live_run"
  | "tag"
  | "group"
  | "metric"
  | "dataset"
  | "query"
  | "file"
  | "folder"
  | "command"
  | "setting";

export interface Flag<Value = unknown> {
  kind: "on" | "text" | "texts" | "number" | "choice";
  about: string;
  /** What help shows for the value: `URL`. Empty for `on`. */
  value: string;
  /** One letter. */
  short?: string | undefined;
  choices?: readonly string[] | undefined;
  complete?: Completes | undefined;
  hidden?: boolean | undefined;
  /** Bounds of a number, and whether it must be whole. */
  least?: number | undefined;
  most?: number | undefined;
  whole?: boolean | undefined;
  /** What it is where not given. */
  fallback: Value;
  /** For `texts`: what it means where no value follows, at the end or before another flag. */
  bare?: string | undefined;
  /** After a script this flag is the script's: many scripts have one of that name. */
  scriptKeeps?: boolean | undefined;
}

export type FlagTable = Readonly<Record<string, Flag>>;
export type FlagValues<Flags extends FlagTable> = {
  [Name in keyof Flags]: Flags[Name] extends Flag<infer Value> ? Value : never;
};

type Extra = Partial<Pick<Flag, "short" | "complete" | "hidden" | "scriptKeeps" | "bare">>;
type NumberExtra = Extra & Partial<Pick<Flag, "least" | "most" | "whole">>;

export const flag = {
  /** `--name`, `--no-name`. */
  on: (about: string, extra: Extra = {}): Flag<boolean> => ({
    kind: "on",
    about,
    value: "",
    fallback: false,
    ...extra,
  }),
  /** `--name VALUE`, `--name=VALUE`; null where not given; the last one counts. */
  text: (value: string, about: string, extra: Extra = {}): Flag<string | null> => ({
    kind: "text",
    about,
    value,
    fallback: null,
    ...extra,
  }),
  /** May be given several times. */
  texts: (value: string, about: string, extra: Extra = {}): Flag<string[]> => ({
    kind: "texts",
    about,
    value,
    fallback: [],
    ...extra,
  }),
  /** Checked against `least`, `most` and `whole`. */
  number: (value: string, about: string, extra: NumberExtra = {}): Flag<number | null> => ({
    kind: "number",
    about,
    value,
    fallback: null,
    ...extra,
  }),
  choice: <Choice extends string>(
    choices: readonly Choice[],
    about: string,
    extra: Extra = {},
  ): Flag<Choice | null> => ({
    kind: "choice",
    about,
    value: choices.join("|"),
    choices,
    fallback: null,
    ...extra,
  }),
};

/** Flags that every command understands. */
export const globalFlags = {
  json: flag.on("print one JSON value (JSON Lines when following)"),
  quiet: flag.on("print only ids, one a line", { short: "q" }),
  plain: flag.on("print tab-separated fields, never cut"),
  color: flag.choice(["auto", "always", "never"], "colour in the output"),
  server: flag.text("URL", "the server to talk to (ws://, wss://, or a socket path)"),
  key: flag.text("KEY", "the API key to use", { scriptKeeps: true }),
  config: flag.text("FILE", "the config file to use", { complete: "file", scriptKeeps: true }),
  base: flag.text("FOLDER", "the base directory of the local server", { complete: "folder", scriptKeeps: true }),
  help: flag.on("explain the command", { short: "h" }),
  version: flag.on("print the version", { scriptKeeps: true }),
} as const;
