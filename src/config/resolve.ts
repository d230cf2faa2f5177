/**
 * Settings from their four sources, as a pure function: flag > `ML_…` > config file > default, each value with its
 * origin. A wrong config is refused with line, column and a caret; nothing of it is used.
 */
import { MlError, messageOf, systemCode } from "../core/error.ts";
import { nearest } from "../core/nearest.ts";
import { readToml } from "./read-toml.ts";
import { type Origin, type SettingKey, type Settings, settings } from "./settings.ts";

export type Environment = Readonly<Record<string, string | undefined>>;

export interface ConfigFile {
  path: string;
  text: string;
  /** Permission bits, for the check that nobody else reads a key; null skips it. */
  mode: number | null;
}

export type FileValues = Partial<Record<SettingKey, string | number | boolean>>;

export interface Resolved {
  values: Settings;
  origin(key: SettingKey): Origin;
  /** The config file that was read, or null where there is none. */
  path: string | null;
}

export const settingKeys = Object.keys(settings) as SettingKey[];

export function environmentName(key: SettingKey): string {
  return `ML_${key.toUpperCase()}`;
}

function inRange(key: SettingKey, value: number): boolean {
  const { range } = settings[key];
  if (!Number.isFinite(value) || (range?.whole && !Number.isInteger(value))) return false;
  return value >= (range?.least ?? -Infinity) && value <= (range?.most ?? Infinity);
}

/** `a whole number from 1 to 10`, `a number of at least 0`. */
function wantedNumber(key: SettingKey): string {
  const { range } = settings[key];
  const kind = range?.whole ? "a whole number" : "a number";
  if (range === undefined) return kind;
  return range.most === undefined
    ? `${kind} of at least ${range.least}`
    : `${kind} from ${range.least} to ${range.most}`;
}

/** A text from the command line or environment as the type of `key`. Throws `bad_config` naming `where`. */
export function parseSetting(key: SettingKey, text: string, where: string): string | number | boolean {
  const declared = settings[key];
  if (declared.kind === "number") {
    const value = text.trim() === "" ? Number.NaN : Number(text);
    if (inRange(key, value)) return value;
    throw new MlError("bad_config", `${where} wants ${wantedNumber(key)}, not \`${text}\``);
  }
  if (declared.kind === "boolean") {
    if (/^(true|1|yes|on)$/i.test(text)) return true;
    if (/^(false|0|no|off)$/i.test(text)) return false;
    throw new MlError("bad_config", `${where} wants true or false, not \`${text}\``);
  }
  checkChoice(key, text, where);
  declared.check?.(text);
  return text;
}

function checkChoice(key: SettingKey, text: string, where: string): void {
  const declared = settings[key];
  if (declared.kind !== "choice" || declared.choices?.includes(text)) return;
  throw new MlError("bad_config", `${where} wants one of ${declared.choices?.join(", ")}, not \`${text}\``);
}

/** Line and column (from 1) of a top-level `key`, or of its value; 1, 1 where it is not found. */
function positionOf(text: string, key: string, part: "key" | "value"): { line: number; column: number } {
  const lines = text.split("\n");
  const escaped = key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const start = new RegExp(`^\\uFEFF?\\s*\\[?\\s*["']?${escaped}["']?\\s*`);
  for (const [index, line] of lines.entries()) {
    const match = start.exec(line);
    if (match === null) continue;
    const value = /^=\s*/.exec(line.slice(match[0].length));
    const before = part === "value" && value !== null ? match[0].length + value[0].length : line.search(/[^\s\uFEFF]/);
    return { line: index + 1, column: before + 1 };
  }
  return { line: 1, column: 1 };
}

/** A sentence with the place, and the line with a caret under it as the cause. */
function configError(file: ConfigFile, at: { line: number; column: number }, why: string, hint?: string): MlError {
  const line = (file.text.split("\n")[at.line - 1] ?? "").replace(/\r$/, "").replaceAll("\t", " ");
  const secret = /api_key|password|secret|webhook/.test(line);
  const shown = secret ? line.replace(/=.*/, "= …") : line;
  const number = `${at.line} | `;
  const caret = " ".repeat(number.length + Math.min(at.column - 1, shown.length));
  return new MlError("bad_config", `\`${file.path}\`, line ${at.line}, column ${at.column}: ${why}`, {
    cause: `\n${number}${shown}\n${caret}^`,
    hint: hint ?? `mend that line of ${file.path}`,
    data: { path: file.path, line: at.line, column: at.column },
  });
}

function checkFileValue(file: ConfigFile, key: SettingKey, value: unknown): string | number | boolean {
  const declared = settings[key];
  const wanted = declared.kind === "number" ? "number" : declared.kind === "boolean" ? "boolean" : "string";
  const at = positionOf(file.text, key, "value");
  if (typeof value !== wanted || (wanted === "number" && !inRange(key, value as number))) {
    const article =
      wanted === "string" ? "a text in quotes" : wanted === "number" ? wantedNumber(key) : "true or false";
    throw configError(file, at, `\`${key}\` wants ${article}`);
  }
  if (declared.kind === "choice" && !declared.choices?.includes(value as string)) {
    throw configError(file, at, `\`${key}\` wants one of ${declared.choices?.join(", ")}, not \`${value}\``);
  }
  try {
    if (typeof value === "string") declared.check?.(value);
  } catch (cause) {
    throw configError(file, at, messageOf(cause), cause instanceof MlError ? cause.detail.hint : undefined);
  }
  return value as string | number | boolean;
}

function checkSecrecy(file: ConfigFile, found: Record<string, unknown>): void {
  if (file.mode === null || (file.mode & 0o044) === 0) return;
  const key = settingKeys.find((name) => settings[name].secret && name in found);
  if (key === undefined) return;
  throw new MlError("not_allowed", `\`${file.path}\` holds your \`${key}\` and others can read it`, {
    cause: `its permissions are ${(file.mode & 0o777).toString(8).padStart(4, "0")}`,
    hint: `chmod 600 ${file.path}`,
  });
}

/** What a config file says, checked against the table. Throws `bad_config`, or `not_allowed` for a key others can read. */
export function readConfig(file: ConfigFile): FileValues {
  const { table: found, mistake } = readToml(file.text);
  if (found === null) throw configError(file, mistake, mistake.why);
  checkSecrecy(file, found);
  const values: FileValues = {};
  for (const [key, value] of Object.entries(found)) {
    if (!(key in settings)) {
      const near = nearest(key, settingKeys);
      const hint = near === null ? "`ml config show` lists every key" : `did you mean \`${near}\`?`;
      throw configError(file, positionOf(file.text, key, "key"), `there is no setting \`${key}\``, hint);
    }
    values[key as SettingKey] = checkFileValue(file, key as SettingKey, value);
  }
  return values;
}

/** Null for a file that is not there and was not asked for by name; else throws `bad_config` or `not_allowed`. */
export function missingConfig(path: string, options: { named: boolean; cause: unknown }): null {
  const code = systemCode(options.cause);
  if (code === "ENOENT" || code === "ENOTDIR") {
    if (!options.named) return null;
    throw new MlError("bad_config", `the config file \`${path}\` is not there`, {
      hint: "`ml init` writes one; `ml config path` tells which file is used",
    });
  }
  const denied = code === "EACCES" || code === "EPERM";
  throw new MlError(denied ? "not_allowed" : "bad_config", `reading the config file \`${path}\` failed`, {
    cause: messageOf(options.cause),
    ...(denied ? { hint: `make it yours: \`sudo chown $USER ${path} && chmod 600 ${path}\`` } : {}),
  });
}

export interface Sources {
  /** By key; null and undefined mean not given. */
  flags?: Partial<Record<SettingKey, string | number | boolean | null>>;
  env: Environment;
  file: ConfigFile | null;
}

/** Throws `bad_config` and `not_allowed`. */
export function resolveSettings(sources: Sources): Resolved {
  const fromFile = sources.file === null ? {} : readConfig(sources.file);
  const values: Record<string, unknown> = {};
  const origins = new Map<SettingKey, Origin>();
  for (const key of settingKeys) {
    const flag = sources.flags?.[key];
    const fromEnv = sources.env[environmentName(key)];
    const [value, origin]: [unknown, Origin] =
      flag !== undefined && flag !== null
        ? [flag, "flag"]
        : fromEnv !== undefined && fromEnv !== ""
          ? [parseSetting(key, fromEnv, `\`${environmentName(key)}\` in the environment`), "environment"]
          : fromFile[key] !== undefined
            ? [fromFile[key], "file"]
            : [settings[key].default, "default"];
    values[key] = value;
    origins.set(key, origin);
  }
  return {
    values: values as unknown as Settings,
    origin: (key) => origins.get(key) ?? "default",
    path: sources.file?.path ?? null,
  };
}
