/** What forms are built from: fields, command lines from what stands in them, and what our own commands say. */
import { MlError } from "../core/error.ts";
import { shellWords } from "../core/shell-words.ts";
import { safeText } from "../view/safe-text.ts";
import type { CommandResult, Desk } from "./desk.ts";
import { type Field, type FormState, type Values, valuesOf } from "./form.ts";

type FormParts = Pick<FormState, "id" | "title" | "command" | "submit"> & { fields: Field[] };

export function form(parts: FormParts): FormState {
  return { ...parts, first: valuesOf(parts), at: 0, problem: null, busy: false, progress: null };
}

interface FieldOptions {
  text?: string;
  hint?: string;
}

export function line(name: string, label: string, options: FieldOptions = {}): Field {
  return {
    name,
    label,
    kind: "line",
    text: options.text ?? "",
    ...(options.hint === undefined ? {} : { hint: options.hint }),
  };
}

export function text(name: string, label: string, options: FieldOptions = {}): Field {
  return { ...line(name, label, options), kind: "text" };
}

/** One of some words, or none of them. */
export function choice(name: string, label: string, options: { choices: readonly string[]; text?: string }): Field {
  return { name, label, kind: "choice", choices: options.choices, text: options.text ?? "" };
}

export const filled = (value: string | undefined): string => (value ?? "").trim();

/** `--name value` for each field that has a text. */
export function flagsOf(values: Values, flags: Readonly<Record<string, string>>): string[] {
  return Object.entries(flags).flatMap(([field, flag]) =>
    filled(values[field]) === "" ? [] : [flag, filled(values[field])],
  );
}

/** `--flag value` for each line of a field. */
export function flagLines(value: string | undefined, flag: string): string[] {
  return linesOf(value).flatMap((one) => [flag, one]);
}

/** The lines of a text that say something. */
export function linesOf(value: string | undefined): string[] {
  return filled(value)
    .split("\n")
    .map((one) => one.trim())
    .filter((one) => one !== "");
}

/** The words of a list that is separated by commas or spaces. */
export function listOf(value: string | undefined): string[] {
  return filled(value)
    .split(/[\s,]+/)
    .filter((one) => one !== "");
}

/** Words of a command line that may be broken still, while it is typed. */
export function wordsOf(command: string): string[] {
  try {
    return shellWords(command);
  } catch {
    return command.split(/\s+/).filter((word) => word !== "");
  }
}

/** What a command of ours printed; throws what it said where it failed. */
export function requireDone(result: CommandResult): CommandResult {
  if (result.code === 0) return result;
  const [message = "it failed", ...rest] = result.stderr
    .trim()
    .split("\n")
    .filter((one) => /^(ml: |cause: |hint: )/.test(one.trim()) || result.stderr.indexOf("ml: ") < 0);
  throw new MlError("failed", safeText(message.replace(/^ml: /, "")), { hint: safeText(rest.join(" ").trim()) });
}

/** The last line that a command printed; of one that failed, why. */
export function lastWords(result: CommandResult): string {
  const { stdout, stderr } = requireDone(result);
  return safeText((stdout.trim() === "" ? stderr : stdout).trim().split("\n").at(-1) ?? "");
}

/** Queues by our own command, goes to the new run, and passes on what the command warned of: `! the same as …`. */
export async function queueBy(desk: Desk, words: readonly string[], onTalk?: (text: string) => void): Promise<string> {
  const [command = "queue", ...rest] = words;
  const result = requireDone(await desk.runCommand([command, "-q", ...rest], onTalk));
  const runIds = result.stdout.trim().split("\n");
  desk.ui.marked.clear();
  desk.pages.clear();
  desk.select(runIds.at(-1) ?? null);
  const warning = result.stderr.split("\n").find((one) => one.startsWith("! "));
  const queued = runIds.length === 1 ? `queued ${runIds[0]}` : `queued ${runIds.length} runs`;
  return warning === undefined ? queued : `${queued} ${safeText(warning)}`;
}
