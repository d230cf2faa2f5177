/** `ml config show·get·set·unset·path`: every setting with its value and where that came from. Keys are never printed in full. */
import { resolve } from "node:path";
import { type Changes, editConfig, readConfigText, settingsIn, writeConfigText } from "../../config/edit.ts";
import { environmentName, parseSetting, readConfig, settingKeys } from "../../config/resolve.ts";
import { type SettingKey, settings } from "../../config/settings.ts";
import { MlError } from "../../core/error.ts";
import { nearest } from "../../core/nearest.ts";
import { safeText } from "../../view/safe-text.ts";
import { type Context, defineCommand } from "../command.ts";
import { flag } from "../flags.ts";
import { textTable } from "../text-table.ts";

type Value = string | number | boolean | null;

/** Enough of a secret to recognise it, not to use it. */
export function maskSecret(value: string): string {
  return value.length > 12 ? `${value.slice(0, 4)}…` : "…";
}

function shownValue(context: Context, key: SettingKey): Value {
  const value = context.settings[key] as Value;
  return settings[key].secret && typeof value === "string" ? maskSecret(value) : value;
}

function requireKey(word: string): SettingKey {
  if (word in settings) return word as SettingKey;
  const near = nearest(word.toLowerCase().replace(/^ml_/, "").replaceAll("-", "_"), settingKeys);
  throw new MlError("usage", `there is no setting \`${word}\``, {
    hint: near === null ? "`ml config show` lists every key" : `did you mean \`${near}\`?`,
  });
}

const originWords: Record<string, (context: Context, key: SettingKey) => string> = {
  flag: () => "flag",
  environment: (_context, key) => environmentName(key),
  file: (context) => context.configPath,
  default: () => "default",
};

const show = defineCommand({
  name: "show",
  group: "set up",
  summary: "every setting, its value, and where that came from",
  positionals: [],
  flags: {},
  examples: [["ml config show", "flag, environment, file or default for each"]],
  schemas: {
    "ml.config/1": "`path`, `settings`: by key `value`, `origin` (flag, environment, file, default), `about`",
  },
  async run(context) {
    const rows = settingKeys.map((key) => ({
      key,
      value: shownValue(context, key),
      origin: context.origin(key),
      about: settings[key].about,
    }));
    context.output.result({
      schema: "ml.config/1",
      value: () => ({
        path: context.configPath,
        settings: Object.fromEntries(rows.map(({ key, ...rest }) => [key, rest])),
      }),
      ids: () => rows.map((row) => row.key),
      rows: () => rows.map((row) => [row.key, row.value, row.origin]),
      human: () =>
        textTable(
          ["setting", "value", "from"],
          rows.map((row) => [
            row.key,
            row.value === null ? "-" : safeText(String(row.value)),
            safeText(originWords[row.origin]?.(context, row.key) ?? row.origin),
          ]),
          { heading: (text) => context.output.paint("dim", text) },
        ),
    });
  },
});

const keyWord = { name: "KEY", about: "the setting, as `ml config show` lists it", choices: settingKeys };

const get = defineCommand({
  name: "get",
  group: "set up",
  summary: "one value; nothing where it has none",
  positionals: [{ name: keyWord.name, about: keyWord.about, complete: "setting" }],
  flags: { reveal: flag.on("print a secret in full") },
  examples: [["ml config get server_url", "for scripts"]],
  schemas: { "ml.config.get/1": "`key`, `value`, `origin`" },
  async run(context, args) {
    const key = requireKey(args.words[0] ?? "");
    const value = args.flags.reveal ? (context.settings[key] as Value) : shownValue(context, key);
    const text = value === null ? "" : String(value);
    context.output.result({
      schema: "ml.config.get/1",
      value: () => ({ key, value, origin: context.origin(key) }),
      ids: () => [text],
      rows: () => [[key, value, context.origin(key)]],
      human: () => (text === "" ? "" : `${context.terminal.stdout ? safeText(text) : text}\n`),
    });
  },
});

/** Files of this machine: a relative name is meant from where it was typed, and `ml` is called from anywhere. */
const atHome: ReadonlySet<SettingKey> = new Set<SettingKey>(["tls_ca", "tls_cert", "tls_key", "state_dir"]);

const set = defineCommand({
  name: "set",
  group: "set up",
  summary: "write a value into the config file, keeping the rest of it",
  brokenConfig: true,
  positionals: [
    { name: keyWord.name, about: keyWord.about, complete: "setting" },
    {
      name: "VALUE",
      about: "the value; `-` reads it from stdin, so that a key stays out of the history",
      optional: true,
    },
  ],
  flags: { unset: flag.on("as `ml config unset KEY`") },
  examples: [["ml config set server_url wss://worker.local", "a server elsewhere"]],
  schemas: { "ml.config.set/1": "`key`, `value` (masked where secret), `path`" },
  async run(context, args) {
    const key = requireKey(args.words[0] ?? "");
    const given = args.words[1];
    if ((given === undefined) !== args.flags.unset) {
      throw new MlError("usage", "`ml config set` wants a value", {
        hint: `ml config set ${key} VALUE; \`ml config unset ${key}\` goes back to the default`,
      });
    }
    const text = given === "-" ? (await Bun.stdin.text()).trim() : given;
    const value =
      text === undefined ? null : checkValue(key, atHome.has(key) && text !== "" ? resolve(context.cwd, text) : text);
    const path = context.configPath;
    writeChanges(path, { [key]: value });
    const shown = settings[key].secret && typeof value === "string" ? maskSecret(value) : value;
    context.output.result({
      schema: "ml.config.set/1",
      value: () => ({ key, value: shown, path }),
      ids: () => [key],
      rows: () => [[key, shown, path]],
      human: () => (value === null ? `${key} is no longer set in ${path}\n` : `${key} = ${shown} (in ${path})\n`),
    });
    warnOfEnvironment(context, key);
  },
});

function writeChanges(path: string, changes: Changes): void {
  const edited = editConfig(readConfigText(path), changes);
  readConfig({ path, text: edited, mode: null });
  writeConfigText(path, edited);
}

function warnOfEnvironment({ env, output }: Context, key: SettingKey): void {
  const name = environmentName(key);
  if (env[name]) output.warn(`\`${name}\` in the environment goes before the file`);
}

const unset = defineCommand({
  name: "unset",
  group: "set up",
  summary: "take settings out of the config file, back to their defaults, keeping the rest of it",
  brokenConfig: true,
  positionals: [{ name: keyWord.name, about: keyWord.about, complete: "setting", many: true }],
  flags: {},
  examples: [
    ["ml config unset python", "back to the default"],
    ["ml config unset server_url api_key", "a server elsewhere no more"],
  ],
  schemas: { "ml.config.unset/1": "`path`, `settings`: each `key`, `was_set` (whether it stood in the file)" },
  async run(context, args) {
    const keys = [...new Set(args.words.map(requireKey))];
    const path = context.configPath;
    const written = settingsIn(readConfigText(path));
    const rows = keys.map((key) => ({ key, was_set: key in written }));
    const gone = rows.filter((row) => row.was_set);
    if (gone.length > 0) writeChanges(path, Object.fromEntries(gone.map(({ key }) => [key, null])));
    context.output.result({
      schema: "ml.config.unset/1",
      value: () => ({ path, settings: rows }),
      ids: () => keys,
      rows: () => rows.map(({ key, was_set }) => [key, was_set, path]),
      human: () =>
        rows
          .map(({ key, was_set }) => `${key} ${was_set ? "is no longer set" : "was not set"} in ${safeText(path)}\n`)
          .join(""),
    });
    for (const key of keys) warnOfEnvironment(context, key);
  },
});

function checkValue(key: SettingKey, text: string): string | number | boolean {
  try {
    return parseSetting(key, text, `\`${key}\``);
  } catch (cause) {
    if (cause instanceof MlError) throw new MlError("usage", cause.message, { hint: settings[key].about });
    throw cause;
  }
}

const path = defineCommand({
  name: "path",
  group: "set up",
  summary: "which config file is used, whether or not it exists",
  brokenConfig: true,
  positionals: [],
  flags: {},
  examples: [['"$EDITOR" "$(ml config path)"', "edit it"]],
  schemas: { "ml.config.path/1": "`path`, `exists`" },
  async run(context) {
    const { configPath } = context;
    const exists = await Bun.file(configPath).exists();
    context.output.result({
      schema: "ml.config.path/1",
      value: () => ({ path: configPath, exists }),
      ids: () => [configPath],
      rows: () => [[configPath, exists]],
      human: () => `${configPath}\n`,
    });
  },
});

export const command = defineCommand({
  name: "config",
  group: "set up",
  summary: "show and change settings",
  about:
    "A flag goes before the environment (ML_ and the key in capitals), that before the config file, that before the default.",
  positionals: [],
  flags: {},
  examples: [],
  actions: { show, get, set, unset, path },
  run: (context, args) => show.run(context, args),
});
