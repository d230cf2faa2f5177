/**
 * The parameters of a run as its command line gives them: `--lr 3e-4`, `--lr=3e-4`, `-b 64`, `-j4`, `--amp`,
 * `--no-amp`, Hydra's `optim.lr=3e-4`, `+a.b=c`, `++a=b`. Pure, and kept with where each stood (`at`, `words`, `form`),
 * so that whoever writes a changed command line back can do it in the style of the old one.
 *
 * Nobody tells us which flags take a value, so one rule decides: a flag takes the next word unless that begins another
 * flag. Names are compared with `-` as `_`: `--batch-size` and `batch_size` are one parameter.
 */
import { isCredentialName } from "../core/secrets.ts";

export type ParameterValue = string | number | boolean;

/** How a parameter was written. */
export type ParameterForm =
  /** `--name value`, `-n value`. */
  | "spaced"
  /** `--name=value`, `-n=value`. */
  | "equals"
  /** `-j4`. */
  | "attached"
  /** `--name`, `-v`: true. */
  | "flag"
  /** `--no-name`: false. */
  | "negated"
  /** Hydra: `name=value`, `+name=value`, `++name=value`. */
  | "assigned";

export interface Parameter {
  /** Without dashes and plus signs, `-` as `_`; dots are kept: `optim.lr`. */
  name: string;
  value: ParameterValue;
  /** The value exactly as it was typed; several words of one list joined by a space; empty for flags. */
  text: string;
  form: ParameterForm;
  /** Index in argv of its first word, and how many words it takes. */
  at: number;
  words: number;
}

export interface ReadCommand {
  /** The script or module (`python -m pkg.train`: `pkg.train`), or the program where there is no script. */
  script: string;
  /** Index in argv of the script. */
  scriptAt: number;
  /** In order; a name may stand several times. */
  parameters: Parameter[];
  /** Words that belong to no parameter. */
  positionals: { text: string; at: number }[];
}

const scriptPattern = /\.(py|sh|bash|R|jl|js|mjs|ts|rb|pl|lua|ipynb)$/;
/** `key=value` as Hydra and make take it; a key begins with a letter, so that `==` and URLs are none. */
const assignment = /^(?:\+{1,2})?([A-Za-z_][\w./@-]*)=(.*)$/s;
const numberPattern = /^[+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A flag and not a negative number. */
const isFlag = (word: string) => /^-{1,2}[A-Za-z]/.test(word);
const isNumber = (word: string) => numberPattern.test(word);

/** `3e-4` is a number, `true` and `False` are truth values, everything else is text (without its quotes). */
export function readValue(text: string): ParameterValue {
  if (isNumber(text)) {
    const value = Number(text.replaceAll("_", ""));
    if (Number.isFinite(value)) return value;
  }
  if (/^true$/i.test(text)) return true;
  if (/^false$/i.test(text)) return false;
  return /^(["']).*\1$/s.test(text) && text.length > 1 ? text.slice(1, -1) : text;
}

/** The name under which a parameter is known, however it was typed. */
export function parameterName(typed: string): string {
  return typed.replace(/^[-+]+/, "").replaceAll("-", "_");
}

/** Where the script stands: the first word with a script's ending, or what follows `-m`, else the program itself. */
function findScript(argv: readonly string[]): number {
  for (const [at, word] of argv.entries()) {
    if (word === "-m" && at > 0 && argv[at + 1] !== undefined && isLauncher(argv[0] ?? "")) return at + 1;
    if (!word.startsWith("-") && scriptPattern.test(word) && !word.includes("=")) return at;
  }
  return 0;
}

const isLauncher = (program: string) => /(^|\/)(python[\d.]*|pypy[\d.]*|uv|torchrun|accelerate)$/.test(program);

/** The words that a flag at `at` takes as its value: one, or a whole list of numbers (`--layers 64 128 256`). */
function valueWords(argv: readonly string[], at: number): number {
  const next = argv[at + 1];
  if (next === undefined || next === "--" || isFlag(next) || assignment.test(next)) return 0;
  if (!isNumber(next)) return 1;
  let count = 1;
  while (isNumber(argv[at + 1 + count] ?? "")) count += 1;
  return count;
}

function readFlag(argv: readonly string[], at: number): Parameter {
  const word = argv[at] ?? "";
  const equals = word.indexOf("=");
  if (equals > 0) {
    const text = word.slice(equals + 1);
    return { name: parameterName(word.slice(0, equals)), value: readValue(text), text, form: "equals", at, words: 1 };
  }
  const attached = /^-([A-Za-z])([+-]?[\d.][\w.+-]*)$/.exec(word);
  if (attached !== null) {
    const [, name = "", text = ""] = attached;
    return { name, value: readValue(text), text, form: "attached", at, words: 1 };
  }
  const taken = valueWords(argv, at);
  const name = parameterName(word);
  if (taken > 0) {
    const text = argv.slice(at + 1, at + 1 + taken).join(" ");
    return { name, value: readValue(text), text, form: "spaced", at, words: taken + 1 };
  }
  if (/^--no-./.test(word))
    return { name: parameterName(word.slice("--no-".length)), value: false, text: "", form: "negated", at, words: 1 };
  return { name, value: true, text: "", form: "flag", at, words: 1 };
}

/** Reads an argv. Parameters whose names look like credentials are left out: nothing repeats their values. */
export function readCommand(argv: readonly string[]): ReadCommand {
  const scriptAt = findScript(argv);
  const read: ReadCommand = { script: argv[scriptAt] ?? "", scriptAt, parameters: [], positionals: [] };
  for (let at = scriptAt + 1; at < argv.length; ) {
    const word = argv[at] ?? "";
    const assigned = isFlag(word) ? null : assignment.exec(word);
    if (!isFlag(word) && assigned === null) {
      if (word !== "--") read.positionals.push({ text: word, at });
      at += 1;
      continue;
    }
    const [, key = "", text = ""] = assigned ?? [];
    const parameter: Parameter =
      assigned === null
        ? readFlag(argv, at)
        : { name: parameterName(key), value: readValue(text), text, form: "assigned", at, words: 1 };
    if (!isCredentialName(parameter.name)) read.parameters.push(parameter);
    at += parameter.words;
  }
  return read;
}

/** Name → value; a name that stands several times has all its values in one text, as it would be read aloud: `a, b`. */
export function parameterValues(parameters: readonly Parameter[]): Record<string, ParameterValue> {
  const values: Record<string, ParameterValue> = {};
  for (const { name, value } of parameters) {
    values[name] = Object.hasOwn(values, name) ? `${values[name]}, ${value}` : value;
  }
  return values;
}
