/**
 * Changes single settings in the text of a config file and leaves all else as it is: comments, order, unknown lines.
 * Works line by line and then reads the result back; where that is not what was wanted, it refuses.
 */
import { mkdirSync, readFileSync, realpathSync } from "node:fs";
import { dirname } from "node:path";
import { writeDurable } from "../core/durable.ts";
import { asMlError, MlError, messageOf, systemCode } from "../core/error.ts";
import type { SettingKey } from "./settings.ts";

export type Changes = Partial<Record<SettingKey, string | number | boolean | null>>;

/** JSON's strings and numbers are TOML's, but for DEL, which TOML wants escaped. */
function tomlValue(value: string | number | boolean): string {
  return JSON.stringify(value).replaceAll("\u007f", "\\u007f");
}

function parse(text: string): Record<string, unknown> {
  return Bun.TOML.parse(text.replace(/^\uFEFF/, "")) as Record<string, unknown>;
}

/** What stands in it, as it was written. Throws `bad_config` where it is no TOML. */
export function settingsIn(text: string): Record<string, unknown> {
  try {
    return parse(text);
  } catch (cause) {
    throw new MlError("bad_config", "the config file is damaged", {
      cause: messageOf(cause).split("\n")[0],
      hint: "open it in an editor: `ml config path` tells where it is",
    });
  }
}

function trailingComment(line: string): string {
  return /^[^=]*=\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^#"']*?)(\s*#.*)$/.exec(line)?.[1] ?? "";
}

/** The text with `changes` made; null takes a setting out. Throws `bad_config` where it cannot be done line by line. */
export function editConfig(text: string, changes: Changes): string {
  const end = text.includes("\r\n") ? "\r\n" : "\n";
  let lines = text === "" ? [] : text.replace(/\r?\n$/, "").split(/\r?\n/);
  for (const [key, value] of Object.entries(changes)) {
    const isKey = (line: string) => new RegExp(`^\\uFEFF?\\s*["']?${key}["']?\\s*=`).test(line);
    const firstTable = lines.findIndex((line) => /^\s*\[/.test(line));
    const top = firstTable < 0 ? lines.length : firstTable;
    const at = lines.findIndex((line, index) => index < top && isKey(line));
    const comment = trailingComment(lines[at] ?? "");
    const line = value === null || value === undefined ? [] : [`${key} = ${tomlValue(value)}${comment}`];
    if (at >= 0) lines = lines.toSpliced(at, 1, ...line);
    else lines = lines.toSpliced(top, 0, ...line);
  }
  const edited = lines.length === 0 ? "" : `${lines.join(end)}${end}`;
  check(text, edited, changes);
  return edited;
}

function check(before: string, after: string, changes: Changes): void {
  try {
    const wanted: Record<string, unknown> = { ...parse(before), ...changes };
    for (const [key, value] of Object.entries(wanted)) if (value === null) delete wanted[key];
    if (Bun.deepEquals(parse(after), wanted)) return;
  } catch {}
  throw new MlError("bad_config", `the config file cannot be changed at \`${Object.keys(changes).join("`, `")}\``, {
    cause: "it is damaged, or the value is spread over several lines",
    hint: "open it in an editor: `ml config path` tells where it is",
  });
}

/** The text of a config file, "" where there is none. Throws `not_allowed` and others. */
export function readConfigText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    if (systemCode(cause) === "ENOENT") return "";
    throw asMlError(cause, `reading \`${path}\``);
  }
}

/** Replaces the file whole, for its owner only; through a symbolic link its target. Throws MlError. */
export function writeConfigText(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeDurable(existingTarget(path), text, { mode: 0o600 });
  } catch (cause) {
    const error = asMlError(cause, `writing \`${path}\``);
    const code = systemCode(cause);
    if (code !== "EROFS" && code !== "EACCES" && code !== "EPERM") throw error;
    throw new MlError("not_allowed", error.message, {
      cause: error.detail.cause,
      hint: "choose a place that you may write to: `export ML_HOME=/some/folder`, or `--config FILE`",
    });
  }
}

function existingTarget(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
